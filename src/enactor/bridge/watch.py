"""Waiting for a file to change: the kernel's notices where there are any, else polling."""

import ctypes
import os
import select
import struct
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

EVENT_CAP_S = 0.5  # notices are lost when the kernel's queue overflows: look again after this at the latest

# From linux/inotify.h; the same on all architectures.
_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _DELETE = 0x8, 0x40, 0x80, 0x200
_HEADER = struct.Struct("iIII")  # watch, mask, cookie, length of the name


class Watch(Protocol):
    """Wakes whoever waits for one of a few files in a folder. Threads may share it."""

    def mark(self) -> int:
        """A number to hand to `wait`, taken before looking at the files."""
        ...

    def wait(self, mark: int, limit_s: float) -> None:
        """Return when something may have changed since `mark`, at the latest after `limit_s` seconds."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


class Polling:
    """Looks again after a fixed time."""

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s

    def mark(self) -> int:
        """Always 0: every wait is as long."""
        return 0

    def wait(self, mark: int, limit_s: float) -> None:
        """Sleep for the poll time or `limit_s`, whichever is shorter."""
        time.sleep(max(min(self._poll_s, limit_s), 0.0))

    def close(self) -> None:
        """Nothing is held."""


class Notices:
    """Wakes by inotify (Linux). Raises `OSError` where the kernel grants none.

    Files are published by renaming, so that moves count, and so do deletions (a command was taken). Reads do
    not: our own would wake us for ever. The kernel's own interface, since with watchdog 7.1, which pairs the
    two halves of a rename, one command in a hundred waited for its time-out.
    """

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        if sys.platform != "linux":
            raise OSError("inotify is Linux's")
        self._names = frozenset(os.fsencode(name) for name in names)
        self._changed = threading.Condition()
        self._count = 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._kernel: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._kernel < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        kinds = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _DELETE
        if libc.inotify_add_watch(self._kernel, os.fsencode(folder), ctypes.c_uint32(kinds)) < 0:
            number = ctypes.get_errno()
            os.close(self._kernel)
            raise OSError(number, "inotify_add_watch")
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._listen, name="bridge-watch", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            ready, _, _ = select.select([self._kernel, self._end], [], [])
            if self._end in ready:
                return
            if self._ours(os.read(self._kernel, 1 << 16)):
                with self._changed:
                    self._count += 1
                    self._changed.notify_all()

    def _ours(self, events: bytes) -> bool:
        """Whether one of the notices is about a file that is watched. An overflow has no name and counts."""
        at = 0
        while at < len(events):
            watch, _, _, length = _HEADER.unpack_from(events, at)
            at += _HEADER.size + length
            if watch < 0 or events[at - length : at].rstrip(b"\0") in self._names:
                return True
        return False

    def mark(self) -> int:
        """How many notices there were."""
        return self._count

    def wait(self, mark: int, limit_s: float) -> None:
        """Return at the next notice after `mark`."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != mark, max(min(limit_s, EVENT_CAP_S), 0.0))

    def close(self) -> None:
        """End the thread that listens. A second time does nothing."""
        if self._thread.is_alive():
            os.write(self._ended, b"x")
            self._thread.join()
            for number in (self._kernel, self._end, self._ended):
                os.close(number)


def open_watch(folder: Path, names: Collection[str], poll_s: float, *, notices: bool = True) -> Watch:
    """Notices where they are wanted and can be had, polling every `poll_s` seconds otherwise."""
    if notices:
        try:
            return Notices(folder, names)
        except OSError:  # not on Linux, or the limit of watches is reached
            pass
    return Polling(poll_s)
