"""Kill the service at random moments while it works, and look what became of what it had taken.

    python benchmarks/kill.py                 # 50 kills, a few minutes
    python benchmarks/kill.py --kills 4       # as the tests do it

The child runs a service over two accounts with a durable queue. Half of its requests are typed, half go
through a (scripted) model that takes its time. Every command is unlike all others, and the game's side writes
each one that reaches it to a file. After the last kill the child is let finish. Then: every request that was
acknowledged has ended (its trace is in the log, or it was reported), and no command reached the game twice.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROUND_S = (0.15, 1.2)


def child(folder: Path, seconds: float) -> None:
    """Serve for a while, asking all the time; then finish what waits."""
    from enactor.models import Completion
    from enactor.serve.core import Accepted, Account, Caller, Event, Limits, Model, Service
    from enactor.serve.core.events import END
    from enactor.sim import Simulator
    from enactor.trace import TraceStore

    class Game(Simulator):
        """Writes down what reaches it, before it does it."""

        def send(self, line: str) -> Mapping[str, Any]:
            write(folder / "sent", line)
            time.sleep(random.uniform(0, 0.01))
            return super().send(line)

    class Walker:
        """Decodes for a moment, and walks to the number in the message."""

        name = "walker"

        def complete(self, prompt: str, **options: Any) -> Completion:
            time.sleep(random.uniform(0, 0.03))
            number = re.findall(r"tile (\d+)", prompt)[-1]
            call = {"name": "send_command", "arguments": {"command": f"GOTO {number} 3218 0"}}
            return Completion(f"<tool_call>\n{json.dumps(call)}\n</tool_call>")

        def cancel(self) -> None: ...

        def close(self) -> None: ...

    def listen(event: Event) -> None:
        if isinstance(event, END):
            write(folder / "ended", event.request)

    accounts = [Account(name, Game(start={"location": [3222, 3218, 0], "health": [30, 35]})) for name in "ab"]
    limits = Limits(per_minute=1_000_000, per_player=50, per_account=60)
    store = TraceStore(folder / "log")
    service = Service(accounts, Model("walker", Walker()), store=store, folder=folder, limits=limits)
    service.subscribe(listen)
    service.start()
    print("ready", flush=True)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number = next_number(folder)
        message = f"GOTO {number} 3218 0" if number % 2 else f"walk to tile {number}"
        account = "ab"[number % 2]
        taken = service.submit(Caller("kill", "1"), account, message, request=f"r{number}")
        if isinstance(taken, Accepted):
            print(f"taken r{number}", flush=True)
        time.sleep(0.004)
    while any(service.queue(Caller("kill", "1"), name) for name in "ab"):
        time.sleep(0.02)
    service.close()


def next_number(folder: Path) -> int:
    """A number that no run before has used: the tile to walk to."""
    path = folder / "numbers"
    write(path, "x")
    return 1000 + path.stat().st_size // 2


def write(path: Path, line: str) -> None:
    """One line, on the disk when this returns."""
    with LOCK, path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


LOCK = threading.Lock()


def run(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill so many times, let it finish, and count."""
    from enactor.trace import TraceStore

    random.seed(seed)
    taken: list[str] = []
    for number in range(kills + 1):
        last = number == kills
        command = [sys.executable, __file__, "--child", str(folder), "--seconds", "0" if last else "60"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit("the child did not start")
        if not last:
            threading.Timer(random.uniform(*ROUND_S), process.kill).start()
        taken += [line.split()[1] for line in process.stdout if line.startswith("taken")]
        if process.wait(120) != (0 if last else -9):
            raise SystemExit(f"the child ended with {process.returncode}")
    sent = Counter(re.findall(r"GOTO (\d+)", (folder / "sent").read_text()))
    ended = set((folder / "ended").read_text().split())
    rows = list(TraceStore(folder / "log").iterate())
    told = [trace.message for trace in rows if trace.meta.get("interrupted")]
    recorded = {f"r{n}" for trace in rows for n in re.findall(r"\d{4,}", trace.message)[:1]}
    return {
        "kills": kills,
        "acknowledged": len(taken),
        "dispatched": len(sent),
        "reported_interrupted": len(told),
        "lost": sorted(set(taken) - ended - recorded),
        "dispatched_twice": sorted(n for n, count in sent.items() if count > 1),
    }


def main() -> int:
    """0 when nothing was lost and nothing doubled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.seconds)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), options.kills, options.seed)
    print(json.dumps(found))
    return 1 if found["lost"] or found["dispatched_twice"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
