"""The training log of another machine, or of the program that was there before.

Rows that Enactor wrote keep their identity, so what is said of them elsewhere still points at them. Rows of
others are judged by the ledger.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from enactor.ingest.found import Found, Ready, Refused
from enactor.ingest.lines import Lines, Unreadable, decode_object
from enactor.trace import Feedback, RowError, from_row, trace_hash


class TrainingLog:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        return isinstance(row, dict) and isinstance(row.get("execution_trace", row.get("input")), dict)

    def read(self, lines: Lines) -> Iterator[Found]:
        for number, line in lines:
            yield self.read_row(number, line)

    def read_row(self, number: int, line: bytes) -> Ready | Refused:
        """The trace of a line, or why there is none."""
        missing: Counter[str] = Counter()
        try:
            row = decode_object(line)
            trace = from_row(row, missing)
        except (Unreadable, RowError) as error:
            return Refused(number, str(error))
        identity = trace_hash(trace)
        return Ready(number, identity, trace, "enactor" in row, _feedback(row, identity), tuple(missing))


def _feedback(row: Mapping[str, Any], identity: str) -> Feedback | None:
    """A person's verdict that stands in the row itself."""
    quality = row.get("quality") or {}
    rating, note = quality.get("human_rating"), quality.get("user_feedback")
    if not (isinstance(rating, int) and not isinstance(rating, bool) and 1 <= rating <= 5):
        rating = None
    if rating is None and not note:
        return None
    text = note if isinstance(note, str) else json.dumps(note)
    return Feedback(identity, rating, "" if note is None else text, str(row.get("timestamp") or ""))
