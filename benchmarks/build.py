"""How fast a data set is built, and how much memory a row takes.

    python benchmarks/build.py [--rows N] [--synthetic N] [--folder DIR]

Writes N recorded requests to a training log of its own (made from the phrasebook's phrasings: a tenth
repeated, a tenth faked, the rest with words of no meaning behind them that make them new), then runs the
whole chain over them: gather, filter, relabel, dedupe, synthesize, balance, split, certify. The target is a
million rows in at most 1 KB of memory each beyond what the program needs by itself:

    python benchmarks/build.py --rows 1000000

The peak is the resident set, sampled by the kernel (VmHWM), and what it was before the first row. Prints a
table and one JSON line.
"""

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from enactor.curate import load_build_recipe, read_rows, run_recipe
from enactor.curate.mix import by_kind, draws
from enactor.curate.recipe import Counts
from enactor.curate.synthesize import Funnel
from enactor.trace import canonical_json
from enactor.trace.codec import to_row
from enactor.trace.values import Step, ToolCall, ToolResult, Trace
from enactor.world import offers
from enactor.world.phrasebook import templates

KINDS = ("simple", "loop", "multi", "status")
RECORDED = 0.7  # of the requests there is room for; a fifth is faked or refused by a rule
ANSWERS = 4000  # different requests; the log varies them by the words behind


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write_log(folder: Path, rows: int, rng: random.Random) -> float:
    """The training log; returns the seconds it took."""
    started = time.perf_counter()
    folder.mkdir(parents=True)
    kinds = by_kind(t for t in templates() if not t.group.before)
    made = []
    for kind in KINDS:
        source = draws(kinds[kind], rng, Funnel())
        fitting = (row for row in source if row is not None and row.say)
        made += islice(fitting, min(ANSWERS, rows) // len(KINDS))
    with (folder / "training_2030-01-01.jsonl").open("w", encoding="utf-8") as file:
        for number in range(rows):
            row = made[number % len(made)]
            draw = rng.random()
            words = row.message if draw < 0.1 else f"{row.message} {_filler(rng)}"
            steps = tuple(
                Step(
                    ToolCall(a.tool, json.dumps(dict(a.args)), dict(a.args)),
                    ToolResult("ok", {"dispatched": True}),
                )
                for a in row.say
            )
            fake = 0.1 <= draw < 0.2
            trace = Trace(
                words,
                "Done." if fake else "",
                "claimed" if fake else "answered" if row.kind == "status" else "executed",
                "claimed" if fake else "executed",
                () if fake else steps,
                state_before=row.state,
                timestamp=f"2030-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}",
                meta={"conversation": f"c{number // 5}"},
            )
            file.write(canonical_json(to_row(trace)) + "\n")
    return time.perf_counter() - started


def _filler(rng: random.Random) -> str:
    """Words that make a request a new one and mean nothing to the rules."""
    return " ".join("".join(rng.choices("abcdefghiklmnoprstuw", k=rng.randint(3, 7))) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--synthetic", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="enactor-build-"))
    try:
        seconds_log = write_log(folder / "log", given.rows, random.Random(0))
        offers().offer("warm up")
        shares = {"simple": 0.4, "loop": 0.3, "multi": 0.2, "status": 0.1}
        counts = {kind: round(share * given.rows * RECORDED) for kind, share in shares.items()}
        counts["chat"] = given.synthetic
        rest = dict.fromkeys(Counts.model_fields.keys() - counts.keys(), 0)
        recipe = load_build_recipe(
            "recorded",
            {
                "out": folder / "out",
                "gather": {"traces": [folder / "log"], "without_rules": ["operands were said"]},
                "counts": counts | rest,
                "grow": 1.0,
                "near": 0.95,
                "runtimes": [],  # the parsers of the runtimes are not what is measured
            },
        )
        before = peak_kb()
        started, worked = time.perf_counter(), time.process_time()
        manifest = run_recipe(recipe, progress=lambda line: print(line, file=sys.stderr))
        seconds, worked = time.perf_counter() - started, time.process_time() - worked
        after = peak_kb()
        written = sum(1 for _ in read_rows(folder / "out" / "train.jsonl"))
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    through = given.rows + sum(
        manifest[s]["rows"] - sum(manifest[s]["recorded"].values()) for s in ("train", "test")
    )
    figures = {
        "requests": given.rows,
        "rows_through": through,
        "train": written,
        "log_seconds": round(seconds_log, 1),
        "seconds": round(seconds, 1),
        "rows_per_second": round(through / seconds),
        "rows_per_cpu_second": round(through / worked),
        "peak_mb": round(after / 1024),
        "peak_before_mb": round(before / 1024),
        "kb_a_row": round((after - before) / through, 3),
        "kept": manifest["filter"]["kept"],
        "mended": manifest["filter"]["mended"],
        "removed": manifest["filter"]["removed"] | manifest["removed"],
    }
    for name, value in figures.items():
        print(f"{name:16} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
