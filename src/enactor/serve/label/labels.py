"""What annotators said of traces, as events of the store's feedback file, and what stands after all of them.

An event is appended and never rewritten. It is a feedback event as any other (`trace`, `rating`, `note`,
`timestamp`; the latest wins) with a part `label` that other readers pass over. Undo is an event too: it
takes back the annotator's latest label that still stands, and says again what stands without it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from enactor.curate.rows import Action
from enactor.trace.store import FEEDBACK_SCHEMA

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Label:
    """One annotator's judgement of one trace (by content hash).

    `rating` is 1 to 5. `calls` are the right calls where they were corrected: None is no correction, an empty
    tuple that no call is due, with `reply` what should have been said.
    """

    trace: str
    annotator: str
    rating: int | None = None
    fulfilled: bool | None = None
    calls: tuple[Action, ...] | None = None
    reply: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    timestamp: str = ""

    def event(self) -> dict[str, Any]:
        """The object of its line."""
        calls = None if self.calls is None else [{"tool": c.tool, "args": dict(c.args)} for c in self.calls]
        return {
            "schema": FEEDBACK_SCHEMA,
            "trace": self.trace,
            "rating": self.rating,
            "note": self.note,
            "timestamp": self.timestamp or now(),
            "label": {
                "schema": SCHEMA,
                "annotator": self.annotator,
                "fulfilled": self.fulfilled,
                "calls": calls,
                "reply": self.reply,
                "tags": list(self.tags),
            },
        }


@dataclass(slots=True)
class Labels:
    """What stands. `of` has for each trace the standing label of each annotator, `players` the latest rating
    that came without an annotator: from a chat, or taken over from an old log. `unread` counts lines that
    are no events."""

    of: dict[str, dict[str, Label]] = field(default_factory=dict)
    players: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    _made: dict[str, list[Label]] = field(default_factory=dict)

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Take whole lines of the feedback file, in order of writing."""
        for line in lines:
            try:
                event = json.loads(line)
                self._add(event)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self.unread += 1

    def by(self, annotator: str, trace: str) -> Label | None:
        """The annotator's standing label of the trace."""
        return self.of.get(trace, {}).get(annotator)

    def last_of(self, annotator: str) -> Label | None:
        """What an undo would take back."""
        made = self._made.get(annotator)
        return made[-1] if made else None

    def annotators(self) -> list[str]:
        """Those with a standing label, by name."""
        return sorted({name for labels in self.of.values() for name in labels})

    def undo_event(self, annotator: str) -> dict[str, Any] | None:
        """The event that takes the annotator's last label back, None where there is none."""
        last = self.last_of(annotator)
        if last is None:
            return None
        earlier = _before(self._made[annotator][:-1], last.trace)
        others = [label for name, label in self.of[last.trace].items() if name != annotator]
        standing = max([*others, *([earlier] if earlier else [])], key=lambda la: la.timestamp, default=None)
        return {
            "schema": FEEDBACK_SCHEMA,
            "trace": last.trace,
            "rating": standing.rating if standing else self.players.get(last.trace),
            "note": standing.note if standing else "",
            "timestamp": now(),
            "label": {"schema": SCHEMA, "annotator": annotator, "undo": True},
        }

    def _add(self, event: Mapping[str, Any]) -> None:
        trace, part = event["trace"], event.get("label")
        rating = event.get("rating")
        if not isinstance(trace, str) or not (rating is None or (type(rating) is int and 1 <= rating <= 5)):
            raise TypeError("no event about a trace")
        if part is None:
            if rating is not None:
                self.players[trace] = rating
            return
        annotator = str(part["annotator"])
        made = self._made.setdefault(annotator, [])
        if not part.get("undo"):
            label = _read(event, part)
            made.append(label)
            self.of.setdefault(trace, {})[annotator] = label
        elif made and made[-1].trace == trace:
            made.pop()
            earlier = _before(made, trace)
            if earlier is not None:
                self.of[trace][annotator] = earlier
            else:
                del self.of[trace][annotator]
                if not self.of[trace]:
                    del self.of[trace]


def now() -> str:
    """This moment, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()


def _before(made: Iterable[Label], trace: str) -> Label | None:
    return next((label for label in reversed(list(made)) if label.trace == trace), None)


def _read(event: Mapping[str, Any], part: Mapping[str, Any]) -> Label:
    calls, fulfilled = part.get("calls"), part.get("fulfilled")
    if not (fulfilled is None or isinstance(fulfilled, bool)):
        raise TypeError("fulfilled is true, false or null")
    return Label(
        trace=event["trace"],
        annotator=str(part["annotator"]),
        rating=event.get("rating"),
        fulfilled=fulfilled,
        calls=None if calls is None else tuple(Action(str(c["tool"]), dict(c["args"])) for c in calls),
        reply=str(part.get("reply") or ""),
        tags=tuple(map(str, part.get("tags") or ())),
        note=str(event.get("note") or ""),
        timestamp=str(event.get("timestamp") or ""),
    )
