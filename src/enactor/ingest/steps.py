"""Calls and results as records have them, made into steps: arguments mended, results read for failure."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from enactor.ingest.lines import read_json
from enactor.trace import Step, ToolCall, ToolResult, canonical_json
from enactor.trace.values import Json, Origin

UNANSWERED: Mapping[str, Json] = {"error": "the record has no result of this call"}
"""The result of a call whose result was never written. It counts as a failure: nothing says it worked."""

_DENIALS = ("success", "found", "dispatched", "sent", "ok")
_TEXTS_OF_FAILURE = (
    "error",
    "<tool_use_error>",
    "mcp error",
    "unknown tool",
    "failed",
    "the user doesn't want to proceed",
)


def make_call(tool: str, arguments: Json, origin: Origin = "raw") -> ToolCall:
    """The call with its arguments as they were written and as they were meant. Lists written as text become
    lists, whole numbers lose their `.0`. What is no object keeps its text and gets a `parse_error`."""
    given = arguments
    if isinstance(given, str):
        try:
            given = read_json(given) if given.strip() else {}
        except (ValueError, RecursionError):
            return ToolCall(tool, arguments, None, "the arguments are no JSON", origin)
    if given is None:
        given = {}
    text = arguments if isinstance(arguments, str) else canonical_json(given)
    if not isinstance(given, dict):
        return ToolCall(tool, text, None, "the arguments are no object", origin)
    return ToolCall(tool, text, {key: _mended(value) for key, value in given.items()}, None, origin)


def make_step(call: ToolCall, result: Json, *, is_error: bool = False) -> Step:
    """The call with its result. A command that the plugin took is the one it got."""
    content = content_of(result)
    status = "error" if is_error or call.parse_error is not None or says_failure(content) else "ok"
    command = (call.parsed or {}).get("command")
    took = status == "ok" and call.tool == "send_command" and isinstance(command, str)
    return Step(call, ToolResult("ok" if status == "ok" else "error", content, command if took else None))


def content_of(result: Json) -> dict[str, Json]:
    """A result as an object: JSON in text is read, plain text stands under `text`."""
    if isinstance(result, dict):
        return result
    if isinstance(result, str):
        if result.lstrip()[:1] == "{":
            try:
                value = read_json(result)
            except (ValueError, RecursionError):
                return {"text": result}
            if isinstance(value, dict):
                return value
        return {"text": result}
    return {"value": result}


def says_failure(content: Mapping[str, Json]) -> bool:
    """Whether a result says that the call came to nothing. Of a cut result only the keys are left."""
    if content.get("_truncated"):
        keys = content.get("keys")
        return isinstance(keys, list) and "error" in keys and not {"dispatched", "state", "sent"} & set(keys)
    if content.get("error") or content.get("isError"):
        return True
    if any(content.get(key) is False for key in _DENIALS):
        return True
    text = content.get("text")
    return isinstance(text, str) and text.lstrip().lower().startswith(_TEXTS_OF_FAILURE)


def without_doubles(steps: Sequence[Step]) -> tuple[tuple[Step, ...], int]:
    """Steps without repetitions of the one before (same call, same result), which two writers of one log
    leave behind, and how many there were."""
    kept: list[Step] = []
    for step in steps:
        if not kept or (step.call, step.result) != (kept[-1].call, kept[-1].result):
            kept.append(step)
    return tuple(kept), len(steps) - len(kept)


def _mended(value: Any) -> Json:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, str) and value[:1] == "[" and value[-1:] == "]" and len(value) < 10_000:
        try:
            listed = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
        plain = isinstance(listed, list) and all(isinstance(item, str | int | float) for item in listed)
        return [_mended(item) for item in listed] if plain else value
    return value
