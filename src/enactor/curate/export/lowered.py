"""A row with its commands as the plugin takes them, under the plan's state header.

Lowered operands need coordinates ("go east" becomes a tile), so the state header has them and the list of
what is held goes. A request of several commands is carried out in the simulator: the second command is
lowered on the state that the first one leaves, as it is when the controller acts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from enactor.agent import Toolbox
from enactor.curate.export.unfit import Unfit
from enactor.curate.rows import Action, Row
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.trace.values import Message, ToolCall
from enactor.world import CommandError, GameState, lower, parse

SLOTS = 28


def state_header(state: GameState) -> str:
    """`[State: loc=(3222,3218,0) hp=12/35 inv=9/28]`; what is not known is left out, without a client it is
    `[State: client off]`."""
    if not state.client_running:
        return "[State: client off]"
    parts = []
    if state.location is not None:
        parts.append(f"loc=({','.join(map(str, state.location))})")
    if state.health is not None:
        parts.append(f"hp={state.health[0]}/{state.health[1]}")
    if state.inventory is not None:
        parts.append(f"inv={len(state.inventory)}/{SLOTS}")
    return f"[State: {' '.join(parts) or 'unknown'}]"


def lowered_messages(row: Row) -> list[Message]:
    """The conversation of a row, lowered, the right answer last. Raises `Unfit` where a command of the answer
    cannot be lowered in the row's state, or hangs on one before it that fails in the simulator."""
    state = GameState.from_case(row.state)
    return [
        *_past(row.history, state),
        Message("user", f"{state_header(state)}\n{row.message.strip()}"),
        *_past(row.failed, state),
        Message("assistant", row.reply, _answer(row, state)),
    ]


def lowered_calls(calls: Sequence[ToolCall], row: Row) -> tuple[ToolCall, ...]:
    """Calls that nobody is to make, each lowered in the row's state; one that cannot be stays as it is."""
    state = GameState.from_case(row.state)
    return tuple(_sent(call, "", state) for call in calls)


def _answer(row: Row, state: GameState) -> tuple[ToolCall, ...]:
    actions = row.expect or row.say
    try:
        if sum(action.tool == "send_command" for action in actions) > 1 and not row.failed:
            return _carried_out(row, actions)
        return tuple(tool_call(a.tool, _lowered(a.args, state)) for a in actions)
    except CommandError as error:
        raise Unfit("no lowered form") from error


def _carried_out(row: Row, actions: Sequence[Action]) -> tuple[ToolCall, ...]:
    """The calls as the simulator got them. Past one that fails, the next ones must mean the same in any
    state."""
    toolbox = Toolbox(Simulator(seed=0, start=row.state))
    calls = []
    failed = False
    for action in actions:
        call = tool_call(action.tool, action.args)
        if failed:
            calls.append(tool_call(action.tool, _anywhere(action.args, toolbox.observe())))
            continue
        result = toolbox.settle(call, toolbox.call(call, confirmed=True))
        failed = result.status != "ok"
        if failed or result.lowered is None:
            calls.append(tool_call(action.tool, _lowered(action.args, toolbox.observe())))
        else:
            calls.append(tool_call(action.tool, {**action.args, "command": result.lowered}))
    return tuple(calls)


def _anywhere(args: Mapping[str, Any], state: GameState) -> dict[str, Any]:
    """Lowered arguments that are the same a hundred tiles away and with nothing held."""
    x, y, plane = state.location or (0, 0, 0)
    args_here = _lowered(args, state)
    if args_here != _lowered(args, replace(state, location=(x + 100, y + 100, plane), inventory=())):
        raise Unfit("what a command means hangs on one that fails in the simulator")
    return args_here


def _lowered(args: Mapping[str, Any], state: GameState) -> dict[str, Any]:
    if "command" not in args:
        return dict(args)
    return {**args, "command": lower(parse(str(args["command"])), state).render()}


def _past(messages: Sequence[Message], state: GameState) -> list[Message]:
    """Earlier turns with the commands that the plugin got: the results beside them say which."""
    lowered: list[Message] = []
    for index, message in enumerate(messages):
        if message.tool_calls:
            results = messages[index + 1 : index + 1 + len(message.tool_calls)]
            texts = [m.content if m.role == "tool" else "" for m in results]
            texts += [""] * (len(message.tool_calls) - len(texts))
            calls = tuple(map(lambda c, t: _sent(c, t, state), message.tool_calls, texts))
            message = Message(message.role, message.content, calls)
        lowered.append(message)
    return lowered


def _sent(call: ToolCall, result: str, state: GameState) -> ToolCall:
    args = call.parsed or {}
    if "command" not in args:
        return call
    try:
        found = json.loads(result or "{}").get("command")
        return tool_call(call.tool, {**args, "command": found} if found else _lowered(args, state))
    except (ValueError, AttributeError, CommandError):
        return call  # it never reached the plugin: it stands as it was tried
