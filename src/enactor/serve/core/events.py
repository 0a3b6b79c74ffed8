"""What the service tells its doors: frozen values, one for everything that happens to a request.

`request` is the id under which the request was taken. A request that was taken ends with exactly one of
`Finished`, `Cancelled`, `Failed` or `Interrupted`; `Refused` and `Shed` are for those that were not taken.
"""

from dataclasses import dataclass
from typing import Any, Literal

from enactor.serve.played import Played
from enactor.trace import Step, Trace

Access = Literal["act", "look", "none"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `player` is the door's own lasting id of the person, `name` what to call them, `roles` what
    the door knows of their rank."""

    door: str
    player: str
    name: str = ""
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation: one player on one account through one door."""

    door: str
    account: str
    player: str


@dataclass(frozen=True, slots=True)
class Event:
    """`place` is what the door gave with the request, unchanged: where its answer belongs."""

    request: str
    session: Session
    place: str


@dataclass(frozen=True, slots=True)
class Accepted(Event):
    """Taken, and safe on the disk. `position` is how many of the account's requests come before it. `again`
    is set for one taken up after a restart."""

    message: str
    position: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """Its position in the queue has changed."""

    position: int


@dataclass(frozen=True, slots=True)
class Started(Event):
    """It is being carried out now."""

    message: str


@dataclass(frozen=True, slots=True)
class Stepped(Event):
    """A call and its result."""

    step: Step


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """What it began still runs. `doing` is the command, `seconds` how long it has run, in game time; `done`
    of `total` where the game counts; `gained` what has changed since the request began."""

    doing: str
    seconds: float
    done: int | None
    total: int | None
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asks(Event):
    """It waits for the player's yes (`Service.answer`, or a message that says yes or no). After `seconds`
    without one it is left undone."""

    question: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Withdrawn(Event):
    """Its question is no longer open: `why` says why nothing was done."""

    why: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of a request: in the queue, in the engine (its queue too), in the controller (engine and game
    included), of that in the journal, and all from taking it to its end."""

    queued_s: float
    engine_s: float
    controller_s: float
    journal_s: float
    total_s: float

    @property
    def overhead_s(self) -> float:
        """What the service itself took."""
        return max(self.total_s - self.queued_s - self.controller_s + self.journal_s, 0.0)


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Carried out and recorded. `trace_id` is the content hash under which it can be rated and corrected,
    empty where nothing is recorded. `runs_on`: a loop goes on in the game; `Progress` and `Over` follow.
    `asks`: `Asks` follows."""

    played: Played
    trace_id: str
    timing: Timing
    runs_on: bool = False
    asks: bool = False

    @property
    def trace(self) -> Trace:
        """The record."""
        return self.played.trace


@dataclass(frozen=True, slots=True)
class Over(Event):
    """The loop that a finished request left running has ended. `gained` is what it brought."""

    doing: str
    seconds: float
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    """Ended before its end. `trace` is there when it had begun; what was done stays done."""

    why: str
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The engine, the game or the store failed; `message` says what to do."""

    message: str
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The service ended in the middle of it. It was `begun` (something may have been sent, so it is not
    repeated), or waited for too long to be wanted still."""

    message: str
    begun: bool


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """Not taken: no permission, no such account, a message that is no request. `message` is for the
    player."""

    message: str


@dataclass(frozen=True, slots=True)
class Shed(Event):
    """Not taken: too much to do. `retry_s` is when it may fit."""

    message: str
    retry_s: float


END = (Finished, Cancelled, Failed, Interrupted)
"""The events that end a request."""


def as_record(event: Event) -> dict[str, Any]:
    """An event for programs: its kind in lower case and its fields, records instead of traces."""
    from dataclasses import fields

    from enactor.serve.record import call_record, trace_record

    record: dict[str, Any] = {"event": type(event).__name__.lower()}
    for field in fields(event):
        value = getattr(event, field.name)
        match value:
            case Session():
                value = {"door": value.door, "account": value.account, "player": value.player}
            case Step():
                value = {**call_record(value), "error": value.result.content.get("error")}
            case Played():
                value = value.record()
            case Trace():
                value = trace_record(value)
            case Timing():
                value = {name: round(getattr(value, name), 4) for name in ("queued_s", "engine_s", "total_s")}
            case tuple():
                value = list(value)
        record[field.name] = value
    return record
