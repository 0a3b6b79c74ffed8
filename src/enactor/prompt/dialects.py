"""How calls are written in the model's turn, and read back, strictly.

A turn is: optional text, then one block or more; or text alone. A block that does not parse becomes a call
with `parse_error` (never an exception, never a guess: guessing is the agent's repair ladder). Text after the
first block belongs to no grammar; it is kept as `stray`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from enactor.trace.values import Json, ToolCall

OPEN, CLOSE = "<tool_call>", "</tool_call>"
MAX_DEPTH = 32
_BLOCK = re.compile(re.escape(OPEN) + r"(.*?)" + re.escape(CLOSE), re.DOTALL)
_HERMES_HEAD = re.compile(r'\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\{)', re.DOTALL)
_COMPACT_HEAD = re.compile(r"(?P<name>[A-Za-z_][\w.-]*)\((?=\s*\{)")


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """A model turn as the strict parser read it: `text` before the first block (stripped), the calls in order
    of emission, and `stray`: whatever stood between or after the blocks (empty in a well-formed turn)."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    stray: str = ""

    @property
    def well_formed(self) -> bool:
        """Whether the whole turn is in the dialect's grammar."""
        return not self.stray and all(call.parse_error is None for call in self.calls)


class Dialect(Protocol):
    """Renders calls, parses a turn, gives the grammar of a turn."""

    @property
    def name(self) -> str: ...

    def render_calls(self, calls: Iterable[ToolCall]) -> str:
        """The blocks, one after another, separated by newlines. Raw argument strings are written as they are,
        except that `<` becomes `\\u003c` inside them, so that an argument can never close the block."""
        ...

    def parse(self, text: str) -> ParsedTurn:
        """Read one whole model turn (without `<|im_end|>`). Never raises."""
        ...

    def grammar(self) -> str:
        """GBNF of a turn: text, or optional text and then calls of any tool with any JSON object."""
        ...


def tool_call(tool: str, arguments: Mapping[str, Json]) -> ToolCall:
    """A well-formed call, its raw arguments as the dialects write them (one line of JSON, `<` as
    `\\u003c`)."""
    return ToolCall(tool, write_arguments(arguments), parsed=dict(arguments))


def write_arguments(arguments: Mapping[str, Json]) -> str:
    """Arguments as the model is taught to write them: JSON on one line, order kept, not ASCII-escaped."""
    raw = json.dumps(dict(arguments), ensure_ascii=False, allow_nan=False)
    return inert_json(raw)


def render_turn(text: str, calls: Iterable[ToolCall], dialect: Dialect) -> str:
    """An assistant's turn: text and blocks joined by a newline. `text` is to be inert already."""
    return "\n".join(part for part in (text.strip(), dialect.render_calls(calls)) if part)


class Hermes:
    """`<tool_call>\\n{"name": "…", "arguments": {…}}\\n</tool_call>`: Qwen2.5's and Hermes' own form, which
    Ollama, vLLM and llama.cpp understand. Name first, arguments always an object."""

    name = "hermes"

    def render_calls(self, calls: Iterable[ToolCall]) -> str:
        return "\n".join(f"{OPEN}\n{self._body(call)}\n{CLOSE}" for call in calls)

    def parse(self, text: str) -> ParsedTurn:
        return _parse_turn(text, self._read)

    def grammar(self) -> str:
        call = r'"<tool_call>\n{\"name\": " string ", \"arguments\": " object "}\n</tool_call>"'
        return _turn_grammar(call)

    @staticmethod
    def _body(call: ToolCall) -> str:
        if call.parse_error is not None and not call.tool:
            return inert_json(call.arguments)
        name = inert_json(json.dumps(call.tool, ensure_ascii=False))
        return f'{{"name": {name}, "arguments": {inert_json(call.arguments)}}}'

    @staticmethod
    def _read(body: str) -> ToolCall:
        head = _HERMES_HEAD.match(body)
        if head is None:
            return _misread(body, "not an object with `name` first and an `arguments` object second")
        try:
            name = _decode(head[1])[0]
        except ValueError as error:
            return _misread(body, f"bad name: {error}")
        if not isinstance(name, str) or not name:
            return _misread(body, "the name is empty")
        return _read_arguments(body, head.end(), name, "}")


