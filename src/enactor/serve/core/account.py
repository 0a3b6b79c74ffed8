"""An account: one game with one character, its tasks for later, and the hold that one request has on it."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from enactor.agent import Deferred, DeferredTasks
from enactor.agent.deferred import game_time
from enactor.bridge import LiveBackend
from enactor.serve.core.cancel import Cancel
from enactor.serve.mcp.game import Game, Hand
from enactor.serve.played import Cancelled
from enactor.world import Backend, GameState
from enactor.world.backend import ClientAction

PROGRESS_S = 1.0
"""Real seconds between two looks at what a command has brought so far."""
TICK_S = 0.6
DONE = ("kills", "caught", "chopped", "mined", "taken", "cooked", "smelted", "cycles")
TOTALS = ("max_kills", "total", "count")

OnProgress = Callable[[float, Mapping[str, Any]], None]
"""Seconds of game time since the command began, and its last response."""


class SharedTasks(DeferredTasks):
    """Tasks for later that several threads change."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        self._lock = threading.RLock()

    def add(self, condition: str, command: str, now: datetime) -> Deferred:
        """See `DeferredTasks.add`."""
        with self._lock:
            return super().add(condition, command, now)

    def cancel(self, number: int) -> Deferred | None:
        """See `DeferredTasks.cancel`."""
        with self._lock:
            return super().cancel(number)

    def clear(self) -> tuple[Deferred, ...]:
        """See `DeferredTasks.clear`."""
        with self._lock:
            return super().clear()


@dataclass(slots=True)
class Account:
    """`loop_s` is game time that passes after a request whose loop runs, for a game that stands still by
    itself (the simulator). With a `pace` that game goes on in real time instead, so many of its seconds in a
    real one. `attended`: its tasks for later are looked at by themselves, else when `Service.attend` is
    called."""

    name: str
    backend: Backend
    tasks: SharedTasks = field(default_factory=SharedTasks)
    loop_s: float = 0.0
    pace: float = 0.0
    attended: bool = True
    game: Game = field(init=False)

    def __post_init__(self) -> None:
        self.game = Game(self.backend)

    @property
    def live(self) -> bool:
        """Whether the game goes on by itself."""
        return self.game.live

    def observe(self) -> GameState:
        """The present state; waits for nobody's turn."""
        return GameState.from_plugin(Hand(self.game, None).observe())

    def now(self) -> datetime:
        """The game's own time where it tells one, which the simulator's is."""
        return game_time(self.observe())

    def last(self) -> Mapping[str, Any]:
        """The last response of what runs, without waiting."""
        return Hand(self.game, None).settle(0.0)

    def let_pass(self, seconds: float) -> None:
        """Let game time pass while something runs, in a game that stands still by itself."""
        if not self.live:
            Hand(self.game, None).settle(seconds)

    def begin(self, world: Backend) -> None:
        """Another game in the place of the present one, which is left as it is."""
        with self.game.one_at_a_time():
            self.backend = self.game.backend = world

    def close(self) -> None:
        """Free the game's files. What runs in the game goes on."""
        if isinstance(self.backend, LiveBackend):
            with closing(self.backend):
                pass


def counted(last: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """How many of how many, by what a running command last said of itself."""
    result = last.get("result") or {}
    done, total = (
        next((result[key] for key in keys if isinstance(result.get(key), int)), None)
        for keys in (DONE, TOTALS)
    )
    return done, total


class Reins:
    """The `Backend` of one request. `before_first` is called before anything of it goes to the game. Once the
    request is ended nothing more is sent, and what it began is stopped. `waits` surrounds the waiting for a
    game that takes its time."""

    def __init__(
        self,
        account: Account,
        cancel: Cancel,
        before_first: Callable[[], None],
        progress: OnProgress,
        waits: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._hand = Hand(account.game, None)
        self._hand.watch = self._watch
        self._pace = account.pace
        self._waits = waits if account.live or account.pace > 0 else nullcontext
        self._cancel = cancel
        self._before_first = before_first
        self._progress = progress
        self._sent = self._told = False
        self._looked = 0.0
        self._passed = 0.0

    @property
    def name(self) -> str:
        """`sim` or `live`."""
        return self._hand.name

    def attend(self) -> None:
        """See `Backend.attend`."""
        self._hand.attend()

    def observe(self) -> Mapping[str, Any]:
        """See `Backend.observe`."""
        return self._hand.observe()

    def send(self, line: str) -> Mapping[str, Any]:
        """See `Backend.send`. Raises `Cancelled` once the request is ended."""
        self._begin()
        with self._waits():
            return self._hand.send(line)

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """See `Backend.settle`. The end of the request is an error response, as an interruption in the game
        is: the step stays in the record. Who waits on all the same (for a condition) gets `Cancelled`."""
        self._passed = 0.0
        # In a world that is to be watched, a tick at a time.
        step = TICK_S * max(self._pace, 1.0) if self._pace > 0 and self.name == "sim" else limit_s
        with self._waits():
            return self._settle(limit_s, step)

    def _settle(self, limit_s: float, step: float) -> Mapping[str, Any]:
        try:
            while True:
                last = self._hand.settle(min(step, limit_s - self._passed))
                self._passed += step
                if last.get("status") != "running" or self._passed >= limit_s:
                    return last
        except Cancelled as ended:
            if self._told:
                raise
            self._told = True
            return {"status": "error", "command": "", "result": None, "error": str(ended)}

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """See `Backend.client`."""
        self._begin()
        with self._waits():
            return self._hand.client(action)

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """See `Backend.logs`."""
        return self._hand.logs(since_s, grep, level)

    def _begin(self) -> None:
        if self._cancel:
            raise Cancelled(self._cancel.why)
        if not self._sent:
            self._before_first()
            self._sent = True

    def _watch(self, waited: float, last: Mapping[str, Any]) -> None:
        if self._pace > 0 and last.get("status") == "running":
            self._cancel.wait(waited / self._pace)
        if self._cancel:
            raise Cancelled(self._cancel.why)
        if last.get("status") == "running" and time.monotonic() - self._looked >= PROGRESS_S:
            self._looked = time.monotonic()
            self._progress(self._passed + waited, last)
