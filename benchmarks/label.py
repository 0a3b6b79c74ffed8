"""The labelling queue over a large store: opening, reopening after an append, a page of the queue, a trace.

`python benchmarks/label.py [TRACES] [LABELS]`; 100,000 traces and 10,000 labels without. Makes its own store.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from enactor.serve.label import Desk, Journal, Label
from enactor.trace import (
    Step,
    ToolCall,
    ToolResult,
    Trace,
    TraceStore,
    canonical_json,
    content_hash,
    to_row,
    trace_hash,
)


def trace(n: int) -> Trace:
    """One of many requests; every tenth was repaired."""
    line = f"KILL_LOOP Giant_frog none {n}"
    call = ToolCall(
        "send_command",
        canonical_json({"command": line}),
        {"command": line},
        origin="raw" if n % 10 else "repaired",
    )
    result = ToolResult("ok", {"dispatched": True, "command": line}, line, 0.5)
    state = {"location": [3222, 3218, 0], "health": [30, 35], "inventory": ["Tuna", "Cowhide", "Coins x150"]}
    return Trace(
        f"kill {n} giant frogs",
        f"Started {line}.",
        "executed",
        "executed" if n % 10 else "described",
        (Step(call, result),),
        state_before=state,
        state_after=state,
        timestamp=f"2030-01-{n * 28 // 1_000_000 + 1:02d}T00:00:00.{n % 1_000_000:06d}+00:00",
    )


def timed(what: str, run: Callable[[], object]) -> None:
    """Run and print how long it took."""
    started = time.perf_counter()
    run()
    print(f"{what:34} {1000 * (time.perf_counter() - started):10.1f} ms")


def main(traces: int, labels: int) -> None:
    """Make the store, then time what the page asks for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = TraceStore(folder)
        ids = []
        with (folder / "training_2030-01-01.jsonl").open("w", encoding="utf-8") as file:
            for n in range(traces):
                made = trace(n)
                ids.append(trace_hash(made))
                file.write(canonical_json(to_row(made)) + "\n")
        with (folder / "user_feedback.jsonl").open("w", encoding="utf-8") as file:
            for n in range(labels):
                label = Label(ids[n % traces], f"annotator {n % 2}", n % 5 + 1, n % 3 > 0)
                file.write(canonical_json(label.event()) + "\n")
        desk = Desk(folder)
        timed(f"open, {traces:,} traces, {labels:,} labels", lambda: desk.queue("me"))
        timed("a page of the queue", lambda: desk.queue("me"))
        timed("the first trace that is shown", lambda: desk.trace(ids[-1], "me"))
        timed("the next", lambda: desk.trace(ids[-2], "me"))
        timed("a judgement while typing", lambda: desk.check(ids[-1], "KILL_LOOP giant_frogs none 5"))
        timed("the same again", lambda: desk.check(ids[-1], "KILL_LOOP giant_frogs none 5"))
        timed("save a label", lambda: desk.label({"trace": ids[0], "annotator": "me", "rating": 3}))
        store.append(trace(traces + 1))
        timed("the queue after a new trace", lambda: desk.queue("me"))
        timed("read all labels", lambda: Journal(folder).labels())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{'peak memory':34} {peak:10.0f} MB   (store {content_hash(ids[:3])})")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*(given + [100_000, 10_000][len(given) :]))
