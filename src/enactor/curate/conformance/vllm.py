"""Hermes calls as vLLM reads them: what `--tool-call-parser hermes` does.

Written to the behaviour of `vllm/tool_parsers/hermes_tool_parser.py` (vLLM 0.33, Apache-2.0);
`tests/curate/test_export_trainers.py` runs that module itself over the same turns. vLLM has two readings, one
of the whole turn and one of the stream, and they are not the same code there either.
"""

import json
import re
from collections.abc import Iterable

from enactor.curate.conformance.reading import Reading, pieces, reading

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
    by pattern while it grows, and JSON is first read by the client."""

    name = "vllm-stream"

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`. The turn is fed in pieces about as large as tokens."""
        return self.read_pieces(pieces(turn))

    def read_pieces(self, parts: Iterable[str]) -> Reading:
        """What a client gets when the model's text arrives in these pieces. Arguments that it cannot decode
        are a problem."""
        turn, text = "", ""
        names: list[str] = []
        sent: list[str] = []
        for part in parts:
            turn += part
            shown = turn.partition(_OPEN)[0] if _OPEN in turn else turn[: len(turn) - _overlap(turn, _OPEN)]
            text += shown[len(text) :]
            for index, (body, complete) in enumerate(_bodies(turn)):
                if index == len(names):
                    found = _NAME.search(body)
                    if found is None:
                        break  # the stream waits for this name, and shows nothing of what follows
                    names.append(found[1])
                    sent.append("")
                sent[index] += _arguments(body, complete)[len(sent[index]) :]
        try:
            return reading(text, zip(names, map(json.loads, sent), strict=True))
        except (ValueError, RecursionError) as error:
            return Reading(turn, problem=f"arguments: {error}")


def _bodies(turn: str) -> list[tuple[str, bool]]:
    """Each block's inside, and whether it is whole."""
    bodies: list[tuple[str, bool]] = []
    at = 0
    while (start := turn.find(_OPEN, at)) >= 0:
        start += len(_OPEN)
        end = turn.find(_CLOSE, start)
        if end < 0:
            raw = turn[start:]
            body = raw[: len(raw) - _overlap(raw, _CLOSE)].strip()
            return [*bodies, (body, _is_json(body))]
        bodies.append((turn[start:end].strip(), True))
        at = end + len(_CLOSE)
    return bodies


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _arguments(body: str, complete: bool) -> str:
    """What stands after `"arguments":`, without the bracket that closes a whole block."""
    head = _ARGUMENTS.search(body)
    raw = body[head.end() :] if head else ""
    return raw.rstrip().removesuffix("}").rstrip() if complete else raw
