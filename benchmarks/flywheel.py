"""Two real turns of the flywheel on the shipped adapter: one that promotes and one that refuses.

    python benchmarks/flywheel.py            # both, some 20 minutes of one core
    python benchmarks/flywheel.py refuses    # that alone: some 5 minutes

Both train on for a few steps that change next to nothing, so that the candidate is as good as what it came
from. `promotes` passes every gate; `refuses` asks for a share of right operands that no such model has, and
the evaluation has to stop it. With `--rate 0.03` the weights are spoilt, and the training stops itself. The
registry stands in OUT, not where this installation looks. Stopped, it goes on.
"""

import argparse
import resource
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.models import Registry
from enactor.serve.flywheel import load_flywheel_recipe, told, turn
from enactor.settings import Settings

TURNS: dict[str, dict[str, float]] = {"promotes": {}, "refuses": {"operands": 0.999}}
"""The least shares that each turn asks for."""


def changes(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """What is changed in the recipe `demo`."""
    return {
        "name": name,
        "out": args.out / name,
        "train": {
            "recipe": "embedded",
            "changes": {
                "start": "default",
                "data": {"rows": 8 * args.steps, "test_rows": 2 * args.cases},
                "learning_rate": args.rate,
            },
        },
        "ship": "q8_0",
        "evaluate": {"cases": args.cases, "against": "shipped", "at_least": TURNS[name]},
        "parity": {"prompts": 200, "reference": args.reference},
        "promote": True,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("turns", nargs="*", default=list(TURNS), help=" or ".join(TURNS))
    parser.add_argument("--steps", type=int, default=4, help="of eight rows")
    parser.add_argument("--rate", type=float, default=1e-6, help="of learning")
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--reference", choices=("trained", "f16"), default="trained")
    parser.add_argument("--out", type=Path, default=Path("runs/flywheel-bench"))
    args = parser.parse_args()
    for name in args.turns:
        started = time.perf_counter()
        registry = Registry(args.out / "registry")
        recipe = load_flywheel_recipe("demo", changes(name, args))
        outcome = turn(recipe, Settings(slots=1), Console(), registry=registry)
        current = registry.current()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"\n{name}:\n" + "\n".join(told(outcome.steps)))
        print(f"in use: {current.name if current else 'the shipped adapter'}")
        minutes = (time.perf_counter() - started) / 60
        print(f"{minutes:.1f} minutes, {time.process_time():.0f} s of processor so far, peak {peak:.0f} MB\n")


if __name__ == "__main__":
    main()
