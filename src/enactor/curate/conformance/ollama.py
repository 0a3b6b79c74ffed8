"""Calls as Ollama's generic parser reads them.

Written to the behaviour of its `tools` package (Ollama 0.12 and later, MIT): the tag comes from the model's
template; after it, the first tool whose name stands anywhere in the text is taken to be called, with the
first JSON object that reads as its arguments. Ollama itself is a Go program and is not run here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enactor.curate.conformance.reading import Reading, pieces, reading


class Ollama:
    """The parser for one tag and the names of the tools that the request offers."""

    name = "ollama"

    def __init__(self, tools: Iterable[str], tag: str = "<tool_call>") -> None:
        self._tools = tuple(tools)
        self._tag = tag
        self._prefixes = frozenset(name[:n] for name in self._tools for n in range(1, len(name)))
        self._longest = max(map(len, self._tools), default=0)

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`. The turn is fed in pieces about as large as tokens, as Ollama gets it."""
        return self.read_pieces(pieces(turn))

    def read_pieces(self, parts: Iterable[str]) -> Reading:
        """What a client gets when the model's text arrives in these pieces."""
        text, buffer, calling = "", "", False
        calls: list[tuple[str, Mapping[str, Any]]] = []
        for part in parts:
            buffer += part
            if not calling:
                at, calling = self._find_tag(buffer)
                text, buffer = text + buffer[:at], buffer[at:]
            while calling and (found := self._next(buffer)) is not None:
                name, arguments, end = found
                calls.append((name, arguments))
                buffer = buffer[end:]
        return reading(text, calls)

    def _find_tag(self, buffer: str) -> tuple[int, bool]:
        """Up to where the buffer is text, and whether the tag follows."""
        if (at := buffer.find(self._tag)) >= 0:
            return at, True
        for size in range(min(len(buffer), len(self._tag)), 0, -1):
            if buffer.endswith(self._tag[:size]):
                return len(buffer) - size, False
        return len(buffer), False

    def _next(self, buffer: str) -> tuple[str, Mapping[str, Any], int] | None:
        """The next call and where the search for another goes on."""
        if any(buffer[-n:] in self._prefixes for n in range(1, min(len(buffer), self._longest) + 1)):
            return None  # it may be the beginning of a longer name
        found = [(at, -len(name), name) for name in self._tools if (at := buffer.find(name)) >= 0]
        if not found:
            return None
        at, _, name = min(found)
        arguments, end = _find_arguments(name, buffer)
        if arguments is None:
            return None
        return name, arguments, max(at + len(name), end)


def _find_arguments(name: str, buffer: str) -> tuple[Mapping[str, Any] | None, int]:
    """The arguments in the first whole JSON object, and the index of its last bracket."""
    start, depth, quoted, escaped = -1, 0, False, False
    for index, char in enumerate(buffer):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char == "{":
            if depth == 0:
                start = index
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0 and start >= 0:
                value = _object(buffer[start : index + 1])
                if value is None:
                    start = -1
                    continue
                known, arguments = _inside(name, value)
                return (arguments if known else value), index
            depth = max(depth, 0)
    return None, 0


def _inside(name: str, value: Mapping[str, Any]) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether the object is a call, and its arguments: None where it names a tool and gives none."""
    if "name" in value:
        for key in ("arguments", "parameters"):
            if (arguments := _mapping(value.get(key))) is not None:
                return True, arguments
        return True, None
    if (arguments := _mapping(value.get(name))) is not None:
        return True, arguments
    for child in value.values():
        for item in child if isinstance(child, Sequence) and not isinstance(child, str) else [child]:
            if isinstance(item, Mapping):
                known, arguments = _inside(name, item)
                if known:
                    return True, arguments
    return False, None


def _mapping(value: Any) -> Mapping[str, Any] | None:
    """An object, or one that is written as JSON inside a string."""
    if isinstance(value, str):
        return _object(value)
    return value if isinstance(value, Mapping) else None


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, Mapping) else None
