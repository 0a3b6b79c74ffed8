"""What each rung of the repair ladder is worth, on the requests that a real player wrote.

    python benchmarks/ladder.py ../shared/real                 # the base, all requests: an hour or more
    python benchmarks/ladder.py ../shared/real --requests 3    # a try
    python benchmarks/ladder.py ../shared/real --out plays.jsonl --requests 40    # a later call goes on
    python benchmarks/ladder.py ../shared/real --model default

Plays every distinct request four times, each time with one rung more: the strict parser alone (`strict`),
calls found in text (`shapes`), the second decode under the grammar (`forced`), and failed steps made good
(`recover`: by what is known, else by one more turn of the model). The same prompt is decoded once: decoding
is greedy, so that the stages differ in nothing but the rungs. Prints a table. With `--out` the plays are kept
as JSON lines by content hash, and what the file has already is not played again. `a call`: any call was made.
`executed`: an acting call succeeded, by the ledger. `right`: the calls that were decided on are the labelled
ones (`data/real_labels.json`). Prints no player's text.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Unpack

from real import cases, is_right

from enactor.agent import Controller, Toolbox
from enactor.evaluate import Rate
from enactor.models import Completion, Engine
from enactor.models.engine import Options
from enactor.prompt import tool_call
from enactor.serve.opening import open_engine, system_turn
from enactor.serve.record import trace_record
from enactor.settings import load_settings
from enactor.sim import Simulator
from enactor.trace.values import Message

STAGES: dict[str, dict[str, bool]] = {
    "strict": {"ladder": False, "recover": False},
    "+shapes": {"forced": False, "recover": False},
    "+forced": {"recover": False},
    "+recover": {},
}


KEPT = ("calls", "outcome", "model_outcome", "latency_ms")


class Once:
    """An engine that decodes a prompt once and then remembers the answer. Greedy decoding only."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._known = engine, dict[tuple[str, str | None], Completion]()

    @property
    def name(self) -> str:
        return self._engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        key = prompt, options.get("grammar")
        if key not in self._known:
            self._known[key] = self._engine.complete(prompt, **options)
        return self._known[key]

    def cancel(self) -> None:
        self._engine.cancel()

    def close(self) -> None:
        self._engine.close()


def history(case: dict[str, Any]) -> tuple[Message, ...]:
    """The turn before, as the model sees it."""
    return tuple(
        Message(
            turn["role"],
            turn["content"] if not turn.get("tool_calls") else "",
            tuple(tool_call(call["tool"], call["args"]) for call in turn.get("tool_calls") or ()),
        )
        for turn in case["history"]
    )


def play(engine: Engine, system: str, case: dict[str, Any], rungs: dict[str, bool]) -> dict[str, Any]:
    """One request at one stage, in a fresh simulator."""
    toolbox = Toolbox(Simulator(seed=0, start=case["state"]))
    trace = Controller(engine, toolbox, system=system, **rungs).handle(case["message"], history(case))
    return {**trace_record(trace), "model_outcome": trace.model_outcome}


def known(path: Path | None, wanted: set[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The plays that a file has, by stage and request."""
    plays: dict[str, dict[str, dict[str, Any]]] = {stage: {} for stage in STAGES}
    if path is not None and path.is_file():
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            if row["request"] in wanted:
                plays[row["stage"]][row["request"]] = row
    return plays


def table(plays: dict[str, dict[str, dict[str, Any]]], labels: dict[str, Any]) -> str:
    lines = [
        "| stage | a call | executed | right | described or claimed | origins |",
        "|---|---|---|---|---|---|",
    ]
    for stage, found in plays.items():
        rows = list(found.values())
        called = Rate(sum(bool(row["calls"]) for row in rows), len(rows))
        done = Rate(sum(row["outcome"] == "executed" for row in rows), len(rows))
        judged = [
            is_right(row["calls"], labels[key]["accept"]) for key, row in found.items() if key in labels
        ]
        faked = Rate(sum(row["outcome"] in ("described", "claimed") for row in rows), len(rows))
        origins = Counter(
            "recovered" if call.get("recovered") else call["origin"] for row in rows for call in row["calls"]
        )
        shown = ", ".join(f"{name} {n}" for name, n in origins.most_common()) or "none"
        right = f"{Rate(sum(judged), len(judged))} of {len(judged)}" if judged else "nothing labelled"
        lines.append(f"| {stage} | {called} | {done} | {right} | {faked} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="bot conversations (conversations_*.jsonl)")
    parser.add_argument("--model", default="base")
    parser.add_argument("--requests", type=int, help="only the first so many")
    parser.add_argument("--out", type=Path, help="JSON lines file of the plays, without the words; continued")
    args = parser.parse_args()
    labels = json.loads((Path(__file__).parent / "data/real_labels.json").read_text("utf-8"))
    chosen = list(cases(args.folder).items())[: args.requests]
    settings = load_settings({"model": args.model})
    plays = known(args.out, {key for key, _ in chosen})
    began, new = time.monotonic(), 0
    with open_engine(settings, slots=1) as loaded:
        for key, case in chosen:
            if key in plays["+recover"]:
                continue
            engine, new = Once(loaded), new + 1
            for stage, rungs in STAGES.items():
                plays[stage][key] = play(engine, system_turn(args.model), case, rungs)
            if args.out:
                with args.out.open("a", encoding="utf-8") as file:
                    file.writelines(
                        json.dumps(
                            {"request": key, "stage": stage, **{k: plays[stage][key][k] for k in KEPT}}
                        )
                        + "\n"
                        for stage in STAGES
                    )
    seconds = time.monotonic() - began
    print(f"{args.model}: {len(chosen)} requests, {new} of them played now in {seconds:.0f} s\n")
    print(table(plays, labels))


if __name__ == "__main__":
    main()
