"""Group commit: lines of many threads that reach the disk with one write and one fsync."""

import threading
from collections.abc import Callable
from pathlib import Path

Write = Callable[[Path, bytes], None]
"""Puts whole lines behind a file's others and returns once they are on the disk, or raises and leaves
nothing."""


class _Line:
    """A line on its way to the disk."""

    __slots__ = ("data", "done", "error", "path")

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data
        self.done = False
        self.error: Exception | None = None


class Group:
    """Whoever comes while others are being written waits for them, then writes for all that came meanwhile:
    nobody waits for more than two writes, however many there are. Safe for several threads."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._coming = threading.Lock()
        self._writing = threading.Lock()
        self._lines: list[_Line] = []

    def put(self, path: Path, line: bytes) -> None:
        """Return once `line` is on the disk. Raises what the write of its group raised: then nothing of it
        is there."""
        mine = _Line(path, line)
        with self._coming:
            self._lines.append(mine)
        with self._writing:
            if not mine.done:
                with self._coming:
                    group, self._lines = self._lines, []
                self._flush(group)
        if mine.error is not None:
            raise mine.error

    def _flush(self, group: list[_Line]) -> None:
        of: dict[Path, list[_Line]] = {}
        for line in group:
            of.setdefault(line.path, []).append(line)
        for path, lines in of.items():
            try:
                self._write(path, b"".join(line.data for line in lines))
            except Exception as error:
                for line in lines:
                    line.error = error
            for line in lines:
                line.done = True
