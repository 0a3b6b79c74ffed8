"""How far the predictions of `enactor train --dry-run` are off published runs.

    python benchmarks/gpu.py

Reads `data/published_runs.yaml` and prints a table in Markdown: what was published, what the model of
`enactor.train.gpu` says, and the difference. The two constants of the time model were set by the first of the
sources, so its rows are a fit and the others a test.
"""

from pathlib import Path

import yaml

from enactor.train.gpu import CARDS, GpuPlan, Shape, footprint, seconds, shape_of
from enactor.train.gpu.footprint import GIB, weights
from enactor.train.recipe import PROJECTIONS


def main() -> None:
    published = yaml.safe_load((Path(__file__).parent / "data/published_runs.yaml").read_text("utf-8"))
    print("| Source | Tokens a micro-batch | Memory, GB | predicted | | Tokens/s | predicted | |")
    print("|---|---|---|---|---|---|---|---|")
    for source in published:
        shape = Shape(**source["shape"]) if "shape" in source else shape_of(source["base"])
        plan = GpuPlan(optimizer="adamw_torch", checkpointing=source.get("checkpointing", True))
        if "weights" in source:
            ours = weights(shape, plan) / 1e9
            row = [
                source["name"],
                "none",
                f"{source['weights']}",
                f"{ours:.2f}",
                off(ours, source["weights"]),
            ]
            print("| " + " | ".join([*row, "", "", ""]) + " |")
            continue
        targets = PROJECTIONS if source["targets"] == "all" else tuple(source["targets"])
        for run in source["runs"]:
            n = run["tokens"]
            memory = (
                footprint(shape, plan, rank=source["rank"], targets=targets, tokens=n, answers=n).total / GIB
            )
            taken = seconds(
                shape,
                plan,
                CARDS[source["card"]],
                rank=source["rank"],
                targets=targets,
                tokens=n,
                length=n,
                micro_batches=1,
                answers=n,
            )
            speed = run.get("speed")
            if "step_seconds" in run:
                speed = n * run["micro_batches"] / run["step_seconds"]
            row = [source["name"], f"{n:,}"]
            row += (
                [f"{run['memory']:g}", f"{memory:.1f}", off(memory, run["memory"])]
                if "memory" in run
                else [""] * 3
            )
            row += [f"{speed:,.0f}", f"{n / taken:,.0f}", off(n / taken, speed)] if speed else [""] * 3
            print("| " + " | ".join(row) + " |")


def off(ours: float, theirs: float) -> str:
    return f"{ours / theirs - 1:+.0%}"


if __name__ == "__main__":
    main()
