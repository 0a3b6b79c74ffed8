"""A chat request, in either API's form, as one value; and the model's text as its answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from enactor.models.engine import Options
from enactor.prompt import DIALECTS, SYSTEM, Dialect, escape, render_row, system_with_tools, user_content
from enactor.prompt.dialects import OPEN
from enactor.trace.values import Message, ToolCall
from enactor.world import TOOLS, GameState, offers, turn_gbnf

MAX_TOKENS = 512
"""Of an answer where the client names no limit. A turn of several calls has some 200."""

Choice = Literal["auto", "none", "required"]
Tool = Mapping[str, Any]
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_STATE = re.compile(r"\[[^\n]*\](?:\n|$)")


class BadRequest(Exception):
    """The client's mistake. `field` names what is wrong."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What to answer. `tools` in OpenAI form; `choice` says whether calls are allowed, or due. `usage` asks
    for the counts at the end of a stream."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    choice: Choice = "auto"
    max_tokens: int = MAX_TOKENS
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    stream: bool = False
    usage: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The tools that may be called."""
        return frozenset() if self.choice == "none" else frozenset(t["function"]["name"] for t in self.tools)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished turn: text, or calls with the text before them."""

    content: str
    calls: tuple[ToolCall, ...] = ()


def render(request: ChatRequest, dialect: Dialect, *, untuned: bool) -> str:
    """The prompt: the rendering that the model was trained on.

    The tools are described to an `untuned` model, and where one is offered that the tuned one does not know.
    A tuned model gets the state line that it was trained with: `[unknown]` and the nearest commands, unless
    the last words of the user bring one (Enactor's own clients do).
    """
    foreign = any(tool["function"]["name"] not in TOOLS for tool in request.tools)
    system = "\n\n".join(escape(m.content) for m in request.messages if m.role == "system") or SYSTEM
    if request.tools and request.choice != "none" and (untuned or foreign):
        system = system_with_tools(request.tools, system)
    turns = [message for message in request.messages if message.role != "system"]
    if not untuned and not foreign:
        turns = _with_state(turns)
    row = render_row([Message("system", system), *turns], dialect=dialect)
    return "".join(segment.text for segment in row) + "<|im_start|>assistant\n"


def options(request: ChatRequest) -> Options:
    """The sampling options. A call that is due is forced: by the grammar of the declared commands where all
    tools offered are declared ones, else by their names alone."""
    found = Options(max_tokens=request.max_tokens, temperature=request.temperature, seed=request.seed % 2**31)
    if request.choice == "required":
        names = sorted(request.names)
        found["grammar"] = turn_gbnf(tools=names) if set(names) <= set(TOOLS) else _any_call(names)
    return found


def settle(text: str, request: ChatRequest, dialect: Dialect) -> Answer:
    """Calls where the whole turn is well-formed and names only what was offered; else the text as it is, so
    that nothing of it is lost."""
    if request.names:
        turn = dialect.parse(text)
        if turn.calls and turn.well_formed and all(call.tool in request.names for call in turn.calls):
            return Answer(turn.text, turn.calls)
    return Answer(text.strip())


class Speaker:
    """Decoded pieces become what a client may be shown already.

    Held back are a `<tool_call>` and what follows (where tools are offered), what may yet become one or a
    stop text, and space at the end. `stopped` says that a stop text came; it and the rest are gone.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._stops = request.stop
        self._open = (OPEN,) if request.names else ()
        self._shown = 0
        self.text = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """What may be shown now."""
        if self.stopped:
            return ""
        before = len(self.text)
        self.text += piece
        for stop in self._stops:
            at = self.text.find(stop, max(0, before - len(stop)))
            if at >= 0:
                self.text = self.text[:at]
                self.stopped = True
        end = len(self.text)
        for mark in self._open:
            at = self.text.find(mark)
            end = at if at >= 0 else end
        end = min(end, len(self.text) - self._pending())
        return self._show(len(self.text[:end].rstrip()))

    def rest(self, answer: Answer) -> str:
        """What of the finished answer's text has not been shown."""
        if answer.calls:
            return ""
        return self._show(len(self.text.rstrip()))

    def _show(self, end: int) -> str:
        start, self._shown = self._shown, max(self._shown, end)
        shown = self.text[start : self._shown]
        return shown.lstrip() if not self.text[:start].strip() else shown

    def _pending(self) -> int:
        """Length of the longest end of the text that begins a mark."""
        return max(
            (
                size
                for mark in (*self._open, *self._stops)
                for size in range(1, min(len(mark), len(self.text) + 1))
                if self.text.endswith(mark[:size])
            ),
            default=0,
        )


def checked_tools(tools: Any) -> tuple[Tool, ...]:
    """The offered tools. Raises `BadRequest` for what is none."""
    if tools is None:
        return ()
    if not isinstance(tools, list):
        raise BadRequest("tools must be a list", "tools")
    for index, tool in enumerate(tools):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise BadRequest(
                f"tools[{index}] must be {{type: function, function: {{name, description, parameters}}}}, "
                "the name of letters, digits, _, . and -",
                f"tools[{index}]",
            )
    return tuple(tools)


def checked_call(name: Any, arguments: str, where: str) -> ToolCall:
    """An earlier call. Raises `BadRequest` where it has no name."""
    if not isinstance(name, str) or not name:
        raise BadRequest(f"{where}: a tool call needs function.name", where)
    return ToolCall(name, arguments or "{}")


def number(body: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    """A number in bounds, `default` for none. Raises `BadRequest`."""
    value = body.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(f"{key} must be a number from {least:g} to {most:g}", key)
    return value


def texts(value: Any, key: str) -> tuple[str, ...]:
    """A text or a list of up to 16. Raises `BadRequest`."""
    found = (value,) if isinstance(value, str) else () if value is None else value
    if not isinstance(found, Sequence) or len(found) > 16 or not all(isinstance(t, str) for t in found):
        raise BadRequest(f"{key} must be a text or a list of up to 16", key)
    return tuple(text for text in found if text)


def _with_state(turns: list[Message]) -> list[Message]:
    last = max((i for i, message in enumerate(turns) if message.role == "user"), default=None)
    if last is None or _STATE.match(turns[last].content.strip()):
        return turns
    words = turns[last].content
    turns[last] = Message("user", user_content(words, GameState(), offers().offer(words)))
    return turns


def _any_call(names: Sequence[str]) -> str:
    """Grammar of calls to tools of these names with any object."""
    quoted = " | ".join(f'"\\"{name}\\""' for name in names)
    rules = DIALECTS["hermes"].grammar().replace("root ::= (text? calls) | text", "root ::= calls")
    return rules.replace('\\"name\\": " string ",', f'\\"name\\": " ({quoted}) ",')
