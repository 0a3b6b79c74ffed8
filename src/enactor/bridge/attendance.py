"""How long the bridge may act with nobody there."""

import threading
import time
from collections.abc import Callable


class Attendance:
    """Counts from the player's last word. After `limit_s` seconds `leave` is called, once, from a thread.

    Without a limit nothing ever expires.
    """

    def __init__(self, limit_s: float | None, leave: Callable[[], object]) -> None:
        self._limit_s, self._leave = limit_s, leave
        self._since = time.monotonic()
        self._timer: threading.Timer | None = None
        self._turn = threading.Lock()

    def attend(self) -> None:
        """The player is there: count anew."""
        with self._turn:
            self._since = time.monotonic()

    @property
    def expired(self) -> bool:
        """Whether the time is up."""
        return self._limit_s is not None and time.monotonic() - self._since >= self._limit_s

    def acts(self) -> None:
        """Something was begun that has to be stopped when the time is up."""
        with self._turn:
            if self._limit_s is not None and self._timer is None:
                self._arm(self._limit_s - (time.monotonic() - self._since))

    def close(self) -> None:
        """Count no longer."""
        with self._turn:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _arm(self, seconds: float) -> None:
        self._timer = threading.Timer(max(seconds, 0.0), self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        with self._turn:
            if self._timer is None or self._limit_s is None:
                return
            left = self._limit_s - (time.monotonic() - self._since)
            self._timer = None
            if left > 0:  # the player was there in the meantime
                self._arm(left)
                return
        self._leave()
