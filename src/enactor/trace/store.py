"""The append-only store: one file of rows a day, events about them beside it.

A row is acknowledged when `append` returns: written whole and fsynced under the lock, the rows of several
threads together. Whatever a killed writer left behind is a last line without its line end; it is moved to a
`.torn` file when the store is opened next, or before the next append, and reported.
"""

import contextlib
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from enactor.errors import EnactorError
from enactor.trace.codec import from_row, to_row, trace_hash
from enactor.trace.files import append_line, cured, lines_up_to, parse, remove, set_torn_aside, write_new
from enactor.trace.group import Group
from enactor.trace.hashing import canonical_json
from enactor.trace.ledger import NatureOf, declared_nature
from enactor.trace.lock import locked, shared
from enactor.trace.migrations import RowError
from enactor.trace.removal import FEEDBACK, day_files, day_of, expire, forget, removals
from enactor.trace.values import Json, Trace

FEEDBACK_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person said of a trace (by content hash). `rating` is 1 to 5."""

    trace: str
    rating: int | None = None
    note: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class OpenReport:
    """What opening changed. `torn`: tails that were set aside, the `.torn` files and their sizes in bytes.
    `expired`: rows that the retention took out, by day."""

    torn: tuple[tuple[Path, int], ...] = ()
    expired: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For a person, a line each; empty where nothing happened."""
        told = [
            f"a writer was stopped in the middle of a line: its {size} bytes are kept in {path}"
            for path, size in self.torn
        ]
        if self.expired:
            days = sorted(self.expired)
            told.append(
                f"{sum(self.expired.values())} recorded requests of {len(days)} days up to {days[-1]} were "
                "removed: the setting retention_days"
            )
        return told


