"""Bot conversations: `conversations_YYYY-MM-DD.jsonl`, one line for each request, call, response and error.

The lines of a request are found by its id, a time of day that another day may repeat. Requests overlap, calls
come after their response, results are cut, and the count in the response is unreliable; so the lines
themselves are what counts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from enactor.ingest.found import Found, Refused, Turn
from enactor.ingest.lines import Lines, Unreadable, decode_object
from enactor.ingest.said import seconds_between
from enactor.ingest.steps import UNANSWERED, make_call, make_step, without_doubles
from enactor.trace import canonical_json, content_hash
from enactor.trace.values import Origin

TYPES = ("request", "tool_call", "response", "error", "context")
OPEN = 64
"""Requests that are kept open for late lines. The two writers of a log are seconds apart at most."""

TOGETHER = 60.0
"""Seconds in which a request without a response is taken to be running still."""

_RESCUED = re.compile(r"\s*✅ `([^`]+)`")
_PREFETCH = {"location", "health", "inventory"}


@dataclass(slots=True)
class _Request:
    """The lines of one request so far."""

    line: int
    request: Mapping[str, Any] | None = None
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    response: Mapping[str, Any] | None = None
    errors: list[str] = field(default_factory=list)
    late: int = 0
    overlaps: bool = False
    seen: set[bytes] = field(default_factory=set)

    @property
    def player(self) -> str:
        request = self.request or {}
        name = str(request.get("username") or request.get("user_id") or "")
        return name.encode("utf-8", "replace").decode("utf-8")


class Conversations:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        return isinstance(row, dict) and "request_id" in row and row.get("type") in TYPES

    def read(self, lines: Lines) -> Iterator[Found]:
        waiting: list[_Request] = []
        latest: dict[str, _Request] = {}
        previous: dict[str, str] = {}
        for number, line in lines:
            try:
                row = decode_object(line)
            except Unreadable as error:
                yield Refused(number, str(error))
                continue
            if row.get("type") not in TYPES:
                yield Refused(number, "unknown type of line")
                continue
            key = str(row.get("request_id"))
            entry = latest.get(key)
            if entry is None or (row["type"] == "request" and _another(entry, row)):
                entry = latest[key] = _Request(number)
                if row["type"] == "request":
                    _note_overlaps(entry, row, waiting)
                waiting.append(entry)
            if line not in entry.seen:  # the same line again, to the microsecond
                entry.seen.add(line)
                _add(entry, row)
            if len(waiting) > OPEN:
                oldest = waiting.pop(0)
                for name in [name for name, value in latest.items() if value is oldest]:
                    del latest[name]
                yield _turn(oldest, waiting, previous)
        while waiting:
            yield _turn(waiting.pop(0), waiting, previous)


def _another(entry: _Request, row: Mapping[str, Any]) -> bool:
    """Whether a request line begins another request than the one that has its id."""
    return entry.request is not None and any(
        entry.request.get(key) != row.get(key) for key in ("timestamp", "message", "user_id")
    )


def _note_overlaps(entry: _Request, row: Mapping[str, Any], waiting: list[_Request]) -> None:
    """Mark requests that run at once: the bot logs calls under the id of the newest, whoever made them."""
    for other in waiting:
        if other.request is not None and other.response is None:
            seconds = seconds_between(other.request.get("timestamp"), row.get("timestamp"))
            if seconds is not None and 0 <= seconds <= TOGETHER:
                other.overlaps = entry.overlaps = True


def _add(entry: _Request, row: Mapping[str, Any]) -> None:
    if row["type"] == "request":
        entry.request = row
    elif row["type"] == "tool_call":
        entry.late += entry.response is not None
        entry.calls.append(row)
    elif row["type"] == "response":
        if entry.response is None or str(row.get("response") or "").strip():
            entry.response = row
        if row.get("error"):
            entry.errors.append(str(row["error"]))
    elif row["type"] == "error":
        entry.errors.append(str(row.get("error")))


def _turn(entry: _Request, later: list[_Request], previous: dict[str, str]) -> Turn | Refused:
    request = entry.request
    if request is None:
        return Refused(entry.line, "no request line")
    message = request.get("message")
    if not isinstance(message, str) or not message.strip():
        return Refused(entry.line, "no message of the player")
    if entry.response is None and not entry.calls:
        return Refused(entry.line, "no response")
    response = entry.response or {}
    reply = response.get("response")
    reply = reply if isinstance(reply, str) else ""
    rescued = match[1] if (match := _RESCUED.match(reply)) else None
    steps = []
    for row in entry.calls:
        arguments = row.get("arguments")
        command = arguments.get("command") if isinstance(arguments, dict) else None
        origin: Origin = "repaired" if rescued is not None and command == rescued else "raw"
        call = make_call(str(row.get("tool") or ""), arguments, origin)
        steps.append(make_step(call, row["result"] if "result" in row else dict(UNANSWERED)))
    kept, doubled = without_doubles(steps)
    stamp = str(request.get("timestamp") or "")
    identity = content_hash(["conversation", request.get("request_id"), stamp, message])
    following = next((e.request for e in later if e.request and e.player == entry.player), None)
    meta: dict[str, Any] = {
        "request_id": request.get("request_id"),
        "task_type": request.get("task_type"),
        "doubled_calls": doubled,
        "late_calls": entry.late,
        "overlaps": entry.overlaps,
        "cut_results": sum(bool(step.result.content.get("_truncated")) for step in kept),
        "mended_arguments": sum(canonical_json(step.call.parsed) != step.call.arguments for step in kept),
        "prefetched": _prefetched(entry, stamp),
        "no_response": entry.response is None,
        "errors": entry.errors,
        "previous": previous.get(entry.player),
    }
    meta = {key: value for key, value in meta.items() if value}
    said = response.get("tool_calls_count")
    if isinstance(said, int) and said != len(entry.calls):
        meta["calls_said"] = said
    previous[entry.player] = identity
    return Turn(
        line=entry.line,
        identity=identity,
        message=message,
        reply=reply,
        steps=kept,
        source="discord",
        timestamp=stamp,
        player=entry.player,
        said_next=None if following is None else str(following.get("message") or ""),
        seconds_later=None if following is None else seconds_between(stamp, following.get("timestamp")),
        meta=meta,
    )


def _prefetched(entry: _Request, stamp: str) -> bool:
    """Whether the first call is the look at the state that the bot itself takes before the model is asked."""
    if not entry.calls or entry.calls[0].get("tool") != "get_game_state":
        return False
    arguments = entry.calls[0].get("arguments")
    fields = arguments.get("fields") if isinstance(arguments, dict) else None
    if (
        not isinstance(fields, list)
        or len(fields) != len(_PREFETCH)
        or not _PREFETCH.issuperset(map(str, fields))
    ):
        return False
    later = seconds_between(stamp, entry.calls[0].get("timestamp"))
    return later is not None and 0 <= later < 1
