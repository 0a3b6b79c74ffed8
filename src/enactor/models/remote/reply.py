"""An endpoint's answer, put together from its stream.

Takes what the servers of `presets` really send: server-sent events or one JSON body; calls whose `index` is
missing or always 0 (Gemini), in pieces or whole; `finish_reason` "stop" after calls; errors in the middle.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from enactor.models.engine import Completion, OnText
from enactor.models.remote.transcript import read_call
from enactor.prompt import Dialect, escape, render_turn

MAX_BYTES = 4 * 2**20
"""Of one answer. Four megabytes are a thousand times what a turn needs."""

_THOUGHT = re.compile(r"^\s*<think>.*?(?:</think>|\Z)", re.DOTALL)


class Garbage(Exception):
    """What came is not in the protocol's form."""


class MidwayError(Exception):
    """The server reported an error inside its answer."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body


@dataclass(slots=True)
class _Call:
    identity: object
    index: object
    name: str = ""
    arguments: Any = ""


@dataclass(slots=True)
class Reply:
    """One answer as it arrives. `handed_out` says that `on_text` has seen some of it; `finish` is the
    server's reason to end, None while there is none."""

    on_text: OnText | None = None
    started: float = field(default_factory=time.perf_counter)
    first: float | None = None
    parts: list[str] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)
    finish: str | None = None
    handed_out: bool = False
    ended: bool = False
    """`on_text` wanted no more."""

    def begin(self) -> None:
        """Forget a broken attempt."""
        self.first, self.finish, self.usage = None, None, {}
        self.parts.clear()
        self.calls.clear()

    def event(self, data: str) -> bool:
        """One event's data; True at the end of the stream. Raises `Garbage` and `MidwayError`."""
        if data.strip() == "[DONE]":
            return True
        self.chunk(_object(data), "delta")
        return self.ended

    def whole(self, body: str) -> None:
        """The body of a server that does not stream."""
        self.chunk(_object(body), "message")
        self.finish = self.finish or "stop"

    def chunk(self, value: Mapping[str, Any], key: str) -> None:
        """One chunk (`delta`) or the whole answer (`message`)."""
        if value.get("error"):
            raise MidwayError(value)
        if isinstance(value.get("usage"), Mapping):
            self.usage = value["usage"]
        choices = value.get("choices") or ()
        if not isinstance(choices, list | tuple):
            raise Garbage(f"choices is {type(choices).__name__}")
        for choice in choices[:1]:
            if not isinstance(choice, Mapping):
                raise Garbage("a choice is no object")
            piece = choice.get(key) or {}
            if not isinstance(piece, Mapping):
                raise Garbage(f"a {key} is no object")
            self._take(piece)
            self.finish = choice.get("finish_reason") or self.finish

    def _take(self, piece: Mapping[str, Any]) -> None:
        content = piece.get("content")
        calls = piece.get("tool_calls") or ()
        if (content or calls) and self.first is None:
            self.first = time.perf_counter() - self.started
        if isinstance(content, str) and content:
            self.parts.append(content)
            if self.on_text is not None:
                self.handed_out = True
                self.ended = self.on_text(content) or self.ended
        for call in calls:
            if not isinstance(call, Mapping) or not isinstance(call.get("function") or {}, Mapping):
                raise Garbage("a tool call is no object")
            self._take_call(call)

    def _take_call(self, call: Mapping[str, Any]) -> None:
        """A call or a piece of one. A new one begins with an id of its own, or with an index not seen, or,
        where there is neither, with a name."""
        function = call.get("function") or {}
        name, arguments = function.get("name") or "", function.get("arguments")
        identity, index = call.get("id") or None, call.get("index")
        last = self.calls[-1] if self.calls else None
        if identity is not None:
            last = next((made for made in self.calls if made.identity == identity), None)
        elif index is not None:
            last = next((made for made in reversed(self.calls) if made.index == index), None)
        elif name:
            last = None
        if last is None:
            last = _Call(identity, index)
            self.calls.append(last)
        last.name += name if isinstance(name, str) else ""
        if isinstance(arguments, Mapping) and not last.arguments:
            last.arguments = arguments
        elif isinstance(arguments, str) and isinstance(last.arguments, str):
            last.arguments += arguments

    def completion(self, dialect: Dialect, *, cancelled: bool = False) -> Completion:
        """The answer so far. Calls of a cancelled one are left out: half a call is no call."""
        cancelled = cancelled or self.ended
        text = _THOUGHT.sub("", "".join(self.parts)).strip()
        calls = (
            () if cancelled else tuple(read_call(call.name, call.arguments, dialect) for call in self.calls)
        )
        seconds = time.perf_counter() - self.started
        details = self.usage.get("prompt_tokens_details")
        return Completion(
            text=render_turn(escape(text), calls, dialect) if calls else text,
            prompt_tokens=_count(self.usage.get("prompt_tokens")),
            completion_tokens=_count(self.usage.get("completion_tokens")),
            cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0,
            seconds=seconds,
            stopped=not cancelled and self.finish != "length",
            cancelled=cancelled,
            first_token_seconds=seconds if self.first is None else self.first,
            calls=calls or None,
        )


class Events:
    """Bytes of a stream of server-sent events become the data of each event."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """Data of the events that `piece` completes; comments and other fields are passed over. Raises
        `Garbage` for what is not UTF-8."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            try:
                text = line.decode().rstrip("\r")
            except UnicodeDecodeError:
                raise Garbage("it is not UTF-8") from None
            if text.startswith("data:"):
                self._lines.append(text[5:].removeprefix(" "))
            elif text.startswith("{"):  # an error, written into the stream as it is
                yield text
            elif not text and self._lines:
                yield "\n".join(self._lines)
                self._lines.clear()

    def rest(self) -> Iterator[str]:
        """The last event, where the blank line after it is missing."""
        yield from self.feed(b"\n\n")


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Garbage(f"this is no JSON: {text[:60]!r}") from None
    if isinstance(value, list) and value:  # Gemini's errors come in a list
        value = value[0]
    if not isinstance(value, Mapping):
        raise Garbage(f"this is no object: {text[:60]!r}")
    return value


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
