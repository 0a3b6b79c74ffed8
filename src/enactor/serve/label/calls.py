"""Corrected calls as text, a call a line, judged while they are typed.

A line is a command (`KILL_LOOP giant_frogs none 300`) or another tool: `@get_game_state health`, or
`@get_logs {"grep": "xp"}` with all arguments as JSON.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from enactor.curate.rows import Action
from enactor.curate.synthesize import tool_action
from enactor.trace.values import Step
from enactor.world import COMMANDS, TOOLS, CommandError, GameState, lower, parse, parse_condition, usage

MAX_CALLS = 12
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list, tuple),
    "object": (dict,),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line judged. `action` is there when it is a valid call, `error` when not, `nearest` a line that
    would be valid. `lowered` is the command in the trace's state, `warning` why there is none."""

    text: str
    action: Action | None = None
    error: str = ""
    nearest: str = ""
    candidates: tuple[str, ...] = ()
    lowered: str = ""
    warning: str = ""
    notes: tuple[str, ...] = ()


def check(text: str, state: GameState) -> list[Line]:
    """Each line that is not blank, judged by the grammar and lowered in `state`."""
    return [_check(line.strip(), state) for line in text.splitlines() if line.strip()]


def write_calls(calls: Iterable[Action]) -> str:
    """The text of the calls; `check` reads it back."""
    return "\n".join(map(_written, calls))


def emitted(steps: Iterable[Step]) -> list[Action]:
    """The calls of the steps as they were emitted, those that could be read."""
    return [Action(s.call.tool, dict(s.call.parsed)) for s in steps if s.call.parsed is not None]


def _check(line: str, state: GameState) -> Line:
    if line.startswith("@"):
        return _check_tool(line)
    try:
        command = parse(line)
    except CommandError as error:
        return Line(line, None, error.message, error.nearest or "", error.candidates)
    action = Action("send_command", {"command": command.render()})
    try:
        return Line(line, action, lowered=lower(command, state).render(), notes=command.notes)
    except CommandError as error:
        return Line(line, action, candidates=error.candidates, warning=error.message, notes=command.notes)


def _check_tool(line: str) -> Line:
    name, _, rest = line[1:].partition(" ")
    spec = TOOLS.get(name)
    if spec is None:
        from difflib import get_close_matches

        near = get_close_matches(name, TOOLS, n=3)
        told = f"; the nearest is {near[0]}" if near else ""
        nearest = f"@{near[0]} {rest}".strip() if near else ""
        return Line(
            line, None, f"{name or '@'} is no tool{told}", nearest, tuple(f"@{tool}" for tool in near)
        )
    if name == "send_command":
        return Line(line, None, "a command stands without @send_command", rest.strip())
    action = Action(name, {})
    try:
        action = Action(name, json.loads(rest)) if rest.strip().startswith("{") else tool_action(line)
        problem = _misfit(action, spec.parameters)
        if not problem and rest.strip() and not action.args:
            problem = f"{name} takes its arguments as JSON, such as {{{_shown(spec.parameters)}}}"
        if not problem and name == "send_and_await":
            parse(str(action.args["command"]))
            parse_condition(str(action.args["await_condition"]))
    except ValueError as error:
        problem = f"the arguments are no JSON ({error})"
    except CommandError as error:
        return Line(line, None, error.message, candidates=error.candidates)
    return Line(line, None, problem) if problem else Line(line, action)


def _misfit(action: Action, schema: Mapping[str, Any]) -> str:
    """Why the arguments do not fit the tool's declaration, or nothing."""
    known: Mapping[str, Any] = schema["properties"]
    for name in schema["required"]:
        if name not in action.args:
            return f"{action.tool} needs {name}"
    for name, value in action.args.items():
        if name not in known:
            takes = ", ".join(known) or "no arguments"
            return f"{action.tool} does not know {name}; it takes {takes}"
        expected = known[name]
        fits = isinstance(value, _JSON_TYPES[expected["type"]])
        if not fits or (isinstance(value, bool) and expected["type"] != "boolean"):
            return f"{name} must be of type {expected['type']}"
        for part in value if isinstance(value, list | tuple) else [value]:
            choices = expected.get("enum") or expected.get("items", {}).get("enum")
            if choices and part not in choices:
                return f"{name} must be of {', '.join(map(str, choices))}, found {part!r}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = expected.get("minimum"), expected.get("maximum")
            if (low is not None and value < low) or (high is not None and value > high):
                return f"{name} must be from {low} to {high}, found {value}"
    return ""


def _shown(schema: Mapping[str, Any]) -> str:
    return ", ".join(f'"{name}": …' for name in schema["properties"])


def _written(action: Action) -> str:
    if action.tool == "send_command" and set(action.args) == {"command"}:
        return " ".join(str(action.args["command"]).split())
    if action.tool == "get_game_state" and list(action.args) == ["fields"]:
        return f"@get_game_state {','.join(map(str, action.args['fields']))}"
    if not action.args:
        return f"@{action.tool}"
    return f"@{action.tool} {json.dumps(dict(action.args), ensure_ascii=False)}"


def usage_of(line: str) -> str:
    """How the command or tool that the line begins with is written; nothing for an unknown one."""
    head = line.strip().split(" ", 1)[0]
    if head.upper() in COMMANDS:
        return usage(COMMANDS[head.upper()])
    spec = TOOLS.get(head[1:]) if head.startswith("@") else None
    return f"@{spec.name} {{{_shown(spec.parameters)}}}" if spec else ""
