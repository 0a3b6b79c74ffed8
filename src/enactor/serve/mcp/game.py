"""One game, many calls at once: who may act when, how a call waits, how it is given up.

Calls run in threads. An acting call has the turn from its look at the state until its command is sent, so
that the gate judges what the command will meet; while it waits for the end, others may act, and what they
send replaces its command as it would in the game. Reading needs no turn. STOP waits for none.
"""

from __future__ import annotations  # before Python 3.13 `Lock` is a function

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock, RLock
from typing import Any

from enactor.bridge.live import STOPS
from enactor.trace.values import ToolCall
from enactor.world import COMMANDS, TOOLS, Backend
from enactor.world.backend import ClientAction

SIM_SLICE_S = 6.0
SLICES = 200
"""The simulator passes its time in at most so many steps, each of at least SIM_SLICE_S, with a breath between
them in which another call can have it."""
BREATH_S = 0.0005
LIVE_SLICE_S = 0.5

Watch = Callable[[float, Mapping[str, Any]], None]
"""Called while a call waits: seconds of game time waited so far, the last response. What it raises gives the
call up, and what the call began is stopped."""


class Game:
    """A backend shared by the calls of all clients."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.live = backend.name == "live"
        self.acted = 0
        """Commands that took the player so far."""
        self.last = ""
        """The last of them."""
        self._counting = Lock()
        self._turn = Lock()
        self._simulator: AbstractContextManager[Any] = nullcontext() if self.live else RLock()

    def one_at_a_time(self) -> AbstractContextManager[Any]:
        """The simulator belongs to one thread at a time; the live backend sees to itself."""
        return self._simulator

    def take(self, line: str) -> int:
        """Note that a command takes the player; its number."""
        with self._counting:
            self.acted += 1
            self.last = line
            return self.acted

    @contextmanager
    def turn(self, call: ToolCall) -> Iterator[Hand]:
        """The game for one call."""
        if not acts(call) or is_stop(call):
            yield Hand(self, None)
            return
        with self._turn:
            yield Hand(self, self._turn)


class Hand:
    """The `Backend` of one call. `watch` and `deadline` (on `time.monotonic`) may be set before it waits."""

    def __init__(self, game: Game, turn: Lock | None) -> None:
        self.watch: Watch = lambda waited, last: None
        self.deadline: float | None = None
        self._game = game
        self._turn = turn
        self._mine = -1
        self._waited = 0.0

    @property
    def name(self) -> str:
        """`sim` or `live`."""
        return self._game.backend.name

    def attend(self) -> None:
        """The unattended time counts anew."""
        with self._game.one_at_a_time():
            self._game.backend.attend()

    def observe(self) -> Mapping[str, Any]:
        """The latest state."""
        with self._game.one_at_a_time():
            return self._game.backend.observe()

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line; its first response."""
        with self._game.one_at_a_time():
            if _takes_the_player(line):
                self._mine = self._game.take(line)
            return self._game.backend.send(line)

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Wait as the backend does, in slices. When another command has taken the player, that is an error
        response; past the deadline, what runs is left running."""
        if self._turn is None:
            return self._settle(limit_s)
        self._turn.release()
        try:
            return self._settle(limit_s)
        finally:
            self._turn.acquire()

    def _settle(self, limit_s: float) -> Mapping[str, Any]:
        game = self._game
        step = LIVE_SLICE_S if game.live else max(SIM_SLICE_S, limit_s / SLICES)
        waited = 0.0
        while True:
            left = min(step, limit_s - waited)
            with game.one_at_a_time():
                if self._replaced():
                    return {"status": "error", "error": f"interrupted by {game.last}"}
                last = game.backend.settle(left)
            waited += left
            self._waited += left
            self._look_up(last)
            late = self.deadline is not None and time.monotonic() >= self.deadline
            if last.get("status") != "running" or waited >= limit_s or late:
                return last
            if not game.live:
                time.sleep(BREATH_S)

    def _look_up(self, last: Mapping[str, Any]) -> None:
        try:
            self.watch(self._waited, last)
        except BaseException:
            if last.get("status") == "running" and self._mine >= 0 and not self._replaced():
                self.send("STOP")
            raise

    def _replaced(self) -> bool:
        return self._mine >= 0 and self._game.acted != self._mine

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the client."""
        with self._game.one_at_a_time():
            self._game.take(f"a {action} of the client")
            return self._game.backend.client(action)

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """Lines of the client's log."""
        with self._game.one_at_a_time():
            return self._game.backend.logs(since_s, grep, level)


def is_stop(call: ToolCall) -> bool:
    """Whether a call interrupts whatever runs."""
    return call.tool == "send_command" and _verb(str((call.parsed or {}).get("command", ""))) in STOPS


def acts(call: ToolCall) -> bool:
    """Whether a call may change something, by the declarations."""
    spec = TOOLS.get(call.tool)
    if call.tool == "send_command":
        return _takes_the_player(str((call.parsed or {}).get("command", "")))
    return spec is None or spec.effect != "read"


def _takes_the_player(line: str) -> bool:
    spec = COMMANDS.get(_verb(line))
    return spec is None or spec.effect != "read"


def _verb(line: str) -> str:
    words = line.split(maxsplit=1)
    return words[0].upper() if words else ""
