"""A line of a coding agent's session, of which only the fields are kept that a turn is made from.

What else stands in a line (results a second time for the screen, counts of tokens, folders) is passed over
without becoming values: that is most of what a line costs.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from enactor.ingest.lines import decode_object


class SessionMessage(msgspec.Struct):
    """The message of a line."""

    content: Any = None
    origin: Any = None
    model: Any = None


class SessionLine(msgspec.Struct):
    """A line of any type. `message` is None where the line has none, or one that is no object."""

    type: Any = None
    message: SessionMessage | None = None
    attachment: Any = None
    uuid: Any = None
    timestamp: Any = None
    sessionId: Any = None
    origin: Any = None
    isSidechain: Any = None
    isMeta: Any = None
    isCompactSummary: Any = None
    isVisibleInTranscriptOnly: Any = None
    isApiErrorMessage: Any = None


def read_line(line: bytes) -> SessionLine:
    """The line, read. Raises Unreadable."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError):  # damage, or a part of another type than usual
        row = decode_object(line)
    message = row.get("message")
    kept: dict[str, Any] = {name: row.get(name) for name in SessionLine.__struct_fields__}
    return SessionLine(**{**kept, "message": _message(message) if isinstance(message, dict) else None})


def _message(row: Mapping[str, Any]) -> SessionMessage:
    return SessionMessage(row.get("content"), row.get("origin"), row.get("model"))


_DECODER = msgspec.json.Decoder(SessionLine)
