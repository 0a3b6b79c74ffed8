"""The append-only store: one file of rows a day, events about them beside it.

A row is acknowledged when `append` returns: written whole and fsynced under the lock. Whatever a killed
writer left behind is a last line without its line end; it is moved to a `.torn` file before the next append
and reported.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from enactor.errors import EnactorError
from enactor.trace.codec import RowError, from_row, to_row, trace_hash
from enactor.trace.hashing import canonical_json
from enactor.trace.ledger import NatureOf, declared_nature
from enactor.trace.lock import locked
from enactor.trace.values import Json, Trace

FEEDBACK = "user_feedback.jsonl"
_CURES = {
    errno.ENOSPC: "The disk is full: free some space and try again.",
    errno.EDQUOT: "The disk quota is used up: free some space and try again.",
    errno.EROFS: "The file system is read-only: set the trace folder to one that can be written.",
    errno.EACCES: "No permission: change the folder's owner or set the trace folder to another one.",
    errno.EPERM: "No permission: change the folder's owner or set the trace folder to another one.",
}


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a trace (by content hash). `rating` is 1 to 5."""

    trace: str
    rating: int | None = None
    note: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class OpenReport:
    """Torn tails that were set aside: the `.torn` files and their sizes in bytes."""

    torn: tuple[tuple[Path, int], ...] = ()


@dataclass(slots=True)
class ReadReport:
    """Filled while iterating: rows read, keys that rows lacked, rows refused by reason."""

    rows: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class TraceStore:
    """Traces in `folder`, safe for several processes. Raises EnactorError where the folder cannot be used."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        with _cured(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock():
                torn = [found for path in self._all_files() if (found := _set_torn_aside(path))]
        self.opened = OpenReport(tuple(torn))

    def append(self, trace: Trace, nature: NatureOf = declared_nature) -> str:
        """Write one trace and return its content hash once it is on the disk. The day is the trace's own,
        today (UTC) without one."""
        row = to_row(trace, nature)
        self._append(self.folder / f"training_{_day(trace.timestamp)}.jsonl", row)
        return str(row["id"])

    def add_feedback(self, feedback: Feedback) -> None:
        """Append an event; earlier ones about the same trace stay and lose."""
        if feedback.rating is not None and not 1 <= feedback.rating <= 5:
            raise EnactorError(f"A rating is 1 to 5, not {feedback.rating}.")
        stamp = feedback.timestamp or datetime.now(UTC).isoformat()
        event = {
            "trace": feedback.trace,
            "rating": feedback.rating,
            "note": feedback.note,
            "timestamp": stamp,
        }
        self._append(self.folder / FEEDBACK, event)

    def feedback(self) -> dict[str, Feedback]:
        """The latest event for each trace, by order of writing."""
        latest: dict[str, Feedback] = {}
        for row in _rows(self.folder / FEEDBACK, ReadReport()):
            if isinstance(row.get("trace"), str):
                known = {key: row[key] for key in ("trace", "rating", "note", "timestamp") if key in row}
                latest[row["trace"]] = Feedback(**known)
        return latest

    def days(self) -> list[str]:
        """The days that have a file, oldest first."""
        return sorted(path.stem.removeprefix("training_") for path in self._day_files())

    def iterate(self, days: Iterable[str] | None = None, report: ReadReport | None = None) -> Iterator[Trace]:
        """The traces of the days (all without), in order of writing, a line at a time. Rows that cannot be
        read are counted in `report` and left out."""
        report = ReadReport() if report is None else report
        for day in self.days() if days is None else days:
            for row in _rows(self.folder / f"training_{day}.jsonl", report):
                try:
                    trace = from_row(row, report.missing)
                except RowError as error:
                    report.refused[str(error)] += 1
                    continue
                report.rows += 1
                yield trace

    def read(self, content_hash: str) -> Trace | None:
        """The trace with this hash, None where there is none."""
        return next((trace for trace in self.iterate() if trace_hash(trace) == content_hash), None)

    def player(self, name: str) -> str:
        """The salted hash under which a player is stored. The salt stays in the folder, readable by its
        owner."""
        with _cured(self.folder), self._lock():
            salt = self._salt()
        return "p1:" + hashlib.sha256(salt + name.encode("utf-8")).hexdigest()[:32]

    def forget(self, name: str) -> int:
        """Take a player's traces, and the feedback on them, out of the store; how many traces went. The one
        place where files are rewritten: each to a new file first, then put in its place."""
        player = self.player(name)
        gone: set[str] = set()
        removed = 0
        with _cured(self.folder), self._lock():
            for path in self._day_files():
                _set_torn_aside(path)
                kept = []
                for line in path.read_bytes().splitlines(keepends=True):
                    row = _parse(line)
                    if row is not None and (row.get("enactor") or {}).get("player") == player:
                        gone.add(str(row.get("id")))
                        removed += 1
                    else:
                        kept.append(line)
                _rewrite(path, kept)
            feedback = self.folder / FEEDBACK
            if gone and feedback.exists():
                lines = feedback.read_bytes().splitlines(keepends=True)
                _rewrite(feedback, [line for line in lines if (_parse(line) or {}).get("trace") not in gone])
            for torn in self.folder.glob("*.torn*"):
                if player.encode() in torn.read_bytes():
                    torn.unlink()
        return removed

    def _append(self, path: Path, row: Mapping[str, Json]) -> None:
        line = (canonical_json(row) + "\n").encode("utf-8", "backslashreplace")
        with _cured(self.folder), self._lock():
            _set_torn_aside(path)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                start = os.fstat(handle).st_size
                try:
                    _write_all(handle, line)
                    os.fsync(handle)
                except OSError:
                    # Not acknowledged, so the caller may try again: nothing of it may stay.
                    with contextlib.suppress(OSError):
                        os.ftruncate(handle, start)
                    raise
            finally:
                os.close(handle)
            if start == 0:
                _sync_folder(self.folder)

    def _lock(self) -> contextlib.AbstractContextManager[None]:
        return locked(self.folder / ".lock")

    def _salt(self) -> bytes:
        path = self.folder / ".salt"
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _write_all(handle, secrets.token_bytes(32))
                os.fsync(handle)
            finally:
                os.close(handle)
        salt = path.read_bytes()
        if len(salt) < 32:
            raise EnactorError(
                f"The salt in {path} is damaged: restore it from a backup, or delete it to begin anew."
            )
        return salt

    def _day_files(self) -> list[Path]:
        return sorted(self.folder.glob("training_*.jsonl"))

    def _all_files(self) -> list[Path]:
        return [*self._day_files(), *self.folder.glob(FEEDBACK)]


def with_player(trace: Trace, store: TraceStore, name: str) -> Trace:
    """The trace with the player's salted hash."""
    return replace(trace, player=store.player(name))


