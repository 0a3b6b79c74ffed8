"""A second engine for when the first cannot be had."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, Unpack

from enactor.models.engine import Completion, Engine, EngineUnavailable, OnText, Options

Say = Callable[[str], object]


class FailoverEngine:
    """Asks `first`; when it is unavailable, `second`, which is made on first need.

    After a failure the first is left alone for `rest_s` seconds, so that not every request waits for it. What
    it refuses for a reason of the user's (no key, no such model) is raised: a silent change of models would
    hide it. A completion of which `on_text` has seen a part is not begun again elsewhere. `say` is told of
    each change. `name` is that of the engine that answered last, so that records say who it was.
    """

    def __init__(
        self,
        first: Engine,
        second: Callable[[], Engine],
        second_name: str,
        *,
        rest_s: float = 30.0,
        say: Say = lambda line: None,
    ) -> None:
        self._first = first
        self._make = second
        self._second: Engine | None = None
        self._second_name = second_name
        self._rest_s = rest_s
        self._say = say
        self._name = first.name
        self._rests_until = 0.0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Raises what the second raises when neither can be had."""
        if time.monotonic() >= self._rests_until:
            watch = _Watch(options.get("on_text"))
            if watch.listener is not None:
                options["on_text"] = watch
            try:
                done = self._first.complete(prompt, **options)
                self._name = self._first.name
                return done
            except EngineUnavailable as error:
                if watch.handed_out:
                    raise
                self._rests_until = time.monotonic() + self._rest_s
                self._say(f"{error}; {self._second_name} answers for the next {self._rest_s:.0f} s")
        done = self._stand_in().complete(prompt, **options)
        self._name = self._second_name
        return done

    def cancel(self) -> None:
        """See `Engine.cancel`."""
        self._first.cancel()
        if self._second is not None:
            self._second.cancel()

    def close(self) -> None:
        """See `Engine.close`."""
        self._first.close()
        with self._lock:
            if self._second is not None:
                self._second.close()

    def _stand_in(self) -> Engine:
        with self._lock:
            if self._second is None:
                self._second = self._make()
            return self._second

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Watch:
    """Passes text on, and knows whether there was any."""

    def __init__(self, listener: OnText | None) -> None:
        self.listener = listener
        self.handed_out = False

    def __call__(self, text: str) -> bool:
        self.handed_out = self.handed_out or bool(text)
        return self.listener is not None and self.listener(text)
