"""The full report: a model against all baselines on every suite. Stopped, it goes on where it was.

    python benchmarks/full.py                                        # every play of the tuned model
    python benchmarks/full.py --limit 120 --base 12 --previous NAME  # a third of the time
    python benchmarks/full.py --cases MINE --remote ollama:qwen2.5:14b

Columns: the model as it is used; the same without help (its answers are read back, nothing is decoded
again); the version before; a remote model; the rules without a model; the base with the full tool
description, with and without help, and under a grammar. The base reads some 2,600 tokens and mostly talks to
the limit, so it plays a sample (`--base`); pairs are compared on the plays that both have. The suite `novel`
is for a model that was trained without its families (`--novel`). OUT has a folder a suite with its report,
and `full.md`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from enactor.evaluate.metrics import NAMES, Figure

SUITES = ("core", "multi", "robust", "nocall", "adversarial")


def policies(args: argparse.Namespace, model: str) -> list[str]:
    others = [name for name in (args.previous, args.remote) if name]
    return [model, f"{model}+raw", *others, "rules", "base", "base+raw", "base+grammar"]


def play(suite: str, names: list[str], out: Path, args: argparse.Namespace) -> None:
    """`enactor eval` in a process of its own, so that its memory can be told."""
    command = [sys.executable, "-m", "enactor", "eval", suite, "--out", str(out), "--slots", "1"]
    for name in names:
        command += ["--policy", name]
        if name.startswith("base"):
            command += ["--sample", f"{name}={args.base}"]
    for option, value in (("--limit", args.limit), ("--trained", args.trained), ("--trials", args.trials)):
        command += [option, str(value)] if value else []
    command += ["--cases", str(args.cases)] if suite == "real" else []
    command += ["--curves", str(args.curves)] if args.curves else []
    subprocess.run(command, check=True)


def figure(found: dict[str, Any] | None) -> str:
    return "–" if found is None else f"{Figure(**found)} of {found['n']}"


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def told(out: Path, played: dict[str, list[str]]) -> str:
    """Passed by suite and policy, every figure of each suite, and what is significant."""
    found = {suite: json.loads((out / suite / "report.json").read_text("utf-8")) for suite in played}
    parts = ["Passed, greedy plays:\n"]
    heads = list(dict.fromkeys(name for names in played.values() for name in names))
    rows = [
        [suite, *(figure(report["figures"].get(name, {}).get("passed")) for name in heads)]
        for suite, report in found.items()
    ]
    parts.append(table(["suite", *heads], rows))
    for suite, report in found.items():
        keys = [key for key in NAMES if any(key in part for part in report["figures"].values())]
        rows = [[NAMES[key], *(figure(report["figures"][name].get(key)) for name in heads)] for key in keys]
        parts.append(f"\n{suite}, version {report['run']['version']}, {report['run']['hash']}:\n")
        parts.append(table(["", *heads], rows))
        first = heads[0]
        for one in report["comparisons"]:
            if one["first"] == first and one["key"] == "passed":
                pair = one["found"]
                parts.append(
                    f"\n{first} against {one['second']} on {pair['n']} plays: "
                    f"alone right {pair['only_first']}, alone wrong {pair['only_second']}, "
                    f"McNemar p = {pair['p']:.2g}, after Holm {one['adjusted']:.2g}"
                )
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/full"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--previous", help="the version before: a folder or a name of the registry")
    parser.add_argument("--remote", help="such as ollama:qwen2.5:14b")
    parser.add_argument("--novel", help="a model that was trained without the families of `novel`")
    parser.add_argument("--cases", type=Path, help="your own cases")
    parser.add_argument("--trained", type=Path, help="the rows that the models were trained on")
    parser.add_argument("--curves", type=Path, help="curves.jsonl of the training, for the reports")
    parser.add_argument("--limit", type=int, help="plays of each suite")
    parser.add_argument("--base", type=int, default=20, help="plays of each suite by each base policy")
    parser.add_argument("--trials", type=int, help="sampled rounds, for pass^k; multiplies the time")
    parser.add_argument("--suites", nargs="*", default=SUITES)
    args = parser.parse_args()
    suites = {suite: policies(args, args.model) for suite in args.suites}
    if args.novel:
        suites["novel"] = policies(args, args.novel)
    if args.cases:
        suites["real"] = policies(args, args.model)
    spent = []
    for suite, names in suites.items():
        started = time.perf_counter()
        play(suite, names, args.out / suite, args)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
        spent.append(
            f"{suite}: {(time.perf_counter() - started) / 60:.1f} minutes, peak so far {peak:.0f} MB"
        )
    text = told(args.out, suites)
    (args.out / "full.md").write_text(text, "utf-8")
    print(text + "\n" + "\n".join(spent))


if __name__ == "__main__":
    main()
