"""Round trips between the live bridge and the simulator in the plugin's place, over real files.

    python benchmarks/bridge.py            # 1,000 commands without and as many with faults; prints JSON
    TMPDIR=/dev/shm python benchmarks/bridge.py 10000    # beside programs that keep the disk busy

The plugin's side runs in a process of its own at a poll of 5 ms and keeps a book of what it carried out.
Every command is unlike every other and its response repeats it, so that the two books can be compared.
`slow`: a response that came after the limit of 100 ms, without a fault: the machine was busy. `lost`: no
response though no fault was drawn. `asked again`: reads that the bridge sent twice, because the first stayed
unanswered. `doubled`: anything else that was carried out twice. `mismatched`: answered with another command's
response, or carried out although the bridge said that it was not. `own`: lines that nobody sent, with which
the plugin's side ends a loop early (STOP).
Bars: p50 under 20 ms above the poll; lost, doubled and mismatched 0.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from enactor.bridge import LiveBackend
from enactor.sim import Simulator
from enactor.sim.faults import Faults
from enactor.sim.serve import serve_files
from enactor.world import ipc

POLL_S = 0.005
SPEED = 20.0
TIMEOUT_S = 0.1
FAULTS = Faults(
    late=0.01,
    lost=0.01,
    not_consumed=0.01,
    stale=0.01,
    disconnect=0.01,
    wrong_account=0.01,
    loop_ends_early=0.2,
    late_s=1.5 * TIMEOUT_S,
    held_s=2 * TIMEOUT_S,
    stale_s=TIMEOUT_S,
    disconnect_s=TIMEOUT_S,
    loop_s=0.02,
)
SILENT = ("late", "lost", "wrong_account", "disconnect")  # faults after which no response is due in time


class Bookkeeper(Simulator):
    """A simulator that notes the lines it is sent and repeats each in the response."""

    def __init__(self) -> None:
        super().__init__()
        self.book: list[str] = []

    def send(self, line: str) -> Mapping[str, Any]:
        """Carry out, note, repeat."""
        self.book.append(line)
        return {**super().send(line), "echo": line}


def plugin(folder: str, faults: Faults) -> None:
    """The plugin's side, until SIGTERM; leaves its book in the folder."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    game = Bookkeeper()
    server = serve_files(game, folder, poll_s=POLL_S, speed=SPEED, faults=faults, stop=stop)
    book = {"lines": game.book, "faults": server.draw.journal}
    (Path(folder) / "book.json").write_text(json.dumps(book))


def line(i: int) -> str:
    """The i-th command: reads, things done at once, walks and loops."""
    verbs = (
        f"QUERY_GROUND_ITEMS {i}",
        f"QUERY_INVENTORY {i}",
        f"GOTO {3200 + i % 30} {3210 + i // 30 % 30} 0 {i}",
        f"QUERY_EQUIPMENT {i}",
        f"KILL_LOOP Chicken none {i + 1}",
    )
    return verbs[i % len(verbs)]


def play(count: int, faults: Faults) -> dict[str, Any]:
    """Send `count` commands and compare the books."""
    patience_s = 2.0 if faults == Faults() else 2 * TIMEOUT_S
    with tempfile.TemporaryDirectory() as folder:
        process = multiprocessing.get_context("spawn").Process(target=plugin, args=(folder, faults))
        process.start()
        try:
            with LiveBackend(
                folder=folder,
                spacing_s=0.0,
                timeout_s=TIMEOUT_S,
                again_s=TIMEOUT_S / 2,
                begin_s=TIMEOUT_S,
                delivery_s=TIMEOUT_S,
                tick_s=0.6 / SPEED,
            ) as bridge:
                while not bridge.mailbox.state.exists():
                    time.sleep(0.05)
                begun, times, answers, slow = time.perf_counter(), [], [], set[int]()
                for i in range(count):
                    sent = time.perf_counter()
                    answers.append(bridge.send(line(i)))
                    times.append(time.perf_counter() - sent)
                    if answers[-1]["status"] == "timeout" and _came(bridge, line(i), patience_s):
                        slow.add(i)
                whole = time.perf_counter() - begun
        finally:
            process.terminate()
            process.join()
        book = json.loads((Path(folder) / "book.json").read_text())
    return {
        "commands": count,
        "seconds": round(whole, 1),
        **_times(times, answers),
        **compare(answers, Counter(book["lines"]), book["faults"], slow),
    }


def _came(bridge: LiveBackend, said: str, patience_s: float) -> bool:
    """Whether the response to a line that timed out comes after all."""
    end = time.perf_counter() + patience_s
    while time.perf_counter() < end:
        found = ipc.read_json(bridge.mailbox.response)
        if found is not None and found[0].get("echo") == said:
            return True
        time.sleep(POLL_S)
    return False


def _times(times: list[float], answers: list[Mapping[str, Any]]) -> dict[str, float]:
    answered = sorted(1000 * t for t, a in zip(times, answers, strict=True) if "echo" in a)
    return {
        "p50_ms": round(statistics.median(answered), 2),
        "p50_above_poll_ms": round(statistics.median(answered) - 1000 * POLL_S, 2),
        "p99_ms": round(answered[int(len(answered) * 0.99)], 2),
    }


def compare(
    answers: list[Mapping[str, Any]], done: Counter[str], journal: list[tuple[str, str]], slow: Set[int]
) -> dict[str, Any]:
    """What each side says of the other. `journal` has the faults that were drawn, with their lines; `slow`
    are the commands whose response came after the limit."""
    silenced = {said for said, fault in journal if fault in SILENT}
    twice = [line(i) for i in range(len(answers)) if done[line(i)] > 1]
    kinds: Counter[str] = Counter()
    mismatched = lost = 0
    for i, answer in enumerate(answers):
        times = done[line(i)]
        if answer.get("delivered") is False:
            kinds["not delivered"] += 1
            mismatched += times != 0
        elif answer["status"] == "timeout":
            kinds["no response"] += 1
            lost += line(i) not in silenced and i not in slow
        elif answer.get("request_id") is None:
            kinds["begun, as the state shows"] += 1
            mismatched += times != 1
        else:  # a loop's later responses repeat nothing but carry its id and verb
            kinds["answered"] += 1
            mismatched += times == 0 or answer.get("echo", line(i)) != line(i)
            mismatched += answer["command"] != line(i).split()[0]
    return {
        "outcomes": dict(kinds),
        "faults": dict(Counter(fault for _, fault in journal)),
        "slow": sum(line(i) not in silenced for i in slow),
        "lost": lost,
        "asked again": sum(said.startswith("QUERY") for said in twice),
        "doubled": sum(not said.startswith("QUERY") for said in twice),
        "own": sum(done.values()) - sum(done[line(i)] for i in range(len(answers))),
        "mismatched": mismatched,
    }


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(json.dumps({"faultless": play(size, Faults()), "faulty": play(size, FAULTS)}, indent=1))
