"""The tools `defer`, `list_deferred` and `cancel_deferred`, over the player's tasks for later."""

from collections.abc import Callable, Mapping
from typing import Any

from enactor.agent.deferred import DeferredTasks, commands_of, game_time
from enactor.agent.handlers import Arguments, refusal
from enactor.agent.watching import understood, watch
from enactor.errors import EnactorError
from enactor.trace.values import ToolResult
from enactor.world import CommandError, GameState

Later = Callable[[DeferredTasks, GameState, Arguments], ToolResult]


def plain_form(args: Arguments) -> dict[str, Any]:
    """The arguments of `defer` in their one form, as far as they can be read."""
    plain = dict(args)
    for key, read in (("condition", understood), ("command", lambda text: "; ".join(commands_of(text)))):
        try:
            plain[key] = read(str(args.get(key) or ""))
        except CommandError:
            continue
    return plain


def _defer(tasks: DeferredTasks, state: GameState, args: Arguments) -> ToolResult:
    """Names are looked up now, so that a slip is said at once; where nothing is known of the player because
    the client is off, they wait. What is relative (`bank`, `east 20`) is lowered when it is done."""
    now = game_time(state)
    command = str(args["command"])
    try:
        lines = commands_of(command, state) if state.client_running else commands_of(command)
        condition = understood(str(args["condition"]))
        if condition.startswith("level:") and watch(condition, state, now):
            return refusal(f"nothing to wait for: {said(condition)} already")
        task = tasks.add(condition, command, now)
    except CommandError as error:
        more = {"nearest": error.nearest} if error.nearest else {}
        return refusal(error.message, candidates=list(error.candidates), **more)
    except EnactorError as error:  # a full disk: the model's call is not at fault, and the request goes on
        return refusal(str(error))
    return ToolResult(
        "ok",
        {
            "success": True,
            "number": task.number,
            "condition": condition,
            "command": "; ".join(lines),
            "message": f"Later ({task.number}): {'; '.join(lines)}, {_when(condition)}.",
        },
    )


def _list(tasks: DeferredTasks, state: GameState, args: Arguments) -> ToolResult:
    return ToolResult("ok", {"success": True, "tasks": [str(task) for task in tasks]})


def _cancel(tasks: DeferredTasks, state: GameState, args: Arguments) -> ToolResult:
    """By number; the last one where no task has it and so many are listed ("the second one"); without a
    number, all."""
    listed = list(tasks)
    if not listed:
        return refusal("nothing is to be done later")
    if args.get("number") is None:
        return _gone(tasks.clear())
    number = int(float(args["number"]))
    by_place = listed[number - 1].number if 0 < number <= len(listed) else number
    task = tasks.cancel(number) or tasks.cancel(by_place)
    if task is None:
        return refusal(f"no task {number} is to be done later", tasks=[str(task) for task in listed])
    return _gone((task,))


def _gone(gone: tuple[Any, ...]) -> ToolResult:
    return ToolResult(
        "ok",
        {
            "success": True,
            "cancelled": [task.number for task in gone],
            "message": f"Cancelled {', '.join(map(str, gone))}.",
        },
    )


def said(condition: str) -> str:
    """An understood condition in words."""
    return condition.replace(" and ", ", ").replace(":", " ").replace("_", " ")


def _when(condition: str) -> str:
    head, _, value = condition.partition(":")
    if head == "after":
        seconds = float(value)
        spans = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
        size, unit = next((row for row in spans if seconds >= row[0]), spans[-1])
        count = f"{seconds / size:g}"
        return f"in {count} {unit.removesuffix('s') if count == '1' else unit}"
    return f"at {value}" if head == "at" else f"when {said(condition)}"


LATER: Mapping[str, Later] = {"defer": _defer, "list_deferred": _list, "cancel_deferred": _cancel}
