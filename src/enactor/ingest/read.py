"""One file read: its kind, its turns as rows that the store may take, in batches."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from enactor.ingest.files import Source
from enactor.ingest.finish import Row, finish
from enactor.ingest.found import Found, Ready, Refused, Turn
from enactor.ingest.kinds import IMPORTERS, Kind, kind_of
from enactor.ingest.lines import Lines
from enactor.ingest.write import digest
from enactor.trace import TraceStore
from enactor.trace.values import Json

BATCH = 2 << 20
"""Bytes of rows that are handed on at once."""

UNKNOWN = "unknown kind of file"

Item = Row | Refused | bytes
"""What comes of a turn: a new row, a refusal, or the identity of a turn that the store has already."""


@dataclass(slots=True)
class Batch:
    """Some of what a file held, in order. `lines` are those read since the batch before; `missing` keys that
    rows of a training log lacked; the file's last batch is `last`."""

    source: Source
    kind: Kind | None
    items: list[Item] = field(default_factory=list)
    size: int = 0
    lines: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    last: bool = False


class Unknown:
    """The importer of a file whose kind nobody knows: it refuses the file as a whole."""

    def recognises(self, line: bytes, row: Json) -> bool:
        return False

    def read(self, lines: Lines) -> Iterator[Found]:
        if sum(1 for _ in lines):
            yield Refused(1, UNKNOWN)


def read_source(source: Source, kind: Kind | None, store: TraceStore, known: set[bytes]) -> Iterator[Batch]:
    """Read one file. Turns in `known` are not made into rows again."""
    hashed = lru_cache(maxsize=1024)(store.player)
    lines, counted = Lines(source.path), 0
    batch = Batch(source, kind)
    try:
        batch.kind = kind or kind_of(source.path)
        importer = Unknown() if batch.kind is None else IMPORTERS[batch.kind]()
        for found in importer.read(lines):
            if isinstance(found, Ready):
                batch.missing.update(found.missing)
            batch.items.append(_item(found, batch, known, hashed))
            if batch.size >= BATCH or len(batch.items) >= 2000:
                batch.lines, counted = lines.count - counted, lines.count
                yield batch
                batch = Batch(source, batch.kind)
    except OSError as error:
        lines.damaged.append((0, f"cannot be read: {error.strerror or error}"))
    batch.items += [Refused(number, reason) for number, reason in lines.damaged]
    batch.lines = lines.count - counted
    batch.last = True
    yield batch


def _item(found: Found, batch: Batch, known: set[bytes], hashed: Callable[[str], str]) -> Item:
    if isinstance(found, Refused):
        return found
    rated = isinstance(found, Ready) and found.feedback is not None
    if digest(found.identity) in known and not rated:
        return digest(found.identity)
    player = found.player if isinstance(found, Turn) else ""
    row = finish(found, batch.source.name, batch.kind or "", hashed(player) if player else "")
    batch.size += len(row.line)
    return row
