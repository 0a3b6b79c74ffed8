"""OpenAI's form of a chat: https://platform.openai.com/docs/api-reference/chat"""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from enactor.prompt import write_arguments
from enactor.serve.model.card import Card
from enactor.serve.model.chat import (
    MAX_TOKENS,
    BadRequest,
    ChatRequest,
    Choice,
    Tool,
    checked_call,
    checked_tools,
    number,
    texts,
)
from enactor.serve.model.turn import Done
from enactor.trace.values import Message, Role, ToolCall

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def read_request(body: Mapping[str, Any], context: int) -> ChatRequest:
    """The request in a body. Raises `BadRequest` for what is wrong, and for what would be left undone
    silently (`n`, `logprobs`, a `response_format`). Other sampling fields are passed over."""
    if body.get("n") not in (None, 1):
        raise BadRequest("n must be 1: one answer is given", "n")
    if body.get("logprobs"):
        raise BadRequest("logprobs are not given", "logprobs")
    form = body.get("response_format")
    if form and (not isinstance(form, Mapping) or form.get("type") != "text"):
        raise BadRequest(
            "response_format must be text: for structure, offer a tool and set tool_choice", "response_format"
        )
    rows = body.get("messages")
    if not isinstance(rows, list) or not rows:
        raise BadRequest("messages must be a list of one or more", "messages")
    tools, choice = _choice(body.get("tool_choice"), checked_tools(body.get("tools")))
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    streaming = body.get("stream_options")
    return ChatRequest(
        model=str(body.get("model") or ""),
        messages=tuple(_message(row, f"messages[{index}]") for index, row in enumerate(rows)),
        tools=tools,
        choice=choice,
        max_tokens=int(number(body, limit, MAX_TOKENS, 1, 10**9)) if body.get(limit) else MAX_TOKENS,
        temperature=float(number(body, "temperature", 0.0, 0.0, 2.0)),
        seed=int(number(body, "seed", 0, -(2**63), 2**63)),
        stop=texts(body.get("stop"), "stop"),
        stream=bool(body.get("stream")),
        usage=isinstance(streaming, Mapping) and bool(streaming.get("include_usage")),
    )


def _message(row: Any, where: str) -> Message:
    if not isinstance(row, Mapping) or row.get("role") not in _ROLES:
        raise BadRequest(f"{where}: role must be one of {', '.join(_ROLES)}", where)
    calls = []
    for call in row.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("arguments", ""), str):
            raise BadRequest(
                f"{where}: a tool call needs function.name and function.arguments, a text", where
            )
        calls.append(checked_call(function.get("name"), function.get("arguments", ""), where))
    role = cast("Role", _ROLES[row["role"]])
    return Message(role, _content(row.get("content"), where), tuple(calls))


def _content(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in content
    ):
        return "".join(part["text"] for part in content)
    raise BadRequest(f"{where}: content must be text; images and sound are not read", where)


def _choice(value: Any, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], Choice]:
    if value in (None, "auto", "none", "required"):
        if value == "required" and not tools:
            raise BadRequest("tool_choice is required and no tools are offered", "tool_choice")
        return tools, cast("Choice", value or "auto")
    function = value.get("function") if isinstance(value, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    chosen = tuple(tool for tool in tools if tool["function"]["name"] == name)
    if not chosen:
        raise BadRequest(
            "tool_choice must be auto, none, required, or a function that is offered", "tool_choice"
        )
    return chosen, "required"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one completion: `whole`, or as chunks."""

    model: str
    usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, done: Done) -> dict[str, Any]:
        """The answer in one body."""
        message: dict[str, Any] = {"role": "assistant", "content": done.answer.content, "refusal": None}
        if done.answer.calls:
            message["content"] = done.answer.content or None
            message["tool_calls"] = [_call(call) for call in done.answer.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": done.reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(done)}

    def begin(self) -> dict[str, Any]:
        """The first chunk."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, piece: str) -> dict[str, Any]:
        """A chunk of text."""
        return self._chunk({"content": piece})

    def end(self, done: Done) -> Iterator[dict[str, Any]]:
        """The last chunks: what was held back, the calls, the reason, the counts."""
        if done.rest:
            yield self.text(done.rest)
        if done.answer.calls:
            calls = [{"index": index, **_call(call)} for index, call in enumerate(done.answer.calls)]
            yield self._chunk({"tool_calls": calls})
        yield self._chunk({}, done.reason)
        if self.usage:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(done)}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": f"call_{secrets.token_hex(8)}",
        "type": "function",
        "function": {
            "name": call.tool,
            "arguments": call.arguments if call.parsed is None else write_arguments(call.parsed),
        },
    }


def _usage(done: Done) -> dict[str, Any]:
    made = done.completion
    return {
        "prompt_tokens": made.prompt_tokens,
        "completion_tokens": made.completion_tokens,
        "total_tokens": made.prompt_tokens + made.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": made.cached_tokens},
    }


def model_row(card: Card) -> dict[str, Any]:
    """An entry of `/v1/models`."""
    return {"id": card.name, "object": "model", "created": card.created, "owned_by": "enactor"}


def error_body(message: str, kind: str, field: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error."""
    return {"error": {"message": message, "type": kind, "param": field, "code": code}}
