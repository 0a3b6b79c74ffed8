"""Who may decode, who waits, and who is turned away."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from enactor.models.engine import Completion, Engine, EngineUnavailable, Options


class Overloaded(Exception):
    """All slots are taken and the queue is full."""


class Desk:
    """Hands requests to a blocking engine, `slots` at a time, with up to `queue` more waiting in order.

    Belongs to one event loop. A client that leaves ends its own completion and no other.
    """

    def __init__(self, engine: Engine, *, slots: int, queue: int) -> None:
        self._engine = engine
        self._room = slots + queue
        self._held = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="decode")

    @property
    def held(self) -> int:
        """Requests that decode or wait."""
        return self._held

    async def answer(
        self, prompt: str, options: Options, enough: threading.Event
    ) -> AsyncGenerator[str | Completion]:
        """The pieces of text as they come, then the completion. Setting `enough` ends it early, leaving the
        iterator drops it. Raises `Overloaded`, or what the engine raises."""
        with self._lock:
            if self._held >= self._room:
                raise Overloaded
            self._held += 1
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        gone = threading.Event()

        def put(piece: str | None) -> None:
            with suppress(RuntimeError):  # the loop has ended with the server
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def on_text(text: str) -> bool:
            if text:
                put(text)
            return gone.is_set() or enough.is_set()

        def leave(_: object) -> None:
            with self._lock:
                self._held -= 1
            put(None)

        asked: Options = {**options, "on_text": on_text}
        work = self._pool.submit(lambda: self._engine.complete(prompt, **asked))
        work.add_done_callback(leave)
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            if work.cancelled():
                raise EngineUnavailable("the server is ending: ask another one, or again later")
            yield work.result()
        finally:
            gone.set()
            work.cancel()

    def close(self) -> None:
        """End what is under way and wait for it; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.cancel()
        self._pool.shutdown(wait=True)
