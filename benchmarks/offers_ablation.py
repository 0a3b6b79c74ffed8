"""Do the offered commands help? Two adapters trained alike, one with the offers in its prompts, one without.

    python benchmarks/offers_ablation.py FOLDER [rows] [test rows]

Same rows, order, steps and seed; the rows of the second lose their line of cards, and its controller offers
nothing. Both are evaluated on the same held-out phrasings. Goes on where it stopped.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import enactor.agent.controller as controller
from enactor.curate import BuildConfig, build, read_rows
from enactor.curate.rows import write_rows
from enactor.evaluate import Policy, cases_of, evaluate
from enactor.models import load_engine
from enactor.train import load_recipe, train


class NoOffers:
    """Offers nothing to any message."""

    def offer(self, message: str) -> tuple[str, ...]:
        return ()

    def by_name(self, message: str) -> dict[str, float]:
        return {}


def main(folder: Path, rows: int, test_rows: int) -> None:
    data = folder / "data"
    if not (data / "manifest.json").is_file():
        build(BuildConfig(rows=rows, test_rows=test_rows, out=data))
        for split in ("train", "test"):
            bare = [replace(row, offered=()) for row in read_rows(data / f"{split}.jsonl")]
            write_rows(data / f"{split}-bare.jsonl", bare)
    recipe = load_recipe(
        "demo", {"epochs": 1, "max_minutes": 60, "data": {"rows": rows, "test_rows": test_rows}}
    )
    adapters = {}
    for name, suffix in (("offers", ""), ("bare", "-bare")):
        done = folder / f"{name}.json"
        if not done.is_file():
            adapter = train(recipe, data / f"train{suffix}.jsonl", folder / name)
            done.write_text(json.dumps({"folder": str(adapter.folder), **adapter.metrics}))
        adapters[name] = json.loads(done.read_text())
    cases = cases_of(read_rows(data / "test.jsonl"))
    offers = controller.offers
    for name in adapters:
        controller.offers = offers if name == "offers" else NoOffers  # type: ignore[assignment]
        engine = load_engine(str(folder / name), slots=1, threads=1)
        report = evaluate(Policy(name, engine), cases, slots=1)
        engine.close()
        print(f"\n{name}: {adapters[name]}")
        for metric, value in report.rows():
            print(f"  {metric:24}{value}", flush=True)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 800,
        int(sys.argv[3]) if len(sys.argv) > 3 else 200,
    )
