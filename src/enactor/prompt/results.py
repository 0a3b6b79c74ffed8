"""What of a result the model is shown again."""

import json
from typing import Any

from enactor.trace.values import Message, Step, ToolResult

MAX_ERROR_CHARS = 200


def shorten_result(result: ToolResult) -> dict[str, Any]:
    """Status, the command that the plugin got, and the error text: `{"status", "command"?, "error"?}`.

    Used for history and for feedback within a turn. What a read returned is left out: answers are composed
    from the result by the controller, and the model would only copy numbers that are old by then.
    """
    short: dict[str, Any] = {"status": result.status}
    if result.lowered is not None:
        short["command"] = result.lowered
    if result.status != "ok":
        text = next(
            (result.content[k] for k in ("error", "message", "reason") if result.content.get(k)), None
        )
        if text is not None:
            short["error"] = " ".join(str(text).split())[:MAX_ERROR_CHARS]
    return short


def result_message(result: ToolResult) -> Message:
    """The tool turn for a result, shortened."""
    return Message("tool", json.dumps(shorten_result(result), ensure_ascii=False))


def step_messages(steps: tuple[Step, ...], text: str = "") -> tuple[Message, ...]:
    """One assistant turn with the calls of `steps`, then one tool turn for each result."""
    if not steps:
        return ()
    turn = Message("assistant", text, tuple(step.call for step in steps))
    return (turn, *(result_message(step.result) for step in steps))
