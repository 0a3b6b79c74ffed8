"""Raw command logs: `commands_YYYY-MM-DD.yaml`, appended as text by several writers.

The files are nearly YAML: only `"` is escaped, so a backslash breaks them, and the last entry may be torn.
They are therefore read entry by entry. There is no request, no result and no account in them: an entry says
that a command was put in front of the plugin, and nothing of what came of it.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from enactor.ingest.found import Found, Refused, Turn
from enactor.ingest.lines import Lines
from enactor.ingest.steps import make_call, make_step
from enactor.trace import content_hash

_HEADS = (b"# command log", b"commands:")
_ENTRY = re.compile(
    r'-\s+timestamp:\s*"(?P<timestamp>[^"]*)"\s*\n\s*command:\s*"(?P<command>(?:[^"\n]|(?<=\\)")*)"\s*\Z'
)


class CommandLog:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        text = line.lower()
        return row is None and (text.startswith(_HEADS) or bool(re.match(rb"-\s+timestamp:", text)))

    def read(self, lines: Lines) -> Iterator[Found]:
        entry: list[str] = []
        begun = 0
        for number, line in lines:
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError:
                yield Refused(number, "not UTF-8")
                continue
            if text.startswith("- ") or text == "-":
                if entry:
                    yield _turn(begun, entry)
                begun, entry = number, [text]
            elif text.startswith("#") or re.match(r"commands:\s*(null|~|\[\s*\])?\s*$", text):
                continue
            elif entry:
                entry.append(text)
            else:
                yield Refused(number, "no entry")
        if entry:
            yield _turn(begun, entry)


def _turn(number: int, entry: list[str]) -> Turn | Refused:
    read = _entry(entry)
    if read is None:
        return Refused(number, "torn entry")
    timestamp, command = read
    if not command.strip():
        return Refused(number, "no command")
    call = make_call("send_command", {"command": command}, "direct")
    return Turn(
        line=number,
        identity=content_hash(["command", timestamp, command]),
        message="",
        reply="",
        steps=(make_step(call, {"logged": True}),),
        source="command_log",
        timestamp=timestamp,
        meta={"result_unknown": True},
    )


def _entry(lines: list[str]) -> tuple[str, str] | None:
    """Timestamp and command: by the writer's own form first, which YAML would refuse for a backslash."""
    text = "\n".join(lines)
    if match := _ENTRY.match(text):
        return match["timestamp"], match["command"].replace('\\"', '"')
    try:
        found = yaml.safe_load("- " + lines[0][1:].lstrip() + "".join(f"\n  {line}" for line in lines[1:]))
    except (yaml.YAMLError, ValueError):
        return None
    if not isinstance(found, list) or not isinstance(found[0], dict):
        return None
    command, timestamp = found[0].get("command"), found[0].get("timestamp")
    if not isinstance(command, str) or timestamp is None:
        return None
    return timestamp.isoformat() if hasattr(timestamp, "isoformat") else str(timestamp), command
