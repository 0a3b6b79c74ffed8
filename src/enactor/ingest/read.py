"""One file read: its kind, its turns as rows that the store may take, in batches."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from enactor.ingest.files import Source
from enactor.ingest.finish import Row, finish
from enactor.ingest.found import Refused, Turn
from enactor.ingest.kinds import IMPORTERS, Kind, kind_of
from enactor.ingest.lines import Lines
from enactor.ingest.training import TrainingLog
from enactor.ingest.write import BATCH, digest
from enactor.trace import TraceStore

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


def read_source(source: Source, kind: Kind | None, store: TraceStore, known: set[bytes]) -> Iterator[Batch]:
    """Read one file. Turns in `known` are not made into rows again."""
    hashed = lru_cache(maxsize=1024)(store.player)
    batch = Batch(source, kind)
    lines, counted = Lines(source.path), 0
    try:
        batch.kind = kind or kind_of(source.path)
        if batch.kind is None:
            batch.lines = sum(1 for _ in lines)
            batch.items = [Refused(1, UNKNOWN)] if batch.lines or lines.damaged else []
            batch.last = True
            yield batch
            return
        importer = IMPORTERS[batch.kind]()
        if isinstance(importer, TrainingLog):
            importer.missing = batch.missing
        for found in importer.read(lines):
            item: Item
            if isinstance(found, Refused):
                item = found
            elif (identity := digest(found.identity)) in known and not getattr(found, "feedback", None):
                item = identity
            else:
                player = found.player if isinstance(found, Turn) else ""
                item = finish(found, source.name, batch.kind, hashed(player) if player else "")
                batch.size += len(item.line)
            batch.items.append(item)
            if batch.size >= BATCH or len(batch.items) >= 2000:
                batch.lines, counted = lines.count - counted, lines.count
                yield batch
                batch = Batch(source, batch.kind, missing=Counter())
                if isinstance(importer, TrainingLog):
                    importer.missing = batch.missing
    except OSError as error:
        lines.damaged.append((0, f"cannot be read: {error.strerror or error}"))
    batch.items += [Refused(number, reason) for number, reason in lines.damaged]
    batch.lines = lines.count - counted
    batch.last = True
    yield batch
