"""The service under load: many players at once, and a model with more to do than it can.

    python benchmarks/load.py                                # 200 players, 5 minutes, scripted model
    python benchmarks/load.py --minutes 0.5 --players 50     # short
    python benchmarks/load.py --engine embedded --players 40 --minutes 2

Each player has an account of its own (with `--engine embedded` they share four) and asks again some seconds
after each answer; half of the requests are typed, half need the model. Every command is unlike all others;
the game's side writes down each one that reaches it. In the end: what was acknowledged and has no end (lost),
what reached the game twice (doubled), the service's own overhead (taking a request, both its fsyncs, events,
the record; without the queue, the engine, the controller and the game), and with the embedded model how many
requests were shed and how long STOP took from the call to the game. Two controls of a process beside it:
`machine_ms`, by how much it overslept a sleep of 5 ms, and `fsync_ms`, how long a lone fsync took; a request
waits for three. Below that nothing can be told. One JSON object is printed; the exit code is 1 when something
was lost or doubled.
"""

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enactor.models import ScriptedEngine
from enactor.serve.core import (
    Accepted,
    Account,
    Caller,
    Event,
    Finished,
    Limits,
    Model,
    Service,
    Shed,
    serve_promptly,
)
from enactor.serve.core.events import END
from enactor.sim import Simulator
from enactor.trace import TraceStore

START = {"location": [3222, 3218, 0], "health": [30, 35]}


class Ledger:
    """What was asked, what came of it, what reached the games."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent: Counter[str] = Counter()
        self.stopped: dict[str, float] = {}
        self.taken: dict[str, threading.Event] = {}
        self.ends: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.overheads: list[float] = []
        self.submits: list[float] = []
        self.stops: list[float] = []

    def listen(self, event: Event) -> None:
        """The service's events."""
        if not isinstance(event, END):
            return
        with self.lock:
            self.ends[event.request] += 1
            self.kinds[type(event).__name__.lower()] += 1
            if isinstance(event, Finished) and event.timing.controller_s != event.timing.total_s:
                self.overheads.append(event.timing.overhead_s)
            waiting = self.taken.get(event.request)
        if waiting is not None:
            waiting.set()


