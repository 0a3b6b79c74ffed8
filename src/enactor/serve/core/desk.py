"""The models behind one counter: who decodes when, for how long, and what happens when the model changes.

Each request gets a `Seat`: an `Engine` that waits for a slot, ends with its request, and gives up a model
that hangs. A completion runs in a thread of its own, so that the end of a request never waits for it; its
slot is free when it has really ended.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Unpack

from enactor.errors import EnactorError
from enactor.models.engine import Completion, Engine, EngineUnavailable, OnText, Options
from enactor.prompt import SYSTEM
from enactor.serve.core.cancel import Cancel
from enactor.serve.played import Cancelled

GUESS_S = 2.0
"""How long a completion is taken to last before one was seen."""


@dataclass(frozen=True, slots=True)
class Model:
    """An open engine with the system turn that it was made for. `slots` completions decode side by side."""

    name: str
    engine: Engine
    system: str = SYSTEM
    slots: int = 1


class Desk:
    """One model at a time, shared by all requests; `replace` changes it. Safe for several threads."""

    def __init__(self, model: Model, limit_s: float = 300.0) -> None:
        self._model = model
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._free = model.slots
        self._line: deque[_Waiter] = deque()
        self._using: dict[int, int] = {}
        self._mean_s = GUESS_S

    @property
    def model(self) -> Model:
        """The one that answers now."""
        return self._model

    def replace(self, model: Model) -> None:
        """From now on `model` answers. The one before is closed when its last completion has ended."""
        with self._lock:
            before, self._model = self._model, model
            # Slots of the old one that are in use come back to the new one's count when they end.
            self._free += model.slots - before.slots
            idle = not self._using.get(id(before.engine))
            self._hand_on()
        if idle and before.engine is not model.engine:
            before.engine.close()

    def expected_s(self, before: int) -> float:
        """How long a request waits for a slot with `before` others that need the model, by the last
        completions. Slots that hang count too, though nobody waits for them any more."""
        with self._lock:
            slots = self._model.slots
            return max(max(before, slots - self._free) - slots + 1, 0) * self._mean_s / slots

    def close(self) -> None:
        """Close the model."""
        self._model.engine.close()

    @contextmanager
    def slot(self, cancel: Cancel) -> Iterator[Callable[[], None]]:
        """Wait for a slot, in order. Gives what frees it, to be called once. Raises `Cancelled`, and
        `EngineUnavailable` when none comes free in the time of one completion."""
        waiter = _Waiter()
        with self._lock:
            self._line.append(waiter)
            self._hand_on()
        with cancel.waking(waiter.wake):
            waiter.wake.wait(self._limit_s)
        with self._lock:
            if not waiter.given:
                self._line.remove(waiter)
        if waiter.given and not cancel:
            yield self._release
            return
        if waiter.given:
            self._release()
        if cancel:
            raise Cancelled(cancel.why)
        raise EngineUnavailable(
            f"the model has not come free in {self._limit_s:g} s: it hangs or is overloaded; try again later"
        )

    def _release(self) -> None:
        with self._lock:
            self._free += 1
            self._hand_on()

    def _hand_on(self) -> None:
        while self._free > 0 and self._line:
            waiter = self._line.popleft()
            waiter.given = True
            self._free -= 1
            waiter.wake.set()

    def complete(self, model: Model, prompt: str, cancel: Cancel, options: Options) -> Completion:
        """One completion of `model`. Raises as `slot`, what the engine raises, and `EngineUnavailable` when
        it takes longer than the limit."""
        outcome: list[Completion | BaseException] = []
        done = threading.Event()
        given_up = threading.Event()
        theirs: OnText | None = options.get("on_text")

        def on_text(text: str) -> bool:
            return bool(cancel) or given_up.is_set() or (theirs is not None and theirs(text))

        watched = options.copy()
        watched["on_text"] = on_text

        def work(free: Callable[[], None]) -> None:
            started = time.monotonic()
            try:
                outcome.append(model.engine.complete(prompt, **watched))
            except BaseException as error:  # raised again in the thread that asked
                outcome.append(error)
            finally:
                self._ended(model, time.monotonic() - started)
                free()
                done.set()

        with self.slot(cancel) as free:
            with self._lock:
                self._using[id(model.engine)] = self._using.get(id(model.engine), 0) + 1
            threading.Thread(target=work, args=(free,), name="completion", daemon=True).start()
        with cancel.waking(done):
            finished = done.wait(self._limit_s)
        if cancel:
            raise Cancelled(cancel.why)
        if not finished:
            given_up.set()
            raise EngineUnavailable(f"the model did not answer within {self._limit_s:g} s; try again later")
        result = outcome[0]
        if isinstance(result, EnactorError):
            raise result
        if isinstance(result, BaseException):
            raise EngineUnavailable(f"the model broke off ({type(result).__name__}); try again") from result
        return result

    def _ended(self, model: Model, seconds: float) -> None:
        with self._lock:
            self._mean_s += 0.2 * (seconds - self._mean_s)
            left = self._using[id(model.engine)] = self._using[id(model.engine)] - 1
            if not left:
                del self._using[id(model.engine)]
            retired = not left and model.engine is not self._model.engine
        if retired:
            threading.Thread(target=model.engine.close, daemon=True).start()


class _Waiter:
    """One who stands in line."""

    __slots__ = ("given", "wake")

    def __init__(self) -> None:
        self.wake = threading.Event()
        self.given = False


class Seat:
    """The `Engine` of one request: the model that answered when it began answers to its end. `seconds` is
    what it has spent here. `waits` surrounds the waiting for the model."""

    def __init__(
        self, desk: Desk, cancel: Cancel, waits: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self.model = desk.model
        self.seconds = 0.0
        self._desk = desk
        self._cancel = cancel
        self._waits = waits

    @property
    def name(self) -> str:
        return self.model.engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Raises `Cancelled` at once when the request is ended."""
        started = time.monotonic()
        try:
            with self._waits():
                return self._desk.complete(self.model, prompt, self._cancel, options)
        finally:
            self.seconds += time.monotonic() - started

    def cancel(self) -> None:
        """End the request."""
        self._cancel.set("cancelled")

    def close(self) -> None:
        """The engine is the desk's."""
