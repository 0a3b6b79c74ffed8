"""Records made by hand, in the values that importers and the controller give."""

import json
from collections.abc import Mapping
from typing import Any

from enactor.trace.values import Step, ToolCall, ToolResult, Trace

STATE = {
    "location": [3191, 3179, 0],
    "health": [32, 35],
    "inventory": ["Cowhide", "Raw beef", "Tuna", "Tuna"],
    "equipment": {"weapon": "Iron scimitar"},
}


def said(tool: str, **args: Any) -> tuple[str, Mapping[str, Any]]:
    """A call of a tool."""
    return tool, args


def request(
    message: str,
    *calls: str | tuple[str, Mapping[str, Any]],
    reply: str = "",
    outcome: str = "executed",
    status: str = "ok",
    error: str = "",
    minute: int = 0,
    state: Mapping[str, Any] | None = STATE,
    outputs: tuple[str, ...] = (),
    session: str = "",
) -> Trace:
    """A trace: commands as lines, calls of other tools from `said`, all with the same result."""
    steps = []
    for call in calls:
        tool, args = ("send_command", {"command": call}) if isinstance(call, str) else call
        content = {"dispatched": True} | ({"error": error} if error else {})
        steps.append(Step(ToolCall(tool, json.dumps(args), dict(args)), ToolResult(status, content)))
    return Trace(
        message,
        reply,
        outcome,
        outcome,
        tuple(steps),
        outputs=outputs,
        state_before=state,
        timestamp=f"2030-01-{1 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00+00:00",
        source="test",
        meta={"conversation": session} if session else {},
    )
