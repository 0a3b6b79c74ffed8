"""What goes on beside the requests: questions that time out, tasks for later, loops that run on, a changed
model."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enactor.errors import EnactorError
from enactor.serve.changes import changes
from enactor.serve.core import events
from enactor.serve.core.account import Account, counted
from enactor.serve.core.events import Event
from enactor.serve.core.later import Later
from enactor.world import GameState

TICK_S, QUESTIONS_S, TASKS_S, LOOPS_S, MODEL_S = 0.6, 0.25, 2.0, 3.0, 5.0


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
                counts = counted(account.last())
                progress: Event = events.Progress(*told, state.active_loop, seconds, *counts, gained)
            else:
                progress = events.Over(*told, _lowered(done), seconds, gained)
                with self._lock:
                    if self._of.get(name) is loop:
                        del self._of[name]
            self._emit(progress)


@dataclass(frozen=True, slots=True)
class House:
    """`close_questions` closes those that were open for too long; `follow` changes to another model."""

    accounts: Mapping[str, Account]
    loops: Loops
    later: Later
    close_questions: Callable[[], None]
    follow_model: Callable[[], None]

    def keep(self, ending: threading.Event) -> None:
        """Look after everything now and then, until `ending`."""
        due: dict[Callable[[], None], float] = {
            self._pass_time: TICK_S,
            self.close_questions: QUESTIONS_S,
            self.later.attend: TASKS_S,
            self._watch_loops: LOOPS_S,
            self.follow_model: MODEL_S,
        }
        last = dict.fromkeys(due, time.monotonic())
        while not ending.wait(QUESTIONS_S):
            for look, every in due.items():
                if time.monotonic() - last[look] >= every:
                    last[look] = time.monotonic()
                    guarded(look)

    def _pass_time(self) -> None:
        for account in self.accounts.values():
            if account.pace > 0:
                account.let_pass(TICK_S * account.pace)

    def _watch_loops(self) -> None:
        self.loops.look(self.accounts)


def guarded(job: Callable[[], Any]) -> None:
    """Do something beside the requests. What goes wrong is told on stderr and ends nothing else."""
    try:
        job()
    except EnactorError as error:
        print(f"enactor: {error}", file=sys.stderr, flush=True)
    except Exception:  # a fault of this program
        traceback.print_exc(file=sys.stderr)


def _lowered(finished: events.Finished) -> str:
    steps = finished.trace.steps
    return (steps[-1].result.lowered or "") if steps else ""
