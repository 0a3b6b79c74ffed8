"""One word that ends one request, from any thread, wherever it waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cancel:
    """Set once. `why` is empty until then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakes: list[threading.Event] = []
        self.why = ""

    def __bool__(self) -> bool:
        return bool(self.why)

    def set(self, why: str) -> None:
        """End the request. The first reason stays."""
        with self._lock:
            self.why = self.why or why
            for wake in self._wakes:
                wake.set()

    @contextmanager
    def waking(self, wake: threading.Event) -> Iterator[None]:
        """`wake` is set when the request is ended, also when that was before."""
        with self._lock:
            self._wakes.append(wake)
            if self.why:
                wake.set()
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the end of the request; whether it has ended."""
        wake = threading.Event()
        with self.waking(wake):
            return wake.wait(seconds)
