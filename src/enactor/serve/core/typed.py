"""Tools that a player calls by hand: `@run_routine {"routine_path": "feed", "loops": 2}`, `@get_logs`.

They skip the model as typed commands do, not the checks and not the gate; the record credits the player.
"""

from dataclasses import replace
from typing import Unpack

from enactor.models.engine import Completion, Options
from enactor.prompt import DIALECTS, tool_call
from enactor.trace import Step, Trace
from enactor.trace.values import ToolCall
from enactor.world import TOOLS, GameState


def is_typed(message: str) -> bool:
    """Whether every line names a tool."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return bool(lines) and all(line[0] == "@" and line[1:].split(" ", 1)[0] in TOOLS for line in lines)


def typed_calls(message: str) -> tuple[ToolCall, ...] | str:
    """The calls of a message for which `is_typed` holds, or what is wrong with it."""
    from enactor.serve.label.calls import check

    lines = check(message, GameState.from_case({}))
    for line in lines:
        if line.action is None:
            return f"{line.error}." + (f" The nearest valid form: {line.nearest}" if line.nearest else "")
    return tuple(tool_call(line.action.tool, line.action.args) for line in lines if line.action)


class Dictated:
    """An engine that says just these calls, for the one turn of a typed request."""

    name = "typed"

    def __init__(self, calls: tuple[ToolCall, ...]) -> None:
        self._text = DIALECTS["hermes"].render_calls(calls)

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """The calls; a second turn has nothing to add."""
        text, self._text = self._text, ""
        return Completion(text)

    def cancel(self) -> None:
        """It is done at once."""

    def close(self) -> None:
        """It holds nothing."""


def credited(step: Step) -> Step:
    """The step with the player as its origin."""
    return replace(step, call=replace(step.call, origin="direct"))


def credited_trace(trace: Trace) -> Trace:
    """The record of a typed request: no model said anything."""
    return replace(trace, outputs=(), steps=tuple(map(credited, trace.steps)))
