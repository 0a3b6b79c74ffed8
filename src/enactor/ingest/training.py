"""The training log of another machine, or of the program that was there before.

Rows that Enactor wrote keep their identity, so what people said of them still points at them: it stands in
`user_feedback.jsonl` beside the log and is taken over. Rows of others are judged by the ledger.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from enactor.ingest.found import Found, Ready, Refused
from enactor.ingest.lines import Lines, Unreadable, decode_object
from enactor.trace import Feedback, RowError, TraceStore, from_row, to_row, trace_hash


class TrainingLog:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        return isinstance(row, dict) and isinstance(row.get("execution_trace", row.get("input")), dict)

    def read(self, lines: Lines) -> Iterator[Found]:
        said = TraceStore(lines.path.parent, readonly=True).feedback()
        for number, line in lines:
            found = self.read_row(number, line)
            if isinstance(found, Ready) and found.own and found.feedback is None:
                found = replace(found, feedback=said.get(found.identity))
            yield found

    def read_row(self, number: int, line: bytes) -> Ready | Refused:
        """The trace of a line, or why there is none."""
        missing: Counter[str] = Counter()
        try:
            row = decode_object(line)
            trace = from_row(row, missing)
            sound = from_row(to_row(trace)) == trace
        except (Unreadable, RowError) as error:
            return Refused(number, str(error))
        except (TypeError, ValueError, AttributeError):
            sound = False
        if not sound:  # a part of another type than writers give it
            return Refused(number, "wrong shape: it would not come back from the store")
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