class Compact:
    """`<tool_call>send_command({"command": "…"})</tool_call>`: the plan's own form, a few tokens shorter."""

    name = "compact"

    def render_calls(self, calls: Iterable[ToolCall]) -> str:
        return "\n".join(f"{OPEN}{self._body(call)}{CLOSE}" for call in calls)

    def parse(self, text: str) -> ParsedTurn:
        return _parse_turn(text, self._read)

    def grammar(self) -> str:
        return _turn_grammar(r'"<tool_call>" [A-Za-z_] [A-Za-z0-9_.-]* "(" object ")</tool_call>"')

    @staticmethod
    def _body(call: ToolCall) -> str:
        if call.parse_error is not None and not call.tool:
            return inert_json(call.arguments)
        return f"{inert_json(call.tool)}({inert_json(call.arguments)})"

    @staticmethod
    def _read(body: str) -> ToolCall:
        head = _COMPACT_HEAD.match(body)
        if head is None:
            return _misread(body, "not of the form name({...})")
        return _read_arguments(body, head.end(), head["name"], ")")


DIALECTS: dict[str, Dialect] = {"hermes": Hermes(), "compact": Compact()}


def _parse_turn(text: str, read: Callable[[str], ToolCall]) -> ParsedTurn:
    first = text.find(OPEN)
    if first < 0:
        return ParsedTurn(text.strip())
    calls: list[ToolCall] = []
    stray: list[str] = []
    at = first
    while (block := _BLOCK.search(text, at)) is not None:
        stray.append(text[at : block.start()])
        calls.append(read(block[1].strip()))
        at = block.end()
    rest = text[at:]
    if OPEN in rest:
        before, _, body = rest.partition(OPEN)
        stray.append(before)
        calls.append(ToolCall("", body.strip(), None, f"no {CLOSE}"))
    else:
        stray.append(rest)
    return ParsedTurn(text[:first].strip(), tuple(calls), "\n".join(s.strip() for s in stray if s.strip()))


def _read_arguments(body: str, start: int, name: str, closing: str) -> ToolCall:
    try:
        value, end = _decode(body, start)
    except (ValueError, RecursionError) as error:
        return ToolCall(name, body[start:], None, f"bad arguments: {error}")
    raw = body[start:end].strip()
    if body[end:].strip() != closing:
        return ToolCall(name, raw, None, f"text after the arguments: {body[end:].strip()[:40]!r}")
    return ToolCall(name, raw, value)


def _decode(text: str, start: int = 0) -> tuple[Json, int]:
    """Strict JSON value at `start` and where it ends: no duplicate keys, NaN, lone surrogates or deep
    nesting. Raises ValueError or RecursionError."""
    while text[start : start + 1].isspace():
        start += 1
    value, end = _DECODER.raw_decode(text, start)
    _check(value, MAX_DEPTH)
    return value, end


def _check(value: Json, depth: int) -> None:
    if depth < 0:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("a lone surrogate in a string")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _misread(body: str, problem: str) -> ToolCall:
    return ToolCall("", body, None, problem)


def inert_json(raw: str) -> str:
    """In JSON a `<` stands only inside strings, where `\\u003c` means the same."""
    return raw.replace("<", "\\u003c")


def _turn_grammar(call: str) -> str:
    return "\n".join(
        (
            r"root ::= (text? calls) | text",
            r'calls ::= call ("\n" call)*',
            f"call ::= {call}",
            r"text ::= [^<\x00]+",
            r'value ::= object | array | string | number | "true" | "false" | "null"',
            r'object ::= "{" ws (pair ("," ws pair)*)? ws "}"',
            r'pair ::= string ":" ws value',
            r'array ::= "[" ws (value ("," ws value)*)? ws "]"',
            r'string ::= "\"" char* "\""',
            r'char ::= [^"\\<\x00-\x1f] | "\\" (["\\/bfnrt] | "u" hex hex hex hex)',
            r"hex ::= [0-9a-fA-F]",
            r'number ::= "-"? ("0" | [1-9] [0-9]{0,11}) ("." [0-9]{1,6})?',
            r'ws ::= " "?',
            "",
        )
    )
