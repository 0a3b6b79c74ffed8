"""Ollama's form of a chat: https://github.com/ollama/ollama/blob/main/docs/api.md"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from enactor.prompt import write_arguments
from enactor.serve.model.card import Card
from enactor.serve.model.chat import (
    MAX_TOKENS,
    BadRequest,
    ChatRequest,
    checked_call,
    checked_tools,
    number,
    texts,
)
from enactor.serve.model.turn import Done
from enactor.trace.values import Message, Role

_ROLES = ("system", "user", "assistant", "tool")


def read_request(body: Mapping[str, Any], context: int) -> ChatRequest:
    """The request in a body; it streams unless it says not to. Raises `BadRequest` for what is wrong, and for
    `format` and images, which would be left undone silently. Other options are passed over."""
    if body.get("format"):
        raise BadRequest("format is not supported: for structure, offer a tool", "format")
    rows = body.get("messages") or []
    if not isinstance(rows, list):
        raise BadRequest("messages must be a list", "messages")
    options = body.get("options") or {}
    if not isinstance(options, Mapping):
        raise BadRequest("options must be an object", "options")
    limit = number(options, "num_predict", MAX_TOKENS, -2, 10**9)
    return ChatRequest(
        model=str(body.get("model") or ""),
        messages=tuple(_message(row, f"messages[{index}]") for index, row in enumerate(rows)),
        tools=checked_tools(body.get("tools")),
        max_tokens=int(limit) if limit > 0 else context,  # -1 and -2 ask for as much as there is
        temperature=float(number(options, "temperature", 0.0, 0.0, 2.0)),
        seed=int(number(options, "seed", 0, -(2**63), 2**63)),
        stop=texts(options.get("stop"), "stop"),
        stream=body.get("stream") is not False,
    )


def _message(row: Any, where: str) -> Message:
    if not isinstance(row, Mapping) or row.get("role") not in _ROLES:
        raise BadRequest(f"{where}: role must be one of {', '.join(_ROLES)}", where)
    if row.get("images"):
        raise BadRequest(f"{where}: images are not read", where)
    content = row.get("content")
    if not isinstance(content, str | None):
        raise BadRequest(f"{where}: content must be text", where)
    calls = []
    for call in row.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        arguments = function.get("arguments", {}) if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(arguments, Mapping):
            raise BadRequest(f"{where}: a tool call needs function.name and function.arguments", where)
        calls.append(checked_call(function.get("name"), write_arguments(arguments), where))
    return Message(cast("Role", row["role"]), content or "", tuple(calls))


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one answer: `whole`, or as lines."""

    model: str

    def whole(self, done: Done) -> dict[str, Any]:
        """The answer in one body."""
        return self._last(done, {"content": done.answer.content, **_calls(done)})

    def text(self, piece: str) -> dict[str, Any]:
        """A line with text."""
        return {**self._head({"content": piece}), "done": False}

    def end(self, done: Done) -> Iterator[dict[str, Any]]:
        """The last lines: what was held back, the calls, the counts."""
        if done.rest:
            yield self.text(done.rest)
        if done.answer.calls:
            yield {**self._head({"content": "", **_calls(done)}), "done": False}
        yield self._last(done, {"content": ""})

    def loaded(self) -> dict[str, Any]:
        """The answer to a request without messages: the model is loaded."""
        return {**self._head({"content": ""}), "done": True, "done_reason": "load"}

    def _last(self, done: Done, message: dict[str, Any]) -> dict[str, Any]:
        made = done.completion
        reading = int(made.first_token_seconds * 1e9)
        whole = int(made.seconds * 1e9)
        return {
            **self._head(message),
            "done": True,
            "done_reason": "length" if done.reason == "length" else "stop",
            "total_duration": whole,
            "load_duration": 0,
            "prompt_eval_count": made.prompt_tokens,
            "prompt_eval_duration": reading,
            "eval_count": made.completion_tokens,
            "eval_duration": max(0, whole - reading),
        }

    def _head(self, message: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return {"model": self.model, "created_at": now, "message": {"role": "assistant", **message}}


def _calls(done: Done) -> dict[str, Any]:
    if not done.answer.calls:
        return {}
    return {
        "tool_calls": [
            {"function": {"name": call.tool, "arguments": dict(call.parsed or {})}}
            for call in done.answer.calls
        ]
    }


def tag(card: Card) -> dict[str, Any]:
    """An entry of `/api/tags`."""
    return {
        "name": f"{card.name}:latest",
        "model": f"{card.name}:latest",
        "modified_at": card.modified,
        "size": card.size,
        "digest": card.digest,
        "details": details(card),
    }


def details(card: Card) -> dict[str, Any]:
    """The model in short."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": card.family,
        "families": [card.family],
        "parameter_size": f"{card.parameters / 1e6:.1f}M",
        "quantization_level": card.quantization,
    }


def show(card: Card) -> dict[str, Any]:
    """The answer of `/api/show`."""
    return {
        "modelfile": f"FROM {card.name}\n",
        "parameters": f"num_ctx {card.context}\ntemperature 0",
        "template": card.template,
        "details": details(card),
        "model_info": {
            "general.architecture": card.family,
            "general.parameter_count": card.parameters,
            f"{card.family}.context_length": card.context,
        },
        "capabilities": ["completion", "tools"],
        "modified_at": card.modified,
    }
