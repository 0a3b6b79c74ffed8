"""Results of the tools in MCP's form: structured content, the same as JSON text, and the schema of both.

What comes from the game (chat, names, logs) is text that others wrote. Here it is made inert with the same
function that the prompts use, so that no client's chat template can take it for a tool call.
"""

import json
from collections.abc import Mapping
from typing import Any

from mcp import types

from enactor.prompt import escape
from enactor.trace.values import ToolResult

OUTPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "status": {
            "type": "string",
            "enum": ["ok", "error", "blocked", "needs_confirmation"],
            "description": "ok: done or begun; error: refused by grammar, names or game; blocked: something "
            "is missing; needs_confirmation: the player has to say yes first",
        },
        "error": {"type": "string", "description": "Why not, and what would do"},
        "command": {"type": "string", "description": "The command as the game got it, operands lowered"},
        "dispatched": {"type": "boolean", "description": "Whether the game got it"},
        "running": {"type": "boolean", "description": "It has begun and goes on"},
        "question": {"type": "string", "description": "What the player has to say yes to"},
    },
    "required": ["status"],
}
"""Of every tool; further keys are the tool's own."""


def tool_result(result: ToolResult, **more: Any) -> types.CallToolResult:
    """The result for the client; `more` is added to its content."""
    rest = {key: value for key, value in {**result.content, **more}.items() if key != "status"}
    content = {"status": result.status, **inert(rest)}
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json_text(content))],
        structured_content=content,
        is_error=result.status in ("error", "blocked"),
    )


def inert(value: Any) -> Any:
    """A JSON value with every string in it made inert, keys too; tuples become lists."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return {escape(str(key)): inert(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [inert(item) for item in value]
    return value


def json_text(value: Any) -> str:
    """Compact JSON, other scripts readable."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
