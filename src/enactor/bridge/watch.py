"""Waiting for a file to change: the system's notices where there are any, else polling."""

import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

EVENT_CAP_S = 0.5  # a notice may be lost (network folders, overflow): look again after this at the latest


class Watch(Protocol):
    """Wakes whoever waits for one of a few files in a folder."""

    def mark(self) -> int:
        """A number to hand to `wait`, taken before looking at the files."""
        ...

    def wait(self, mark: int, limit_s: float) -> None:
        """Return when something may have changed since `mark`, at the latest after `limit_s` seconds."""
        ...

    def close(self) -> None:
        """Free what it holds. Waiting afterwards polls."""
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
    """Wakes by the file system's notices (inotify on Linux, FSEvents on macOS), through watchdog.

    Responses are published by renaming, so that moves count, and so do deletions (a command was taken).
    Raises `OSError` when the system grants no watch and `ImportError` without watchdog.
    """

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        from watchdog.events import (
            FileClosedEvent,
            FileCreatedEvent,
            FileDeletedEvent,
            FileMovedEvent,
            FileSystemEvent,
            FileSystemEventHandler,
        )
        from watchdog.observers import Observer

        changed = threading.Condition()
        wanted = frozenset(names)

        class Handler(FileSystemEventHandler):
            def __init__(self) -> None:
                self.count = 0

            def dispatch(self, event: FileSystemEvent) -> None:
                ends = (str(event.src_path), str(event.dest_path))
                if any(end.rpartition("/")[2] in wanted for end in ends):
                    with changed:
                        self.count += 1
                        changed.notify_all()

        self._changed, self._handler = changed, Handler()
        self._observer: Any = Observer()
        # Not `opened`: our own reading would wake us for ever.
        kinds = [FileMovedEvent, FileDeletedEvent, FileCreatedEvent, FileClosedEvent]
        self._observer.schedule(self._handler, str(folder), recursive=False, event_filter=kinds)
        self._observer.start()

    def mark(self) -> int:
        """How many notices there were."""
        return self._handler.count

    def wait(self, mark: int, limit_s: float) -> None:
        """Return at the next notice after `mark`."""
        with self._changed:
            self._changed.wait_for(lambda: self._handler.count != mark, max(min(limit_s, EVENT_CAP_S), 0.0))

    def close(self) -> None:
        """End the observer's threads."""
        self._observer.stop()
        self._observer.join(2.0)


def open_watch(folder: Path, names: Collection[str], poll_s: float, *, notices: bool = True) -> Watch:
    """Notices where they are wanted and can be had, polling every `poll_s` seconds otherwise."""
    if notices:
        try:
            return Notices(folder, names)
        except (ImportError, OSError):  # no watchdog, or the limit of inotify watches is reached
            pass
    return Polling(poll_s)
