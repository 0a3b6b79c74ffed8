"""stdin as lines for the SDK's stdio transport, so that a signal need not wait for the next line.

The SDK reads in a worker thread that nothing can interrupt while it waits; the process would hang on Ctrl-C
until the client writes again. Here a daemon thread reads the descriptor itself, without the lock of
`sys.stdin`.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator

MAX_LINE = 4 * 2**20
"""Bytes of a message, as over HTTP. A longer one is thrown away up to its line end."""
_CHUNK = 2**16


class Lines:
    """The lines of a descriptor, decoded; ends with the descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(16)
        threading.Thread(target=self._read, daemon=True, name="mcp stdin").start()

    async def __aiter__(self) -> AsyncIterator[str]:
        while (line := await self._queue.get()) is not None:
            yield line

    def _read(self) -> None:
        kept = b""
        skipping = False
        while chunk := self._chunk():
            *lines, kept = (kept + chunk).split(b"\n")
            for line in lines:
                if not skipping and line.strip() and not self._put(line.decode("utf-8", "replace")):
                    return
                skipping = False
            if len(kept) > MAX_LINE:
                kept, skipping = b"", True
        if kept.strip() and not skipping:
            self._put(kept.decode("utf-8", "replace"))
        self._put(None)

    def _chunk(self) -> bytes:
        try:
            return os.read(self._fd, _CHUNK)
        except OSError:  # the other end is gone
            return b""

    def _put(self, line: str | None) -> bool:
        """Hand over a line, waiting while the server is behind; False when it has ended."""
        waiting = self._queue.put(line)
        try:
            asyncio.run_coroutine_threadsafe(waiting, self._loop).result()
        except RuntimeError:  # the loop is closed
            waiting.close()
            return False
        return True
