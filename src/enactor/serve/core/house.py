"""What goes on beside the requests: questions that time out, tasks for later, loops that run on, a changed
model."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from enactor.serve.changes import changes
from enactor.serve.core import events
from enactor.serve.core.account import Account
from enactor.serve.core.events import Event
from enactor.world import GameState

TICK_S, QUESTIONS_S, TASKS_S, LOOPS_S, MODEL_S = 0.6, 0.25, 2.0, 3.0, 5.0


class Household(Protocol):
    """What the house looks after; each is called now and then, in the house's thread."""

    def pass_time(self) -> None:
        """Let the games go on that do not by themselves."""

    def close_questions(self) -> None:
        """Close those that were open for too long."""

    def attend_tasks(self) -> None:
        """Take up the tasks for later whose time has come."""

    def watch_loops(self) -> None:
        """Tell of the loops that finished requests left running."""

    def follow_model(self) -> None:
        """Change to the model that is promoted now."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that a finished request left running. `acted` is the number of its command in the game."""

    finished: events.Finished
    acted: int
    before: GameState
    since: float


class Loops:
    """At most one loop for each account: a new command takes the place of the old one, as in the game."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._lock = threading.Lock()
        self._of: dict[str, Loop] = {}

    def began(self, account: Account, finished: events.Finished, before: GameState) -> None:
        """Watch this one from now on."""
        with self._lock:
            self._of[account.name] = Loop(finished, account.game.acted, before, time.monotonic())

    def look(self, accounts: Mapping[str, Account]) -> None:
        """Tell how far each is; those that have ended are told as `Over` and no longer watched."""
        with self._lock:
            watched = dict(self._of)
        for name, loop in watched.items():
            account = accounts[name]
            state = account.observe()
            done = loop.finished
            told = (done.request, done.session, done.place)
            seconds = time.monotonic() - loop.since
            gained = tuple(changes(loop.before, state))
            if state.active_loop is not None and account.game.acted == loop.acted:
                progress: Any = events.Progress(*told, state.active_loop, seconds, None, None, gained)
            else:
                progress = events.Over(*told, _lowered(done), seconds, gained)
                with self._lock:
                    if self._of.get(name) is loop:
                        del self._of[name]
            self._emit(progress)


def keep(household: Household, ending: threading.Event, guarded: Callable[[Callable[[], Any]], None]) -> None:
    """Look after it until `ending`; `guarded` runs a look and takes what it raises."""
    due = {
        household.pass_time: TICK_S,
        household.close_questions: QUESTIONS_S,
        household.attend_tasks: TASKS_S,
        household.watch_loops: LOOPS_S,
        household.follow_model: MODEL_S,
    }
    last = dict.fromkeys(due, time.monotonic())
    while not ending.wait(QUESTIONS_S):
        for look, every in due.items():
            if time.monotonic() - last[look] >= every:
                last[look] = time.monotonic()
                guarded(look)


def _lowered(finished: events.Finished) -> str:
    steps = finished.trace.steps
    return (steps[-1].result.lowered or "") if steps else ""
