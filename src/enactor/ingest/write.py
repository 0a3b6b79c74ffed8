"""Rows into the store, many at once: what is there already is known, the rest is synced in batches."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from enactor.ingest.finish import Row
from enactor.trace import Feedback, TraceStore, canonical_json
from enactor.trace.files import append_line, cured, set_torn_aside
from enactor.trace.lock import locked
from enactor.trace.values import Json

REFUSED = "refused.jsonl"
"""In the store: every refused turn or line, `{file, kind, line, reason}`, each once."""

ORIGINS = "origins.jsonl"
"""In the store: where rows came from that may not say so themselves, `{trace, file, hash, kind, line}`."""

BATCH = 16 << 20
"""Bytes that are kept before they are written: one sync of a file for thousands of rows instead of one for
each."""

# In canonical JSON a text cannot hold an unescaped quote, so these only match keys.
_IDENTITIES = re.compile(rb'"(?:id|hash)":"h1:([0-9a-f]{32})"')


def digest(identity: str) -> bytes:
    """The 16 bytes of an identity."""
    return _digest(identity.removeprefix("h1:").encode())


class Writer:
    """Adds rows to a store. What `add` took is on the disk once `flush` returns; a process that is killed
    before loses it, and the next run adds it. `known` are the identities of all rows in the store: of the
    traces, and of the records that they were made from."""

    def __init__(self, store: TraceStore) -> None:
        self.store = store
        self.known: set[bytes] = set()
        self._read: dict[Path, int] = {}
        for path in sorted(store.folder.glob("training_*.jsonl")):
            self.known |= self._new_in(path)
        self._rated = set(store.feedback())
        self._rows: dict[Path, list[tuple[bytes, bytes]]] = defaultdict(list)
        self._notes: dict[str, list[bytes]] = defaultdict(list)
        self._size = 0
        self._listed: set[bytes] | None = None
        self._ratings: list[Feedback] = []
        self.ratings = 0
        self.overtaken = 0
        """Rows that `add` took and that another import had written by the time of `flush`."""

    def add(self, row: Row) -> bool:
        """Whether the row is new. One that was found twice is kept once."""
        identity = digest(row.identity)
        fresh = identity not in self.known
        if fresh:
            self.known.add(identity)
            path = self.store.folder / f"training_{_day(row.timestamp)}.jsonl"
            self._rows[path].append((identity, row.line))
            self._size += len(row.line)
            if row.origin is not None:
                self._note(ORIGINS, _line(dict(row.origin)))
        about = row.feedback
        # A row of others that is known stands in the store under the origin that it was first found at.
        if about is not None and (fresh or row.origin is not None) and about.trace not in self._rated:
            self._rated.add(about.trace)
            self._ratings.append(about)
        if self._size >= BATCH:
            self.flush()
        return fresh

    def refuse(self, file: str, kind: str, line: int, reason: str) -> None:
        """Put a refusal on the list."""
        if self._listed is None:
            self._listed = {_short(text) for text in _file_lines(self.store.folder / REFUSED)}
        text = _line({"file": file, "kind": kind, "line": line, "reason": reason})
        if _short(text) not in self._listed:
            self._listed.add(_short(text))
            self._note(REFUSED, text)

    def flush(self) -> None:
        """Write and sync what was added. Raises EnactorError with the cure where that fails."""
        folder = self.store.folder
        for about in self._ratings:  # before the rows: once they are there, nothing is done for them again
            self.store.add_feedback(about)
        self.ratings += len(self._ratings)
        self._ratings.clear()
        with cured(folder), locked(folder / ".lock"):
            for path, rows in sorted(self._rows.items()):
                set_torn_aside(path)
                written = self._new_in(path)  # by another import: this one's are known before they are here
                lines = [line for identity, line in rows if identity not in written]
                self.overtaken += len(rows) - len(lines)
                append_line(path, b"".join(lines))
                self._read[path] = path.stat().st_size
            for name, notes in sorted(self._notes.items()):
                set_torn_aside(folder / name)
                append_line(folder / name, b"".join(notes))
        self._rows.clear()
        self._notes.clear()
        self._size = 0

    def _new_in(self, path: Path) -> set[bytes]:
        """The identities in what a file has grown by since it was last read."""
        found: set[bytes] = set()
        if not path.exists():
            return found
        with cured(self.store.folder), path.open("rb") as lines:
            begin = self._read.get(path, 0)
            end = lines.seek(begin if begin <= path.stat().st_size else 0)  # shorter: rows were removed
            for line in lines:
                found.update(map(_digest, _IDENTITIES.findall(line)))
                end += len(line) if line.endswith(b"\n") else 0  # a torn tail may give way to another's rows
            self._read[path] = end
        return found

    def _note(self, name: str, line: bytes) -> None:
        self._notes[name].append(line)
        self._size += len(line)


def _digest(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode())


def _day(timestamp: str) -> str:
    """The day of an ISO timestamp, today (UTC) without one: it names a file, so no text is taken over."""
    try:
        return datetime.fromisoformat(timestamp).date().isoformat()
    except ValueError:
        return datetime.now(UTC).date().isoformat()


def _line(value: dict[str, Json]) -> bytes:
    return (canonical_json(value) + "\n").encode("utf-8", "backslashreplace")


def _short(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=8).digest()


def _file_lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as lines:
            yield from lines
