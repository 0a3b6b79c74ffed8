"""What an importer finds in a file: turns, rows that are traces already, and what it refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from enactor.ingest.lines import Lines
from enactor.trace import Feedback, Message, Step, Trace
from enactor.trace.values import Json


@dataclass(frozen=True, slots=True)
class Refused:
    """A turn that is no trace, or a line that cannot be read, with the reason."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A request as a record tells it, not yet judged.

    `line` is where it begins, `identity` the hash that makes it the same turn wherever it is found again.
    `player` is a name as the record has it (hashed before it is stored), `said_next` what the same person
    wrote next and `seconds_later` how long after, both None where nothing follows. `interrupted`: the person
    stopped it.
    """

    line: int
    identity: str
    message: str
    reply: str
    steps: tuple[Step, ...]
    source: str
    timestamp: str = ""
    player: str = ""
    history: tuple[Message, ...] = ()
    said_next: str | None = None
    seconds_later: float | None = None
    interrupted: bool = False
    meta: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A trace that a row of the training log holds. `own`: Enactor wrote it, so it keeps its identity to the
    letter and its origin is noted beside it. `missing` are the keys that the row lacked."""

    line: int
    identity: str
    trace: Trace
    own: bool
    feedback: Feedback | None = None
    missing: tuple[str, ...] = ()


Found = Turn | Ready | Refused


class Importer(Protocol):
    """One kind of record. Pure: reads lines, stores nothing, raises nothing for what a line holds."""

    def recognises(self, line: bytes, row: Json) -> bool:
        """Whether a line can only be of this kind. `row` is its JSON value, None where it is none."""
        ...

    def read(self, lines: Lines) -> Iterator[Found]:
        """The turns in order, each once it is complete."""
        ...
