"""Figures of the simulator: an hour of a kill loop, resets, commands and observations per second.

    python benchmarks/sim.py            # prints one JSON object
    python benchmarks/sim.py 100000     # and plays so many random commands, checking the invariants

Bars: one simulated hour of a kill loop under 0.1 s, 1,000 resets a second.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from enactor.sim import Simulator

FROGS = {
    "location": [3197, 3169, 0],
    "health": [60, 60],
    "inventory": ["Lobster"] * 28,
    "skills": {"attack": 60, "strength": 60, "defence": 60},
}
CASE = {
    "location": [3204, 3176, 0],
    "health": [35, 35],
    "inventory": ["Cowhide", "Tuna", "Tuna", "Coins x150"],
}


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median seconds of one call."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def hour() -> None:
    """One simulated hour of a kill loop that is not interrupted."""
    sim = Simulator(0, FROGS)
    sim.send("KILL_LOOP Giant_frog Lobster 100000")
    if sim.settle(3600)["status"] != "running":
        raise SystemExit("the kill loop ended early; the figure would not be of an hour")


def figures() -> dict[str, float]:
    """All figures, rounded."""
    Simulator(0, FROGS).observe()  # reads the tables
    sim = Simulator(0, CASE)
    return {
        "kill_loop_hour_s": round(seconds(hour), 4),
        "idle_day_s": round(seconds(lambda: Simulator(0, CASE).advance(86_400)), 6),
        "resets_per_s": round(1000 / seconds(lambda: [Simulator(i, CASE) for i in range(1000)])),
        "observe_ms": round(10 * seconds(lambda: [sim.observe() for _ in range(100)]), 4),
        "reads_per_s": round(1000 / seconds(lambda: [sim.send("QUERY_INVENTORY") for _ in range(1000)])),
    }


def stress(count: int) -> dict[str, float]:
    """Random commands under the invariants of the tests."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "sim"))
    from test_sim_invariants import STARTS, play

    begin, done, seed = time.perf_counter(), 0, 0
    while done < count:
        play(seed, seed % len(STARTS), 200)
        done, seed = done + 200, seed + 1
    return {"random_commands": done, "streams": seed, "stress_s": round(time.perf_counter() - begin, 1)}


if __name__ == "__main__":
    found = figures()
    if len(sys.argv) > 1:
        found |= stress(int(sys.argv[1]))
    print(json.dumps(found))
