"""The durable queue: a line for every step of a request's life, on the disk before it is acted upon.

A request's lines are `accepted` (before it is acknowledged), `dispatching` (before the first command of it
goes to the game) and `done`. After a kill, what was accepted and not begun is taken up again; what was being
dispatched is reported and not repeated. Many threads' lines share one fsync.
"""

import contextlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.serve.core.events import Caller, Session
from enactor.trace import canonical_json
from enactor.trace.files import parse, set_torn_aside, sync_folder, write_all, write_new

SCHEMA = 1
REMEMBERED = 5_000
"""Ids of ended requests that are kept, so that a door which repeats one does not have it done twice."""
COMPACT_AT = 20_000
"""Lines after which the file is written anew without what has ended."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A request as it is kept. `waiting` is the request whose question this one answers, `deferred` the
    number of the task for later that it carries out. `at` is a POSIX time."""

    request: str
    caller: Caller
    account: str
    message: str
    place: str = ""
    waiting: str = ""
    deferred: int = 0
    at: float = 0.0

    @property
    def session(self) -> Session:
        """The conversation that it belongs to."""
        return Session(self.caller.door, self.account, self.caller.player)

    def line(self, step: str) -> dict[str, Any]:
        """The object of its line."""
        caller = {**asdict(self.caller), "roles": sorted(self.caller.roles)}
        return {**asdict(self), "caller": caller, "step": step, "schema": SCHEMA}


@dataclass(frozen=True, slots=True)
class Found:
    """What a start finds of the last run: tickets that nobody began, tickets that were begun, tickets of
    tasks for later, and lines that could not be read."""

    accepted: tuple[Ticket, ...] = ()
    begun: tuple[Ticket, ...] = ()
    deferred: tuple[Ticket, ...] = ()
    unread: int = 0


