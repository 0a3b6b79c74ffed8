"""What happened, numbered and kept, for pages that come, go and come back."""

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from enactor.serve.web.forms import Refused

KEPT = 1_500
KEPT_BYTES = 4 * 2**20
STREAMS = 16
"""Pages that may listen at a time."""

QUIET_S = 15.0
"""After so long without an event a comment goes out, so that a lost link is noticed."""

LATEST = frozenset({"scene", "session", "task", "progress", "queued", "reset"})
"""Of these only the last one matters, for each request."""


class Feed:
    """Events in order. `publish` may be called from any thread; streams live in the server's loop."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._events: list[tuple[int, Mapping[str, Any], str]] = []
        self._last = 0
        self._size = 0
        self._listeners: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def watched(self) -> bool:
        """Whether a page listens."""
        return bool(self._listeners)

    def publish(self, record: Mapping[str, Any]) -> None:
        """Add an event; all that JSON cannot hold is written as text."""
        # Escaped to ASCII: a text from elsewhere may hold half a surrogate pair, which UTF-8 cannot.
        text = json.dumps(record, default=str)
        with self._lock:
            self._last += 1
            if record["event"] in LATEST:
                key = (record["event"], record.get("request"))
                self._events = [e for e in self._events if (e[1]["event"], e[1].get("request")) != key]
                self._size = sum(len(text) for _, _, text in self._events)
            self._events.append((self._last, record, text))
            self._size += len(text)
            while len(self._events) > KEPT or self._size > KEPT_BYTES:
                self._size -= len(self._events.pop(0)[2])
            listeners = list(self._listeners.items())
        for wake, loop in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(wake.set)

    async def stream(self, last_id: str) -> AsyncGenerator[str]:
        """Server-sent events: what came after `last_id` (`run-number`), or all that is kept, then what comes.
        Raises `Refused` when too many listen."""
        run, _, number = last_id.rpartition("-")
        resumed = run == self.run and number.isdecimal() and len(number) < 16
        seen = int(number) if resumed else 0
        wake = asyncio.Event()
        with self._lock:
            if len(self._listeners) >= STREAMS:
                raise Refused(f"{STREAMS} pages listen already: close one", 503)
            self._listeners[wake] = asyncio.get_running_loop()
        try:
            yield _message({"event": "hello", "run": self.run, "resumed": resumed}, f"{self.run}-{seen}")
            while True:
                wake.clear()
                with self._lock:
                    fresh = [(number, text) for number, _, text in self._events if number > seen]
                for number_, text in fresh:
                    seen = number_
                    yield f"id: {self.run}-{seen}\ndata: {text}\n\n"
                try:
                    await asyncio.wait_for(wake.wait(), QUIET_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            with self._lock:
                self._listeners.pop(wake, None)


def _message(record: Mapping[str, Any], identity: str) -> str:
    return f"retry: 1000\nid: {identity}\ndata: {json.dumps(record)}\n\n"
