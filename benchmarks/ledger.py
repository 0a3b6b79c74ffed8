"""Precision, recall and errors of the ledger for each outcome.

    python benchmarks/ledger.py             # the tables of docs/ledger.md
    python benchmarks/ledger.py --misses    # and the made-up turns that the rules may be corrected on

Made-up turns: `tests/trace/ledger_turns.yaml`, in two halves by their hash; the held half is only counted.
`tests/trace/ledger_last.yaml` was written when the rules were finished, `ledger_later.yaml` after that, by
another hand.
Real turns: `../shared/real`, where it is, with the labels of `tests/trace/ledger_labels.json`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "trace"))

from ledger_turns import made_up, real, table


def main(show: bool) -> None:
    turns, recorded = made_up(), real()
    halves = {
        "Made up, written last": made_up("ledger_last.yaml"),
        "Made up, written later": made_up("ledger_later.yaml"),
        "Made up, held half": [turn for turn in turns if turn.side == "held"],
        "Made up, tuned half": [turn for turn in turns if turn.side == "tuned"],
        "Real, the model's text kept": [t for t in recorded if not _notice(t.reply)],
        "Real, all": recorded,
    }
    for name, part in halves.items():
        if not part:
            print(f"{name}: not here\n")
            continue
        done = table(part)
        print(f"{name}: {len(part)} turns\n", *done.lines(), "", sep="\n")
        if show and name == "Made up, tuned half":
            for turn, got, why in done.misses:
                print(f"  want {turn.want}, got {got}: {turn.message!r} -> {turn.reply!r}\n    {why}")


def _notice(reply: str) -> bool:
    """Whether the runner's notice stands where the model's text was."""
    return "described an action but didn't" in reply


if __name__ == "__main__":
    main("--misses" in sys.argv[1:])
