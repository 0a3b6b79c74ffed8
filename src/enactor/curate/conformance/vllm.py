"""Hermes calls as vLLM reads them: what `--tool-call-parser hermes` does.

Written to the behaviour of `vllm/tool_parsers/hermes_tool_parser.py` (vLLM 0.33, Apache-2.0); a test with the
marker `trainers` runs that module itself over the same turns. vLLM has two readings: one of the whole turn,
one of the stream, and they are not the same code there either.
"""

import json
import re

from enactor.curate.conformance.reading import Reading, reading

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_BLOCK = re.compile(r"<tool_call>(.*?)</tool_call>|<tool_call>(.*)", re.DOTALL)
_NAME = re.compile(r'"name"\s*:\s*"([^"]+)"')
_ARGUMENTS = re.compile(r'"arguments"\s*:\s*')


class VllmWhole:
    """The answer in one piece: every block must be JSON with `name` and `arguments`, or the whole turn comes
    back as text."""

    name = "vllm"

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`."""
        if _OPEN not in turn:
            return Reading(turn)
        try:
            blocks = [json.loads(closed or unclosed) for closed, unclosed in _BLOCK.findall(turn)]
            calls = [(block["name"], block["arguments"]) for block in blocks]
        except (ValueError, KeyError, TypeError, RecursionError):
            return Reading(turn)
        return reading(turn[: turn.find(_OPEN)], calls)


class VllmStream:
    """The answer as a stream, put together again by the client: name and arguments are cut out of each block
    by pattern and by counting brackets, and JSON is first read by the client."""

    name = "vllm-stream"

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`. Arguments that a client cannot decode are a problem."""
        calls: list[tuple[str, object]] = []
        for body in _bodies(turn):
            found = _NAME.search(body)
            if found is None:
                break  # the stream waits for this name, and shows nothing of what follows
            try:
                calls.append((found[1], json.loads(_arguments(body))))
            except ValueError as error:
                return Reading(turn, problem=f"arguments: {error}")
        return reading(turn.partition(_OPEN)[0], calls)


def _bodies(turn: str) -> list[str]:
    bodies: list[str] = []
    at = 0
    while (start := turn.find(_OPEN, at)) >= 0:
        start += len(_OPEN)
        end = turn.find(_CLOSE, start)
        if end < 0:
            return [*bodies, turn[start:].strip()]
        bodies.append(turn[start:end].strip())
        at = end + len(_CLOSE)
    return bodies


def _arguments(body: str) -> str:
    """The value after `"arguments":` up to its closing bracket."""
    head = _ARGUMENTS.search(body)
    raw = body[head.end() :] if head else ""
    if not raw or raw[0] not in "{[":
        return raw.rstrip().removesuffix("}")
    opening, closing = raw[0], "}" if raw[0] == "{" else "]"
    depth, quoted, escaped = 0, False, False
    for index, char in enumerate(raw):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != '"'
        elif char == '"':
            quoted = True
        elif char in (opening, closing):
            depth += 1 if char == opening else -1
            if depth == 0:
                return raw[: index + 1]
    return raw
