"""How fast session files are imported, and in how much memory.

    python benchmarks/ingest.py [--mb 1024] [--processes 2] [--files 16] [--keep FOLDER]

Makes its own input: coding-agent sessions in the form of the real ones (an envelope of some 400 bytes a line,
results of other tools up to 60 kB, results of the game's tools of 0.1 to 4 kB) of which at least a fifth of
the bytes belong to turns with calls of the game. Then runs `enactor ingest` on them as a user would, twice:
the second run must add nothing. Prints MB/s, turns/s and the peak memory of all processes together.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from uuid import UUID

TEXT = (
    "the client walks to bank then checks inventory before every loop because a plugin may refuse this "
    "command while dialogue stays open so we read state again and compare location health with what log says"
)
WORDS = TEXT.split()


class Maker:
    """Lines of one session."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.session = str(UUID(int=self.random.getrandbits(128)))
        self.clock = 1_750_000_000 + seed * 100_000

    def line(self, type_: str, message: dict, **more: object) -> bytes:
        self.clock += 1
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.clock)) + ".123Z"
        row = {
            "parentUuid": str(UUID(int=self.random.getrandbits(128))),
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/someone/projects/plugin",
            "sessionId": self.session,
            "version": "1.0.98",
            "gitBranch": "main",
            "type": type_,
            "message": message,
            "uuid": str(UUID(int=self.random.getrandbits(128))),
            "timestamp": stamp,
            **more,
        }
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"

    def text(self, size: int) -> str:
        words: list[str] = []
        while size > 0:
            words.append(self.random.choice(WORDS))
            size -= len(words[-1]) + 1
        return " ".join(words)

    def human(self, text: str) -> bytes:
        return self.line("user", {"role": "user", "content": text})

    def assistant(self, block: dict) -> bytes:
        usage = {"input_tokens": 4, "cache_read_input_tokens": 52_100, "output_tokens": 210}
        message = {"id": "msg_01", "type": "message", "role": "assistant", "model": "m", "content": [block]}
        return self.line("assistant", {**message, "stop_reason": None, "usage": usage}, requestId="req_01")

    def call(self, name: str, arguments: dict, result: object) -> bytes:
        key = f"toolu_{self.random.getrandbits(96):024x}"
        use = {"type": "tool_use", "id": key, "name": name, "input": arguments}
        back = {"tool_use_id": key, "type": "tool_result", "content": result}
        return self.assistant(use) + self.line(
            "user", {"role": "user", "content": [back]}, toolUseResult=result
        )

    def game_turn(self) -> bytes:
        items = [{"slot": n, "name": "Tuna", "quantity": 1} for n in range(self.random.randrange(28))]
        place = {"x": self.random.randrange(3000, 3300), "y": self.random.randrange(3000, 3300), "plane": 0}
        state = {"success": True, "state": {"location": place, "inventory": items}}
        command = f"KILL_LOOP Giant_frog none {self.random.randrange(500)}"
        sent = {"dispatched": True, "command": command, "account_id": "main"}
        blocks = [[{"type": "text", "text": json.dumps(value)}] for value in (state, sent, state)]
        look = ("mcp__manny__get_game_state", {"fields": ["location", "inventory"]})
        return b"".join(
            (
                self.human(f"kill some frogs, {self.text(40)}"),
                self.assistant({"type": "thinking", "thinking": self.text(600), "signature": "c2ln" * 60}),
                self.call(*look, blocks[0]),
                self.call("mcp__manny__send_command", {"command": command}, blocks[1]),
                self.call(*look, blocks[2]),
                self.assistant({"type": "text", "text": f"Started {command}. {self.text(200)}"}),
            )
        )

    def code_turn(self) -> bytes:
        parts = [self.human(f"fix the parser, {self.text(80)}")]
        for _ in range(self.random.randrange(2, 9)):
            name = self.random.choice(("Read", "Bash", "Edit", "Grep"))
            arguments = {"file_path": "/home/someone/projects/plugin/A.java", "old_string": self.text(300)}
            parts.append(self.call(name, arguments, self.text(self.random.randrange(200, 30_000))))
        parts.append(self.assistant({"type": "text", "text": self.text(500)}))
        return b"".join(parts)


def make(folder: Path, megabytes: int, files: int) -> tuple[int, int, int]:
    """Write the sessions; bytes in all, bytes of turns with the game's tools, and how many those are."""
    total = game = turns = 0
    for number in range(files):
        maker = Maker(number)
        written = mine = 0
        with (folder / f"{maker.session}.jsonl").open("wb") as file:
            while written < megabytes * 1_000_000 / files:
                is_game = mine < 0.21 * written
                turn = maker.game_turn() if is_game else maker.code_turn()
                written += file.write(turn)
                mine += len(turn) * is_game
                turns += is_game
        total, game = total + written, game + mine
    return total, game, turns


def peak_memory(process: subprocess.Popen[str], found: list[int]) -> None:
    """Sample the resident memory of a process and its children (Linux), shared pages counted once."""
    while process.poll() is None:
        total = 0
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        for pid in (str(process.pid), *(children.read_text().split() if children.exists() else ())):
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        found.append(total)
        time.sleep(0.25)


def run(folder: Path, store: Path, processes: int) -> tuple[dict, float, float, float]:
    """Counts, seconds, seconds of CPU, and peak megabytes."""
    command = [sys.executable, "-m", "enactor", "ingest", str(folder), "--store", str(store), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started, memory = time.perf_counter(), [0]
    process = subprocess.Popen(
        [*command, "--processes", str(processes)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    watch = threading.Thread(target=peak_memory, args=(process, memory))
    watch.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    watch.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, process.returncode
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(output), seconds, cpu, max(memory) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1024)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch) / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        total, game, turns = make(folder, args.mb, args.files)
        print(f"{total / 1e6:.0f} MB in {args.files} files, {game / total:.1%} of it {turns} game turns")
        for name in ("first run", "second run"):
            counts, seconds, cpu, memory = run(folder, Path(scratch) / "store", args.processes)
            print(
                f"{name}: {total / 1e6 / seconds:.1f} MB/s, {turns / seconds:.0f} turns/s in {seconds:.1f} s "
                f"({cpu:.1f} s of CPU), peak {memory:.0f} MB; "
                f"added {counts['added']}, known {counts['known']}, "
                f"refused {sum(counts['refused'].values())} of {counts['turns']}"
            )


if __name__ == "__main__":
    main()
