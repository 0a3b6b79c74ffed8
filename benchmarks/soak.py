"""The bot's whole way for as long as asked: does memory stay flat, does anything get lost?

    python benchmarks/soak.py --minutes 15      # or: make soak MINUTES=15
    python benchmarks/soak.py --minutes 0.5

A service with durable queue and log, eight accounts in real time, thirty players: words, typed commands,
loops, questions answered and not, cancellations, STOP, ratings, tasks for later, shed and refused requests,
and a listener that comes and goes. Resident memory is read every few seconds; the first `WARM` requests are
warming up. Flat means: the straight line through the rest rises less than `LIMIT_MB` an hour, or less than
`SLACK_MB` in all. One JSON object; exit code 1 when memory grew, something was lost
or a thread was left behind.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.serve.core import (
    Account,
    Asks,
    Caller,
    Event,
    Finished,
    Limits,
    Model,
    Service,
    serve_promptly,
)
from enactor.serve.core.events import END
from enactor.sim import Simulator
from enactor.trace import TraceStore
from enactor.world import CommandError

LIMIT_MB, SLACK_MB = 16.0, 8.0
WARM = 8_000
"""Requests after which what the service remembers (ids, conversations, recent records) is full."""
COMMANDS = ("GOTO east 5", "GOTO west 5", "KILL_LOOP Cow none 3", "DROP_ALL", "GOTO 3259 3268 0", "BANK_OPEN")
WORDS = (
    "walk a bit east",
    "kill three cows",
    "how much hp do i have?",
    "thanks!",
    "drop it all",
    "@list_routines",
)


def resident_mb() -> float:
    """Memory of this process that is in RAM."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * 4096 / 2**20


def model() -> ScriptedEngine:
    """Says one of the commands, or talks."""
    engine = ScriptedEngine(lambda prompt: "")

    def answer(prompt: str) -> str:
        engine.prompts.clear()  # it keeps what it was asked
        if random.random() < 0.3:
            return "You have 30 of 35."
        call = {"name": "send_command", "arguments": {"command": random.choice(COMMANDS)}}
        return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"

    engine._answer = answer
    return engine


class Open:
    """Requests that were taken and have not ended, or ended sooner than they were noted; holds no others, so
    that the benchmark's own memory does not grow."""

    def __init__(self) -> None:
        self.taken = 0
        self.left: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, request: str, by: int) -> None:
        """1 for one that was taken, -1 for one that has ended."""
        with self._lock:
            self.taken += by > 0
            self.left[request] += by
            if not self.left[request]:
                del self.left[request]


def play(service: Service, names: list[str], until: float, counts: Counter[str], requests: Open) -> None:
    """One player who does everything."""
    number = random.randrange(30)
    caller = Caller("soak", str(number), f"player {number}")
    while time.monotonic() < until:
        account, request = random.choice(names), f"{random.getrandbits(64):x}"
        roll = random.random()
        try:
            if roll < 0.75:
                message = random.choice(COMMANDS if roll < 0.3 else WORDS)
                told = service.submit(caller, account, message, request=request)
                counts[type(told).__name__] += 1
                if type(told).__name__ == "Accepted":
                    requests.note(request, 1)
            elif roll < 0.8:
                service.stop(caller, account)
            elif roll < 0.85:
                service.cancel(caller, next((w.request for w in service.queue(caller, account)), ""))
            elif roll < 0.9:
                task = service.defer(caller, account, "after:10s do GOTO east 1")
                if random.random() < 0.5:
                    service.forget(caller, account, task.number)
            elif roll < 0.95:
                service.status(caller, account)
                service.subscribe(lambda event: None)()
            else:
                service.submit(caller, account, "x" * random.choice((0, 2001)))
        except (EnactorError, CommandError) as error:
            counts[str(error)[:40]] += 1
        time.sleep(random.expovariate(8))


def run(folder: Path, seconds: float) -> dict[str, Any]:
    """The figures."""
    names = [f"a{number}" for number in range(8)]
    accounts = [
        Account(name, Simulator(seed=n, start={"location": [3259, 3268, 0], "health": [30, 35]}), pace=5.0)
        for n, name in enumerate(names)
    ]
    store = TraceStore(folder / "log")
    limits = Limits(per_minute=100_000, ask_s=2.0, per_account=10)
    service = Service(accounts, Model("soak", model(), slots=4), store=store, folder=folder, limits=limits)
    requests = Open()
    counts: Counter[str] = Counter()

    def listen(event: Event) -> None:
        if isinstance(event, END):
            requests.note(event.request, -1)
        if isinstance(event, Finished) and event.trace_id and random.random() < 0.05:
            threading.Thread(target=service.feedback.rate, args=(event.trace_id, 4), daemon=True).start()
        if isinstance(event, Asks) and random.random() < 0.5:
            who = Caller("soak", event.session.player)
            threading.Thread(target=service.answer, args=(who, event.request, True), daemon=True).start()

    service.subscribe(listen)
    service.start()
    serve_promptly()
    until = time.monotonic() + seconds
    players = [
        threading.Thread(target=play, args=(service, names, until, counts, requests), daemon=True)
        for _ in range(30)
    ]
    for player in players:
        player.start()
    began, samples = time.monotonic(), []
    while time.monotonic() < until:
        time.sleep(max(seconds / 60, 0.2))
        samples.append((time.monotonic() - began, resident_mb(), requests.taken))
    for player in players:
        player.join()
    deadline = time.monotonic() + 60
    while any(service.queue(Caller("soak", "0"), name) for name in names) and time.monotonic() < deadline:
        time.sleep(0.1)
    service.close()
    time.sleep(0.5)
    steady = [sample for sample in samples if sample[2] > WARM]
    if len(steady) < len(samples) / 2:  # too short to have warmed up: it says little
        steady = [sample for sample in samples if sample[0] > seconds / 5]
    slope = statistics.linear_regression([s[0] for s in steady], [s[1] for s in steady]).slope
    grown = slope * (steady[-1][0] - steady[0][0])
    left = [thread.name for thread in threading.enumerate() if thread.name in ("clerk", "house", "journal")]
    return {
        "seconds": seconds,
        "requests": requests.taken,
        "outcomes": dict(counts.most_common(8)),
        "lost": sum(count > 0 for count in requests.left.values()),
        "memory_mb": {
            "first": round(samples[0][1], 1),
            "steady": round(steady[0][1], 1),
            "last": round(samples[-1][1], 1),
        },
        "slope_mb_per_hour": round(slope * 3600, 1),
        "grown_mb": round(grown, 2),
        "warmed_up": steady[0][2] > WARM,
        "threads_left": left,
        "flat": grown < SLACK_MB or slope * 3600 < LIMIT_MB,
    }


def main() -> int:
    """0 when it stayed flat and lost nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.minutes * 60)
    print(json.dumps(found, indent=1))
    return 0 if found["flat"] and not found["lost"] and not found["threads_left"] else 1


if __name__ == "__main__":
    sys.exit(main())