class Game(Simulator):
    """Writes down what reaches it."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        super().__init__(start=START)
        self.ledger, self.account = ledger, name

    def send(self, line: str) -> Mapping[str, Any]:
        """See `Simulator.send`."""
        with self.ledger.lock:
            if line == "STOP":
                self.ledger.stopped[self.account] = time.perf_counter()
            else:
                self.ledger.sent[f"{self.account} {line}"] += 1
        return super().send(line)


def scripted() -> ScriptedEngine:
    """Walks to the tile that the message names."""

    def answer(prompt: str) -> str:
        tile = re.findall(r"tile (\d+ \d+)", prompt)[-1]
        call = {"name": "send_command", "arguments": {"command": f"GOTO {tile} 0"}}
        return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"

    return ScriptedEngine(answer)


def play(
    service: Service,
    ledger: Ledger,
    number: int,
    account: str,
    until: float,
    think_s: float,
    account_shared: bool,
) -> None:
    """One player."""
    caller, asked = Caller("load", str(number)), 0
    time.sleep(random.uniform(0, think_s))
    while time.monotonic() < until:
        asked += 1
        count = asked + (number // 4) * 150 * account_shared  # players of one account differ
        tile = f"{3200 + count % 50} {3200 + count // 50}"
        message = f"GOTO {tile} 0" if asked % 2 else f"walk to tile {tile}"
        request, ended = f"p{number}-{asked}", threading.Event()
        with ledger.lock:
            ledger.taken[request] = ended
        started = time.perf_counter()
        told = service.submit(caller, account, message, request=request)
        took = time.perf_counter() - started
        if isinstance(told, Accepted):
            with ledger.lock:
                ledger.submits.append(took)
            ended.wait(300)
        else:
            with ledger.lock:
                del ledger.taken[request]
                ledger.kinds[type(told).__name__.lower()] += 1
            if not isinstance(told, Shed):
                raise SystemExit(f"unexpected: {told}")
        time.sleep(random.expovariate(1 / think_s))


def stop_now_and_then(service: Service, ledger: Ledger, accounts: list[str], until: float) -> None:
    """STOP on one account after the other, with the time until it reached the game."""
    turn = 0
    while time.monotonic() < until:
        account = accounts[turn % len(accounts)]
        turn += 1
        started = time.perf_counter()
        service.submit(Caller("load", "stop"), account, "stop")
        with ledger.lock:
            ledger.stops.append(ledger.stopped[account] - started)
        time.sleep(0.7)


def run(folder: Path, players: int, seconds: float, engine: str, think_s: float) -> dict[str, Any]:
    """The figures."""
    ledger = Ledger()
    many = engine == "scripted"
    names = [f"a{number}" for number in range(players if many else 4)]
    accounts = [Account(name, Game(ledger, name)) for name in names]
    limits = Limits(per_minute=100_000, per_account=1000, in_all=100_000, engine_wait_s=10)
    if many:
        model = Model("scripted", scripted(), slots=8)
    else:
        from enactor.serve.opening import open_engine, system_turn
        from enactor.settings import load_settings

        settings = load_settings({"slots": 2})
        model = Model(settings.model, open_engine(settings, slots=2), system_turn(settings.model), 2)
    service = Service(accounts, model, store=TraceStore(folder / "log"), folder=folder, limits=limits)
    service.subscribe(ledger.listen)
    service.start()
    serve_promptly()
    control = subprocess.Popen(
        [sys.executable, "-c", CONTROL, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    cpu = time.process_time()
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=play,
            args=(service, ledger, n, names[n % len(names)], until, think_s, not many),
            daemon=True,
        )
        for n in range(players)
    ]
    threads.append(
        threading.Thread(target=stop_now_and_then, args=(service, ledger, names[:4], until), daemon=True)
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = time.process_time() - cpu
    late, synced = (
        [float(word) for word in line.split()] for line in control.communicate("")[0].splitlines()
    )
    time.sleep(0.5)
    service.close()
    lost = [request for request in ledger.taken if not ledger.ends[request]]
    return {
        "engine": engine,
        "players": players,
        "seconds": seconds,
        "requests": dict(ledger.kinds),
        "per_second": round(sum(ledger.kinds.values()) / seconds, 1),
        "cpu_ms_per_request": round(1000 * cpu / max(sum(ledger.kinds.values()), 1), 2),
        "lost": len(lost),
        "ended_twice": sum(count > 1 for count in ledger.ends.values()),
        "dispatched": len(ledger.sent),
        "dispatched_twice": sum(count > 1 for count in ledger.sent.values()),
        "taking_ms": quantiles(ledger.submits),
        "carrying_overhead_ms": quantiles(ledger.overheads),
        "overhead_ms": quantiles([a + b for a, b in zip(ledger.submits, ledger.overheads, strict=False)]),
        "stop_ms": quantiles(ledger.stops),
        "machine_ms": quantiles(late),
        "fsync_ms": quantiles(synced),
    }


CONTROL = """
import os, sys, threading, time
late, synced, ended = [], [], threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
file = os.open(sys.argv[1] + "/control", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def sync():
    while not ended.wait(0.5):
        os.write(file, b"x" * 500)
        started = time.perf_counter()
        os.fsync(file)
        synced.append(time.perf_counter() - started)
threading.Thread(target=sync, daemon=True).start()
while not ended.is_set():
    started = time.perf_counter()
    time.sleep(0.005)
    late.append(time.perf_counter() - started - 0.005)
print(*late)
print(*synced)
"""


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum in milliseconds."""
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100)
    found = {"n": len(seconds), "median": cuts[49] * 1000, "p99": cuts[98] * 1000, "max": max(seconds) * 1000}
    return {key: round(value, 2) for key, value in found.items()}


def main() -> int:
    """0 when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument(
        "--think", type=float, default=6.0, help="mean seconds between an answer and the next"
    )
    parser.add_argument("--engine", choices=("scripted", "embedded"), default="scripted")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.players, options.minutes * 60, options.engine, options.think)
    print(json.dumps(found, indent=1))
    return 1 if found["lost"] or found["dispatched_twice"] or found["ended_twice"] else 0


if __name__ == "__main__":
    sys.exit(main())