@dataclass(slots=True)
class ReadReport:
    """Filled while iterating: rows read, keys that rows lacked, rows refused by reason."""

    rows: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class TraceStore:
    """Traces in `folder`, safe for several processes. Raises EnactorError where the folder cannot be used.

    `retention_days` removes days older than that, counted from today (UTC), on opening and with the first
    append of a new day; None keeps all. A `readonly` store is a look at what is there: it makes and changes
    nothing and refuses to write.
    """

    def __init__(
        self, folder: Path | str, *, retention_days: int | None = None, readonly: bool = False
    ) -> None:
        if retention_days is not None and retention_days < 1:
            raise EnactorError(f"A retention is at least 1 day, not {retention_days}.")
        self.folder = Path(folder)
        self.readonly = readonly
        self.retention_days = retention_days
        self.opened = OpenReport() if readonly else self._open()
        self._cleaned = _today()
        self._group = Group(self._write)
        self._salted: bytes | None = None

    def append(self, trace: Trace, nature: NatureOf = declared_nature) -> str:
        """Write one trace and return its content hash once it is on the disk. The day is the trace's own,
        today (UTC) without one."""
        row = to_row(trace, nature)
        if self.retention_days is not None and self._cleaned != _today():
            self._cleaned = _today()
            self.opened = self._open()
        self._append(self.folder / f"training_{_day(trace.timestamp)}.jsonl", row)
        return str(row["id"])

    def add_feedback(self, feedback: Feedback) -> None:
        """Append an event; earlier ones about the same trace stay and lose."""
        if feedback.rating is not None and not 1 <= feedback.rating <= 5:
            raise EnactorError(f"A rating is 1 to 5, not {feedback.rating}.")
        stamp = feedback.timestamp or datetime.now(UTC).isoformat()
        event = {
            "schema": FEEDBACK_SCHEMA,
            "trace": feedback.trace,
            "rating": feedback.rating,
            "note": feedback.note,
            "timestamp": stamp,
        }
        self._append(self.folder / FEEDBACK, event)

    def feedback(self, report: ReadReport | None = None) -> dict[str, Feedback]:
        """The latest event for each trace, by order of writing. Events that cannot be read are counted."""
        report = ReadReport() if report is None else report
        latest: dict[str, Feedback] = {}
        for row in self._rows(self.folder / FEEDBACK, report):
            try:
                event = _event(row)
            except RowError as error:
                report.refused[str(error)] += 1
                continue
            latest[event.trace] = event
        return latest

    def days(self) -> list[str]:
        """The days that have a file, oldest first."""
        return [day_of(path) for path in day_files(self.folder)]

    def iterate(self, days: Iterable[str] | None = None, report: ReadReport | None = None) -> Iterator[Trace]:
        """The traces of the days (all without), in order of writing, a line at a time; what is appended
        meanwhile to a day already begun stays out. Rows that cannot be read are counted in `report` and left
        out."""
        report = ReadReport() if report is None else report
        for day in self.days() if days is None else days:
            for row in self._rows(self.folder / f"training_{day}.jsonl", report):
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
        if (salt := self._salted) is None:
            with cured(self.folder), self._lock():
                salt = self._salted = self._salt()
        return "p1:" + hashlib.sha256(salt + name.encode("utf-8")).hexdigest()[:32]

    def forget(self, name: str) -> int:
        """Take a player's traces, and the feedback on them, out of the store; how many traces went. `name`
        is the name, or the salted hash as the rows have it. Files are replaced as a whole, each at once."""
        player = name if name.startswith("p1:") else self.player(name)
        with cured(self.folder), self._lock():
            return forget(self.folder, player)

    def removals(self) -> list[dict[str, Json]]:
        """When rows were taken out, why and how many, oldest first."""
        with cured(self.folder):
            return removals(self.folder)

    def _open(self) -> OpenReport:
        with cured(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock():
                days, feedback = day_files(self.folder), self.folder / FEEDBACK
                # What a killed replacement left: the file that it was to replace is whole.
                remove(path.with_name(path.name + ".new") for path in (*days, feedback))
                torn = [found for path in (*days, feedback) if (found := set_torn_aside(path))]
                expired: Mapping[str, int] = {}
                if self.retention_days is not None:
                    expired = expire(self.folder, _today() - timedelta(days=self.retention_days))
        return OpenReport(tuple(torn), expired)

    def _append(self, path: Path, row: Mapping[str, Json]) -> None:
        self._group.put(path, (canonical_json(row) + "\n").encode("utf-8", "backslashreplace"))

    def _write(self, path: Path, lines: bytes) -> None:
        with cured(self.folder), self._lock():
            set_torn_aside(path)
            append_line(path, lines)

    def _lock(self) -> contextlib.AbstractContextManager[None]:
        if self.readonly:
            raise EnactorError(f"{self.folder} was opened to be read: open it for writing.")
        return locked(self._lock_file)

    @property
    def _lock_file(self) -> Path:
        return self.folder / ".lock"

    def _salt(self) -> bytes:
        path = self.folder / ".salt"
        if not path.exists():
            write_new(path, secrets.token_bytes(32))
        salt = path.read_bytes()
        if len(salt) < 32:
            raise EnactorError(
                f"The salt in {path} is damaged: restore it from a backup, or delete it to begin anew."
            )
        return salt

    def _rows(self, path: Path, report: ReadReport) -> Iterator[dict[str, Json]]:
        """The objects of a file, as it was when a moment came without a writer in the middle of a line."""
        with cured(path):
            if not path.exists():
                return
            with path.open("rb") as file:
                with shared(self._lock_file):
                    size = os.fstat(file.fileno()).st_size
                for line in lines_up_to(file, size):
                    row = parse(line)
                    if row is not None:
                        yield row
                    elif line.endswith(b"\n"):
                        report.refused["no JSON object"] += 1
                    else:
                        report.refused["torn tail"] += 1


def with_player(trace: Trace, store: TraceStore, name: str) -> Trace:
    """The trace with the player's salted hash."""
    return replace(trace, player=store.player(name))


def _event(row: Mapping[str, Json]) -> Feedback:
    """An event of any version so far; keys of other programs are passed over. Raises RowError."""
    trace, rating = row.get("trace"), row.get("rating")
    if not isinstance(trace, str):
        raise RowError("feedback on no trace")
    if rating is not None and (
        not isinstance(rating, int) or isinstance(rating, bool) or not 1 <= rating <= 5
    ):
        raise RowError("a rating that is not 1 to 5")
    return Feedback(trace, rating, str(row.get("note") or ""), str(row.get("timestamp") or ""))


def _today() -> date:
    return datetime.now(UTC).date()


def _day(timestamp: str) -> str:
    """The day (UTC) of an ISO timestamp; it names a file, so nothing else is taken from the text."""
    try:
        at = datetime.fromisoformat(timestamp)
        return (at.astimezone(UTC) if at.tzinfo else at).date().isoformat()
    except (ValueError, OverflowError):
        return _today().isoformat()
