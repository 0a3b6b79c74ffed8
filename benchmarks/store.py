"""The store under fire: four writers, two of them killed with SIGKILL at random moments and begun again.

    python benchmarks/store.py              # 10,000 traces; prints one JSON object
    python benchmarks/store.py 400 --seed 7

Each writer appends its share and says each id after the store has acknowledged it. A successor of a killed
writer looks at what is stored and goes on behind it. In the end every share must be there whole: no
acknowledged trace lost, none doubled. The exit code is 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from enactor.trace import ReadReport, Trace, TraceStore

WRITERS = 4
KILLED = 2


def trace(name: str, n: int) -> Trace:
    """The n-th trace of a writer; some 3 kB as a row, as real ones with their state are."""
    return Trace(
        f"{name}-{n}", "x" * 2000, "executed", "executed", timestamp="2030-01-02T00:00:00", source=name
    )


def write(folder: Path, name: str, share: int) -> None:
    """Append what is missing of the share; a line `id milliseconds` for each acknowledged trace."""
    store = TraceStore(folder)
    done = {found.message for found in store.iterate() if found.source == name}
    for n in range(share):
        if f"{name}-{n}" in done:
            continue
        begin = time.perf_counter()
        identity = store.append(trace(name, n))
        print(identity, round((time.perf_counter() - begin) * 1000, 3), flush=True)


@dataclass(slots=True)
class Writer:
    """A process with what it has said so far."""

    name: str
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @classmethod
    def start(cls, folder: Path, name: str, share: int) -> Writer:
        command = [sys.executable, __file__, "--write", name, "--folder", str(folder), str(share)]
        writer = cls(name, subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        writer.reader = threading.Thread(target=writer._listen, daemon=True)
        writer.reader.start()
        return writer

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.said.append(line)

    def end(self) -> int:
        """Its exit code, once all that it said is read."""
        code = self.process.wait()
        assert self.reader is not None
        self.reader.join()
        return code


def kill_at_random(writer: Writer, share: int, dice: random.Random) -> None:
    """SIGKILL, at a moment in the first half of the share."""
    after, pause = dice.randrange(1, max(2, share // 2)), dice.random() * 0.01
    while len(writer.said) < after and writer.process.poll() is None:
        time.sleep(0.001)
    time.sleep(pause)
    writer.process.send_signal(signal.SIGKILL)


def play(folder: Path, count: int, seed: int) -> dict[str, object]:
    """The whole run and its figures."""
    dice = random.Random(seed)
    share = count // WRITERS
    begin = time.perf_counter()
    writers = [Writer.start(folder, f"writer{n}", share) for n in range(WRITERS)]
    victims = dice.sample(writers, KILLED)
    killers = [
        threading.Thread(target=kill_at_random, args=(victim, share, random.Random(dice.random())))
        for victim in victims
    ]
    for killer in killers:  # side by side, or the second victim is done before its turn comes
        killer.start()
    for killer in killers:
        killer.join()
    codes = [writer.end() for writer in victims]
    successors = [Writer.start(folder, victim.name, share) for victim in victims]
    ended = [writer.end() for writer in [*(w for w in writers if w not in victims), *successors]]
    seconds = time.perf_counter() - begin
    said = [line.split() for writer in [*writers, *successors] for line in writer.said]
    report = ReadReport()
    store = TraceStore(folder)
    rows = Counter(found.message for found in store.iterate(report=report))
    ids = Counter(
        json.loads(line)["id"] for path in folder.glob("training_*.jsonl") for line in path.open("rb")
    )
    expected = {f"writer{w}-{n}" for w in range(WRITERS) for n in range(share)}
    times = sorted(float(ms) for _, ms in said)
    return {
        "traces": share * WRITERS,
        "killed": sum(code == -signal.SIGKILL for code in codes),
        "ended_well": sum(code == 0 for code in ended),
        "acknowledged": len(said),
        "acknowledged_lost": sum(ids[identity] == 0 for identity, _ in said),
        "doubled": sum(n > 1 for n in ids.values()),
        "missing": len(expected - set(rows)),
        "unreadable": sum(report.refused.values()),
        "torn_tails": len(list(folder.glob("*.torn"))),
        "seconds": round(seconds, 1),
        "traces_per_s": round(share * WRITERS / seconds),
        "append_ms_p50": round(statistics.median(times), 2),
        "append_ms_p99": round(times[int(len(times) * 0.99)], 2),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the store is made; default: a new folder")
    parser.add_argument("--write", metavar="NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.folder, options.write, options.count)
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = play(Path(folder), options.count, options.seed)
    print(json.dumps(figures))
    good = (
        figures["acknowledged_lost"] == figures["doubled"] == figures["missing"] == figures["unreadable"] == 0
        and figures["killed"]  # a quick writer may be done before the signal reaches it
        and figures["ended_well"] == WRITERS
    )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
