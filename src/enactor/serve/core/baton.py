"""How many requests compute at a time, so that STOP never waits behind a crowd of them.

Python computes in one thread at a time; requests that wait for the model, the disk or a live game need no
turn. Without this, two hundred players mean two hundred threads between STOP and the processor.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_A_TIME = 2


class Baton:
    """Held while a request computes."""

    def __init__(self, many: int = AT_A_TIME) -> None:
        self._free = threading.Semaphore(many)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for it, and have it."""
        with self._free:
            yield

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Give it away while waiting for something else; only for who holds it."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()
