"""What the calls did, in the training log, written by a thread of its own: no call waits for the disk.

Each time that a call which acts meets the game is a trace: a refusal and a question too. Reading is not
recorded: clients poll. There are no words of a player here and no reply, so a trace has neither, and no data
set takes it up.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Full, Queue
from threading import Thread

from enactor.agent import nature
from enactor.agent.tools import Toolbox
from enactor.errors import EnactorError
from enactor.trace import TraceStore, judge
from enactor.trace.values import Step, ToolCall, ToolResult, Trace
from enactor.world import COMMANDS, GameState

SOURCE = "mcp"
WAITING = 1000
"""Traces that may wait for a disk that hangs; what comes then is not recorded."""
CLOSING_S = 10.0


@dataclass(slots=True)
class Acting:
    """A call while it is carried out: `result` is what came of it so far."""

    result: ToolResult | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    call: ToolCall
    result: ToolResult
    before: GameState | None
    after: GameState | None
    timestamp: str
    latency_ms: float


class Log:
    """Writes to `store` as player `who` (the salted name) until it is closed. What could not be written is
    told on stderr: the call is done, and its answer stands."""

    def __init__(self, store: TraceStore, who: str = "") -> None:
        self._store = store
        self._who = who
        self._waiting: Queue[_Done | None] = Queue(WAITING)
        self._told = ""
        self._thread = Thread(target=self._write, name="training log", daemon=True)
        self._thread.start()

    @contextmanager
    def acting(self, call: ToolCall, toolbox: Toolbox) -> Iterator[Acting]:
        """Around a call. One that ends in an exception (given up by the client, no game) is an error."""
        started, timestamp = time.perf_counter(), datetime.now(UTC).isoformat()
        before = _seen(toolbox)
        acting = Acting()
        problem = ""
        try:
            yield acting
        except EnactorError as error:
            problem = str(error)
            raise
        except BaseException:
            problem = "given up by the client"
            raise
        finally:
            found = acting.result
            if problem or found is None:
                content = {**(found.content if found else {}), "error": problem}
                found = ToolResult("error", content, found.lowered if found else None)
            took = (time.perf_counter() - started) * 1000
            self._put(_Done(call, found, before, _seen(toolbox), timestamp, took))

    def close(self) -> None:
        """Write what waits, for at most CLOSING_S seconds."""
        try:
            self._waiting.put(None, timeout=CLOSING_S)
        except Full:
            return
        self._thread.join(CLOSING_S)

    def _put(self, done: _Done) -> None:
        try:
            self._waiting.put_nowait(done)
        except Full:
            self._tell(f"{WAITING} calls wait for the disk already")

    def _write(self) -> None:
        while (done := self._waiting.get()) is not None:
            try:
                self._store.append(self._trace(done), nature)
            except (EnactorError, ValueError, TypeError) as error:  # the disk; what no JSON can hold
                self._tell(str(error))

    def _trace(self, done: _Done) -> Trace:
        steps = (Step(done.call, done.result),)
        verdict = judge("", (), steps, "", nature=nature, verbs=COMMANDS)
        return Trace(
            message="",
            reply="",
            outcome=verdict.outcome,
            model_outcome=verdict.model_outcome,
            steps=steps,
            state_before=done.before.to_case() if done.before else None,
            state_after=done.after.to_case() if done.after else None,
            timestamp=done.timestamp,
            source=SOURCE,
            player=self._who,
            latency_ms=done.latency_ms,
        )

    def _tell(self, problem: str) -> None:
        """Once for each problem in a row: a full disk would have a line for each call."""
        if problem != self._told:
            self._told = problem
            print(f"enactor: a call was not recorded: {problem}", file=sys.stderr, flush=True)


def _seen(toolbox: Toolbox) -> GameState | None:
    """The state, None where there is no game to see."""
    try:
        return toolbox.observe()
    except EnactorError:
        return None