def _day(timestamp: str) -> str:
    """The day of an ISO timestamp; it names a file, so nothing else is taken from the text."""
    try:
        return datetime.fromisoformat(timestamp).date().isoformat()
    except ValueError:
        return datetime.now(UTC).date().isoformat()


def _rows(path: Path, report: ReadReport) -> Iterator[dict[str, Json]]:
    with _cured(path):
        if not path.exists():
            return
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    report.refused["torn tail"] += 1
                elif (row := _parse(line)) is None:
                    report.refused["no JSON object"] += 1
                else:
                    yield row


def _parse(line: bytes) -> dict[str, Json] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _set_torn_aside(path: Path) -> tuple[Path, int] | None:
    """Move a last line without its end to a `.torn` file. Under the lock only."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start, tail = size, b""
        while start > 0 and b"\n" not in tail:
            step = min(start, 65536)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return None
        aside = path.with_name(f"{path.name}.{hashlib.sha256(torn).hexdigest()[:8]}.torn")
        with aside.open("wb") as kept:
            os.chmod(aside, 0o600)
            kept.write(torn)
            kept.flush()
            os.fsync(kept.fileno())
        file.truncate(size - len(torn))
        file.flush()
        os.fsync(file.fileno())
    return aside, len(torn)


def _rewrite(path: Path, lines: list[bytes]) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        os.chmod(fresh, 0o600)
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    _sync_folder(path.parent)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable too, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _cured(path: Path) -> Iterator[None]:
    """The system's errors as EnactorErrors that say what to do."""
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno or 0, "Check the folder and try again.")
        raise EnactorError(
            f"The trace store {path} cannot be used ({error.strerror or error}). {cure}"
        ) from error
