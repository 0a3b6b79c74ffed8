"""A request that was carried out, as doors show it."""

from dataclasses import dataclass
from typing import Any

from enactor.errors import EnactorError
from enactor.serve.record import trace_record
from enactor.trace import Trace


class Cancelled(EnactorError):
    """The player ended the request; nothing more of it is carried out."""


@dataclass(frozen=True, slots=True)
class Played:
    """A request with what it changed. `later` is what else changed while its loop ran on for
    `later_s` seconds of game time."""

    trace: Trace
    changed: tuple[str, ...]
    later: tuple[str, ...] = ()
    later_s: float = 0.0

    def record(self) -> dict[str, Any]:
        """For programs: see `trace_record`, with `message`, `changes` and `later`."""
        return {
            "message": self.trace.message,
            **trace_record(self.trace),
            "changes": list(self.changed),
            "later": list(self.later),
        }
