"""How often the right commands are among those offered, on phrasings that they were not fitted to.

    python benchmarks/offers.py [rows]

Draws rows from held-out phrasings, and half as many composed of several, and asks whether every command of
the right answer is among the first k offered, and among all that the prompt shows. The first column is what
taking the first card blindly would score on requests with one command.
"""

import random
import sys
import time
from collections import Counter

from enactor.curate import Funnel, make_row
from enactor.curate.mix import by_kind
from enactor.curate.several import several
from enactor.world import offers
from enactor.world.cards import REPLY
from enactor.world.phrasebook import templates

DEPTHS = (1, 2, 4, 6, 8)
SHOWN = 0  # stands for all that are shown


def main(wanted: int) -> None:
    started = time.perf_counter()
    fitted = offers()
    print(f"loaded in {time.perf_counter() - started:.2f} s")
    held_out = [template for template in templates() if template.held_out]
    rng = random.Random(5)
    drawn = []
    while len(drawn) < wanted:
        row = make_row(rng.choice(held_out), rng, Funnel())
        if row is not None:
            drawn.append(row)
    written = len(drawn)
    composed = several(by_kind(held_out), rng)
    while len(drawn) < written + wanted // 2:
        row = make_row(next(composed), rng, Funnel())
        if row is not None:
            drawn.append(row)
    hits: Counter[tuple[str, int]] = Counter()
    totals: Counter[str] = Counter()
    started = time.perf_counter()
    for row in drawn:
        right = {a.args["command"].split()[0] if a.tool == "send_command" else a.tool for a in row.say}
        offered = fitted.offer(row.message, max(DEPTHS))
        shown = set(fitted.offer(row.message))
        for kind in ("composed",) if row.group.startswith("several.") else (row.kind, "all"):
            totals[kind] += 1
            hits[kind, SHOWN] += (right or {REPLY}) <= shown
            for depth in DEPTHS:
                hits[kind, depth] += (right or {REPLY}) <= set(offered[:depth])
    print(f"{(time.perf_counter() - started) / len(drawn) * 1000:.1f} ms a request")
    print(f"{'':12}{'n':>6}" + "".join(f"{f'of {depth}':>9}" for depth in DEPTHS) + f"{'shown':>9}")
    for kind, n in sorted(totals.items()):
        shares = (hits[kind, depth] / n for depth in (*DEPTHS, SHOWN))
        print(f"{kind:12}{n:6}" + "".join(f"{share:9.1%}" for share in shares))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