class Journal:
    """The journal at `path`, or one that keeps nothing. One process has it at a time. Raises `EnactorError`
    where it cannot be kept, or is another's."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.found = Found()
        self._wake = threading.Condition()
        self._waiting: list[_Write] = []
        self._open: dict[str, list[bytes]] = {}
        self._due: set[str] = set()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._lines = 0
        self._closed = False
        self._handle = -1
        self._lock_handle = -1
        if path is not None:
            with _cured(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._lock_handle = _own(path.with_suffix(".lock"))
                set_torn_aside(path)
                self.found = self._read(path)
                self._compact()
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()

    def known(self, request: str) -> bool:
        """Whether a request of this id was ever taken, as far as is remembered."""
        with self._wake:
            return request in self._open or request in self._ended

    def taken_up(self, request: str) -> bool:
        """Whether a task for later was taken up already: more is known of it than that it was asked for."""
        with self._wake:
            return request in self._ended or request in self._due

    def write(self, ticket: Ticket, step: str, **more: Any) -> None:
        """One line, on the disk when this returns. Raises `EnactorError`; then nothing of it is left."""
        line = (canonical_json({**ticket.line(step), **more}) + "\n").encode("utf-8", "backslashreplace")
        self._put((ticket.request, step, line))

    def done(self, how: str, *requests: str, wait: bool = True) -> None:
        """The last line of each request, all with one write. Without `wait` it follows: lost with a kill, the
        request is reported as interrupted though it was not."""
        lines = []
        for request in requests:
            row = {"request": request, "step": "done", "how": how, "schema": SCHEMA, "at": time.time()}
            lines.append((request, "done", (canonical_json(row) + "\n").encode("utf-8", "backslashreplace")))
        self._put(*lines, wait=wait)

    def close(self) -> None:
        """Write what waits, and let another process have it."""
        with self._wake:
            if self._closed:
                return
            self._closed = True
            self._wake.notify()
        if self.path is not None:
            self._thread.join()
            os.close(self._handle)
            os.close(self._lock_handle)

    def _put(self, *lines: tuple[str, str, bytes], wait: bool = True) -> None:
        writes = [_Write(*line) for line in lines]
        with self._wake:
            if self._closed:
                raise EnactorError("the service has ended: start it again")
            if self.path is None:
                for request, step, _ in lines:
                    self._note(request, step, b"")
                return
            self._waiting += writes
            self._wake.notify()
        for write in writes if wait else ():
            write.ready.wait()
            if write.error is not None:
                raise EnactorError(_cure(self.path, write.error)) from write.error

    def _note(self, request: str, step: str, line: bytes) -> None:
        self._lines += 1
        if step == "done":
            self._open.pop(request, None)
            self._due.discard(request)
            self._ended[request] = None
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        else:
            self._open.setdefault(request, []).append(line)
            if step != "deferred":
                self._due.add(request)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closed)
                batch, self._waiting = self._waiting, []
                if not batch:
                    return
            error = self._flush(b"".join(write.line for write in batch))
            for write in batch:
                write.error = error
                if error is None:
                    with self._wake:
                        self._note(write.request, write.step, write.line)
                write.ready.set()
            if self._lines > COMPACT_AT:
                with contextlib.suppress(OSError), self._wake:  # the long file stays as it was, and is good
                    self._compact()

    def _flush(self, data: bytes) -> OSError | None:
        start = -1
        try:
            start = os.fstat(self._handle).st_size
            write_all(self._handle, data)
            os.fsync(self._handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                if start >= 0:
                    os.ftruncate(self._handle, start)
            return error
        return None

    def _compact(self) -> None:
        assert self.path is not None
        ended = [
            (canonical_json({"request": request, "step": "done", "how": "ended", "schema": SCHEMA}) + "\n")
            for request in self._ended
        ]
        lines = [line for lines in self._open.values() for line in lines]
        write_new(self.path, "".join(ended).encode() + b"".join(lines))
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        sync_folder(self.path.parent)
        self._lines = len(lines)

    def _read(self, path: Path) -> Found:
        if not path.exists():
            return Found()
        tickets: dict[str, tuple[str, Ticket]] = {}
        unread = 0
        with path.open("rb") as file:
            for line in file:
                row = parse(line) or {}
                try:
                    request, step = str(row["request"]), str(row["step"])
                    if step == "done":
                        tickets.pop(request, None)
                    else:
                        tickets[request] = (step, _ticket(row))
                except (KeyError, TypeError, ValueError, OverflowError):
                    unread += 1
                    continue
                self._note(request, step, line)
        by: dict[str, list[Ticket]] = {"accepted": [], "dispatching": [], "deferred": []}
        for step, ticket in tickets.values():
            by.setdefault(step, []).append(ticket)
        return Found(tuple(by["accepted"]), tuple(by["dispatching"]), tuple(by["deferred"]), unread)


class _Write:
    """A line on its way to the disk."""

    __slots__ = ("error", "line", "ready", "request", "step")

    def __init__(self, request: str, step: str, line: bytes) -> None:
        self.request, self.step, self.line = request, step, line
        self.ready = threading.Event()
        self.error: OSError | None = None


def _ticket(row: Mapping[str, Any]) -> Ticket:
    who = row["caller"]
    caller = Caller(str(who["door"]), str(who["player"]), str(who["name"]), frozenset(map(str, who["roles"])))
    return Ticket(
        str(row["request"]),
        caller,
        str(row["account"]),
        str(row["message"]),
        str(row.get("place", "")),
        str(row.get("waiting", "")),
        int(row.get("deferred", 0)),
        float(row.get("at", 0.0)),
    )


def _own(path: Path) -> int:
    """The lock file, held for as long as its handle is open."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
    except OSError:
        os.close(handle)
        raise EnactorError(
            f"{path.parent} is in use by another service: end that one, or give this one a folder of its own"
        ) from None
    return handle


try:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _cured(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise EnactorError(_cure(path, error)) from error


def _cure(path: Path | None, error: OSError) -> str:
    return (
        f"requests cannot be kept safe in {path} ({error.strerror or error}): make room on the disk or mend "
        "the permissions, then ask again"
    )
