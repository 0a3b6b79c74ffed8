"""One player's requests, one at a time, each recorded: what the terminal shows and scripts read."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Unpack

from enactor.agent import Controller, Deferred, DeferredTasks, Session
from enactor.agent.deferred import game_time
from enactor.errors import EnactorError
from enactor.models.engine import Completion, Engine, Options
from enactor.serve.changes import changes
from enactor.serve.record import trace_record
from enactor.sim import Simulator
from enactor.trace import Step, Trace, TraceStore
from enactor.world import COMMANDS, Backend, GameState

OnStep = Callable[[Step], None]
LOOK_S = 6.0  # of game time between two looks at what is kept for later: ten ticks


class Cancelled(EnactorError):
    """The player interrupted the model; nothing more of the request is carried out."""


class CancellableEngine:
    """An engine whose cancelled completion ends the request: half a call is no call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def stopped(self) -> threading.Event:
        """Set from `cancel` to `resume`; for waits that end with it."""
        return self._stopped

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Raises `Cancelled` after `cancel`, until `resume`."""
        if self._stopped.is_set():
            raise Cancelled("cancelled")
        done = self._engine.complete(prompt, **options)
        if self._stopped.is_set():
            raise Cancelled("cancelled")
        return done

    def cancel(self) -> None:
        """See `Engine.cancel`."""
        self._stopped.set()
        self._engine.cancel()

    def resume(self) -> None:
        """Take requests again."""
        self._stopped.clear()

    def close(self) -> None:
        """See `Engine.close`."""
        self._engine.close()

    def replace(self, engine: Engine) -> None:
        """Another engine answers from now on; the one before is closed."""
        before, self._engine = self._engine, engine
        before.close()


@dataclass(frozen=True, slots=True)
class Played:
    """A request with what it changed. `later` is what else changed while its loop ran on for
    `later_s` seconds of game time."""

    trace: Trace
    changed: tuple[str, ...]
    later: tuple[str, ...] = ()
    later_s: float = 0.0

    def record(self) -> dict[str, Any]:
        """For programs: see `trace_record`, with `message`, `changes` and `later`."""
        return {
            "message": self.trace.message,
            **trace_record(self.trace),
            "changes": list(self.changed),
            "later": list(self.later),
        }


@dataclass(slots=True)
class Player:
    """Carries out requests in a worker thread, so that Ctrl-C can end a reply in the middle.

    `engine` is the one inside the session's controller. `loop_s` is game time that passes after a request
    whose loop is running. `store` gets every request; `who` is the salted name. The toolbox's tasks for
    later are looked at after every request and wait, and by `attend`.
    """

    session: Session
    engine: CancellableEngine
    store: TraceStore | None = None
    who: str = ""
    loop_s: float = 0.0
    traces: list[Trace] = field(default_factory=list)
    _busy: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def controller(self) -> Controller:
        return self.session.controller

    @property
    def tasks(self) -> DeferredTasks:
        """What is to be done later, by the player's own words or by `defer`."""
        kept = self.controller.toolbox.later
        return DeferredTasks() if kept is None else kept

    def observe(self) -> GameState:
        """The present state."""
        return self.controller.toolbox.observe()

    def use(self, engine: Engine, system: str) -> None:
        """Another model, with the system turn that it was made for; the one before is closed."""
        with self._busy:
            self.engine.replace(engine)
            self.session.controller = replace(self.controller, system=system)

    def begin(self, backend: Backend) -> None:
        """Another world in the place of the present one; the conversation begins anew."""
        with self._busy:
            toolbox = replace(self.controller.toolbox, backend=backend)
            self.session = Session(replace(self.controller, toolbox=toolbox))

    def say(self, message: str, on_step: OnStep | None = None) -> Played:
        """One request. Ctrl-C cancels it and gives a trace that says so; a second Ctrl-C leaves. Raises what
        the engine or the store raise."""
        with self._busy:
            before = self.observe()
            trace = self._interruptible(message, before, on_step)
            after = self.observe()
        return self._run_on(self._keep(trace), before, after)

    def attend(self) -> list[Trace]:
        """Carry out the tasks whose time has come, as typed commands: past the model, not past the gate."""
        with self._busy:
            due = self.tasks.take_due(self.observe(), self.now())
            return [self._keep(self.controller.handle(task.typed)) for task in due]

    def defer(self, text: str) -> Deferred:
        """Keep `CONDITION do COMMAND` for later. Raises `CommandError` for what cannot be kept."""
        return self.tasks.ask(text, self.now())

    def now(self) -> datetime:
        """The game's own time where it tells one, which the simulator's is."""
        return game_time(self.observe())

    def _keep(self, trace: Trace) -> Trace:
        trace = replace(trace, player=self.who)
        self.traces.append(trace)
        if self.store is not None:
            self.store.append(trace)
        return trace

    def wait(self, seconds: float) -> list[str]:
        """Let game time pass while a command runs, or something is kept for later, up to the moment when that
        is due; what changed."""
        before, left = self.observe(), seconds
        backend = self.controller.toolbox.backend
        while left > 0:
            waiting = bool(tuple(self.tasks))
            span = min(left, LOOK_S) if waiting else left
            left -= span
            if backend.settle(span).get("status") != "running":
                if not (waiting and isinstance(backend, Simulator)):
                    break
                backend.advance(span)  # the simulator's time stands still while nothing runs
            if any(task.due(self.observe(), self.now()) for task in self.tasks):
                break
        return changes(before, self.observe())

    def _run_on(self, trace: Trace, before: GameState, after: GameState) -> Played:
        changed = tuple(changes(before, after))
        last = trace.steps[-1].result if trace.steps else None
        if last is None or last.status != "ok" or last.lowered is None or self.loop_s <= 0:
            return Played(trace, changed)
        if COMMANDS[last.lowered.split()[0]].duration != "loop" or after.active_loop is None:
            return Played(trace, changed)
        return Played(trace, changed, tuple(self.wait(self.loop_s)), self.loop_s)

    def _interruptible(self, message: str, before: GameState, on_step: OnStep | None) -> Trace:
        steps: list[Step] = []
        outcome: list[Trace | BaseException] = []
        done = threading.Event()

        def note(step: Step) -> None:
            steps.append(step)
            if on_step:
                on_step(step)

        def work() -> None:
            try:
                outcome.append(self.session.say(message, note))
            except BaseException as error:  # raised again in the thread that asked
                outcome.append(error)
            finally:
                done.set()

        self.engine.resume()
        started = time.perf_counter()
        threading.Thread(target=work, daemon=True).start()
        try:
            _await(done)
        except KeyboardInterrupt:
            self.engine.cancel()
            _await(done)
        result = outcome[0]
        if isinstance(result, Cancelled):
            return self._cancelled(message, before, tuple(steps), (time.perf_counter() - started) * 1000)
        if isinstance(result, BaseException):
            raise result
        return result

    def _cancelled(
        self, message: str, before: GameState, steps: tuple[Step, ...], latency_ms: float
    ) -> Trace:
        return Trace(
            message,
            "Cancelled." if not steps else "Cancelled; what was done stays done.",
            "failed",
            "failed",
            steps=steps,
            history=tuple(self.session.history),
            state_before=before.to_case(),
            state_after=self.observe().to_case(),
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds"),
            source=self.controller.source,
            latency_ms=latency_ms,
            meta={"engine": self.engine.name, "cancelled": True},
        )


def _await(done: threading.Event) -> None:
    """Not `Thread.join`: Python 3.11 takes a thread whose join was interrupted for ended. The timeout lets
    Ctrl-C through on Windows."""
    while not done.wait(0.1):
        pass
