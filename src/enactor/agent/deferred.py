"""What is to be done later: `CONDITION` and `COMMAND` in a file, which outlives the process.

A task leaves the file before its command is sent, so that it is never carried out twice; what came of it
stands in the training log.
"""

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from enactor.agent.direct import direct_lines
from enactor.agent.watching import moment, understood, watch
from enactor.errors import EnactorError
from enactor.trace.lock import locked
from enactor.world import CommandError, GameState, lower, parse

MAX_TASKS = 50
MAX_COMMANDS = 6
_ASKED = re.compile(r"^(?P<condition>.+?)\s+do\s+(?P<command>.+)$", re.DOTALL)
_NEXT = re.compile(r"\s*[;\n]\s*")


@dataclass(frozen=True, slots=True)
class Deferred:
    """`condition` is as `watching.moment` leaves it; `command` is one command line, or several with `; `
    between, done in order."""

    number: int
    condition: str
    command: str

    def due(self, state: GameState, now: datetime) -> bool:
        """Whether its time has come."""
        return watch(self.condition, state, now)

    @property
    def typed(self) -> str:
        """The commands as a player would type them, a line each."""
        return "\n".join(_NEXT.split(self.command))

    def __str__(self) -> str:
        return f"{self.number}: when {self.condition} do {self.command}"


class DeferredTasks:
    """The tasks of one player, in the order in which they were given. The file at `path` is written whole for
    every change (a partial file, then a rename), under a lock, so that several processes may share it and
    only one does a task; without a path they end with the process. Raises `EnactorError` where the file
    cannot be read or written."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._turn = threading.RLock()
        self._tasks, self._given = _read(path) if path else ((), 0)

    def __iter__(self) -> Iterator[Deferred]:
        if self._path is not None:
            with self._turn:
                self._tasks, self._given = _read(self._path)
        return iter(self._tasks)

    def ask(self, text: str, now: datetime) -> Deferred:
        """Add `CONDITION do COMMAND`. `after:6h` counts from `now` (aware). Raises `CommandError` for what is
        no command, or a condition that cannot be watched."""
        match = _ASKED.match(text.strip())
        if match is None:
            raise CommandError(
                "Write a condition and a command: `/when level:attack>=15 do STOP`.",
                candidates=("after:30_minutes do STOP", "inventory_full do BANK_OPEN"),
            )
        return self.add(match["condition"], match["command"], now)

    def add(self, condition: str, command: str, now: datetime) -> Deferred:
        """The two halves of `ask`, with its errors."""
        checked = commands_of(command)
        kept = moment(understood(condition), now)
        with self._alone():
            if len(self._tasks) >= MAX_TASKS:
                raise CommandError(f"{MAX_TASKS} tasks are kept for later already; cancel some first")
            self._given += 1
            task = Deferred(self._given, kept, "; ".join(checked))
            self._write((*self._tasks, task))
        return task

    def cancel(self, number: int) -> Deferred | None:
        """Take a task away; None when there is none of that number."""
        with self._alone():
            found = next((task for task in self._tasks if task.number == number), None)
            if found is not None:
                self._write(tuple(task for task in self._tasks if task is not found))
        return found

    def clear(self) -> tuple[Deferred, ...]:
        """Take all tasks away; which they were."""
        with self._alone():
            gone = self._tasks
            if gone:
                self._write(())
        return gone

    def take_due(self, state: GameState, now: datetime) -> tuple[Deferred, ...]:
        """The tasks whose condition holds, taken out of the file."""
        if not any(task.due(state, now) for task in self):
            return ()
        with self._alone():
            due = tuple(task for task in self._tasks if task.due(state, now))
            if due:
                self._write(tuple(task for task in self._tasks if task not in due))
        return due

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file, as it is now."""
        with self._turn, ExitStack() as held:
            if self._path is not None:
                try:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(locked(self._path.with_suffix(".lock")))
                except OSError as error:
                    raise _unwritable(self._path, error) from error
                self._tasks, self._given = _read(self._path)
            yield

    def _write(self, tasks: tuple[Deferred, ...]) -> None:
        if self._path is not None:
            listed = {"given": self._given, "tasks": [asdict(task) for task in tasks]}
            _replace(self._path, json.dumps(listed, indent=1) + "\n")
        self._tasks = tasks


def _replace(path: Path, text: str) -> None:
    """The file anew, on the disk before it takes the old one's name."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> EnactorError:
    return EnactorError(
        f"the tasks for later cannot be kept in {path} ({error}): make room or mend its permissions"
    )


def _read(path: Path) -> tuple[tuple[Deferred, ...], int]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        tasks = tuple(Deferred(**task) for task in data["tasks"])
        for task in tasks:
            understood(task.condition)
            commands_of(task.command)
        return tasks, int(data["given"])
    except FileNotFoundError:
        return (), 0
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CommandError) as error:
        raise EnactorError(
            f"{path} does not hold tasks for later ({error!r}): mend it or move it away"
        ) from error


def commands_of(text: str, state: GameState | None = None) -> tuple[str, ...]:
    """The command lines of a task in their canonical form; with a `state`, lowered in it. Raises
    `CommandError` for what is no command or names what is not known."""
    lines = [line for line in _NEXT.split(text.strip()) if line]
    if not 0 < len(lines) <= MAX_COMMANDS:
        raise CommandError(f"A task for later is 1 to {MAX_COMMANDS} commands, not {len(lines)}")
    found = []
    for line in lines:
        command = parse(line)
        if not direct_lines(command.render()):
            raise CommandError(f"{command.render()} cannot be done later")
        found.append((command if state is None else lower(command, state)).render())
    return tuple(found)


def game_time(state: GameState) -> datetime:
    """The game's own time where it tells one, which the simulator's is; else now."""
    stamp = state.raw.get("timestamp")
    return datetime.fromtimestamp(stamp / 1000, UTC) if isinstance(stamp, int) else datetime.now(UTC)
