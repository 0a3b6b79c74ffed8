"""The one-line answer, composed from what came back. The model never reports on its own calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enactor.trace.values import Step
from enactor.world import COMMANDS

_COMBAT = ("attack", "strength", "defence", "hitpoints", "ranged", "prayer", "magic")
MAX_NAMES = 12


def compose(steps: Sequence[Step]) -> str:
    """One line per step, none twice; what was left undone is said as plainly as what was done."""
    return "\n".join(dict.fromkeys(_line(step) for step in steps))


def telling(steps: Sequence[Step]) -> Sequence[Step]:
    """Without the failures that a later step made good. Where something was left undone on the way, what was
    not done later is told."""
    if not steps or steps[-1].result.status != "ok":
        return steps
    done = {_line_of(step) for step in steps if step.result.status == "ok"}
    skipped = {_line_of(step) for step in steps if step.result.content.get("skipped")}
    return [
        step
        for step in steps
        if step.result.status == "ok" or (skipped - done and _line_of(step) not in done)
    ]


def _line_of(step: Step) -> str:
    return step.result.lowered or str(step.result.content.get("command") or step.call.arguments)


def _line(step: Step) -> str:
    result = step.result
    content = result.content
    match result.status:
        case "needs_confirmation":
            return f"{content['question']} (yes / no)"
        case "blocked" if content.get("skipped"):
            return f"Not tried: {content.get('command') or step.call.tool}."
        case "blocked":
            hint = content.get("hint")
            return f"Not done: {content.get('error')}" + (f"; {hint}." if hint else ".")
        case "error":
            return _failure(step)
        case _:
            pass
    if result.lowered is not None:
        return _acted(result.lowered, content)
    answer = ANSWERS.get(step.call.tool)
    return answer(content, step.call.parsed or {}) if answer else f"{step.call.tool}: done."


def _failure(step: Step) -> str:
    content = step.result.content
    what = str(content.get("command") or step.call.tool)
    error = str(content.get("error") or "no reason given")
    text = ": ".join(filter(None, ("That failed", what, error)))
    text += "" if error.endswith((".", "?", "!")) else "."
    if "Did you mean" in error:
        return text
    if content.get("candidates"):
        text += f" Did you mean {', '.join(map(str, content['candidates'][:4]))}?"
    elif content.get("nearest"):
        text += f" Nearest valid form: {content['nearest']}."
    return text


def _acted(line: str, content: Mapping[str, Any]) -> str:
    if content.get("dry_run"):
        return f"Would send {line}."
    spec = COMMANDS[line.split()[0]]
    result = content.get("result") or {}
    note = f" ({'; '.join(content['notes'])})" if content.get("notes") else ""
    if spec.effect == "read":
        return f"{line}: {_flat(result)}"
    if content.get("running"):
        return f"Running: {line}.{note}"
    if spec.duration == "loop":
        return f"Started {line}.{note}"
    message = result.get("message") if isinstance(result, Mapping) else None
    return f"Done: {line}.{note}" + (f" {message}" if message else "")


def _state(content: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    state = content.get("state") or {}
    if "player" in state:  # no fields named: the whole file
        player = state["player"]
        state = {k: player.get(k) for k in ("location", "health", "inventory") if player.get(k)}
    parts = [
        text
        for name, value in state.items()
        if value is not None and (text := _FIELDS.get(name, _other)(value))
    ]
    return " ".join(parts) or "Nothing is known of that."


def _other(value: Any) -> str:
    return _flat(value) + "."


def _location(value: Mapping[str, Any]) -> str:
    return f"At {value['x']}, {value['y']}, plane {value.get('plane', 0)}."


def _inventory(value: Mapping[str, Any]) -> str:
    counts: dict[str, int] = {}
    for item in value.get("items") or ():
        name, quantity = _stack(item)
        counts[name] = counts.get(name, 0) + quantity
    names = ", ".join(f"{name} x{n}" if n != 1 else name for name, n in counts.items())
    return f"Inventory {value.get('used', len(counts))}/{value.get('capacity', 28)}" + (
        f": {names}." if names else "."
    )


def _stack(item: Any) -> tuple[str, int]:
    if isinstance(item, Mapping):
        return str(item["name"]), int(item.get("quantity", 1))
    name, _, count = str(item).rpartition(" x")
    return (name, int(count)) if name and count.isdigit() else (str(item), 1)


def _equipment(value: Mapping[str, Any]) -> str:
    worn = [str(item["name"] if isinstance(item, Mapping) else item) for item in value.values() if item]
    return f"Wearing {', '.join(worn)}." if worn else "Wearing nothing."


def _skills(value: Mapping[str, Any]) -> str:
    levels = {skill: row.get("level") for skill, row in value.items() if isinstance(row, Mapping)}
    order = [s for s in _COMBAT if s in levels] + [s for s in levels if s not in _COMBAT]
    return "Levels: " + ", ".join(f"{skill} {levels[skill]}" for skill in order) + "."


def _nearby(value: Mapping[str, Any]) -> str:
    rows = []
    for key in ("npcs", "objects"):
        names = dict.fromkeys(str(row["name"]) for row in value.get(key) or () if row)
        if names:
            rows.append(f"{', '.join(list(names)[:MAX_NAMES])}")
    return f"Nearby: {'; '.join(rows)}." if rows else "Nothing nearby."


def _combat(value: Mapping[str, Any]) -> str:
    target = value.get("target")
    return f"Fighting {target}." if target else "Not fighting."


def _scenario(value: Mapping[str, Any]) -> str:
    loop = value.get("activeLoop")
    if loop:
        kills = f", {loop['kills']} of {loop.get('max_kills')} kills" if loop.get("kills") is not None else ""
        return f"Running {loop.get('command')}{kills}."
    task = value.get("currentTask")
    return f"Busy with {task}." if task and task != "Idle" else "Nothing is running."


def _dialogue(value: Mapping[str, Any]) -> str:
    if not value.get("open"):
        return "No conversation is open."
    options = value.get("options") or ()
    return f"{value.get('speaker') or 'Someone'}: {value.get('text') or ''}" + (
        f" Options: {' / '.join(options)}" if options else ""
    )


_FIELDS: dict[str, Callable[[Any], str]] = {
    "location": _location,
    "health": lambda v: f"Health {v['current']}/{v['max']}.",
    "inventory": _inventory,
    "inventory_full": _inventory,
    "equipment": _equipment,
    "skills": _skills,
    "nearby": _nearby,
    "combat": _combat,
    "scenario": _scenario,
    "dialogue": _dialogue,
}


def _found(content: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    name = str(content["name"]).replace("_", " ")
    return f"{name} is at {content['x']}, {content['y']}, plane {content['plane']}."


def _near(content: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    rows = [row for key in ("npcs", "objects", "ground_items") for row in content.get(key) or ()]
    counts: dict[str, int] = {}
    for row in rows:
        counts[str(row["name"])] = counts.get(str(row["name"]), 0) + 1
    if not counts:
        return f"No {args['name_filter']} nearby." if args.get("name_filter") else "Nothing nearby."
    return (
        "Nearby: "
        + ", ".join(f"{n} {name}" if n > 1 else name for name, n in list(counts.items())[:MAX_NAMES])
        + "."
    )


def _lines(key: str, empty: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], str]:
    def answer(content: Mapping[str, Any], args: Mapping[str, Any]) -> str:
        rows = [str(row) for row in content.get(key) or ()]
        return "\n".join(rows[-MAX_NAMES:]) if rows else empty

    return answer


def _client(content: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    return str(content.get("message") or "Done.")


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_flat(v)}" for k, v in value.items() if v not in (None, [], {})) or "nothing"
    if isinstance(value, list | tuple):
        return (
            "; ".join(_flat(v.get("name", v) if isinstance(v, Mapping) else v) for v in value[:MAX_NAMES])
            or "nothing"
        )
    return str(value)


ANSWERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], str]] = {
    "get_game_state": _state,
    "lookup_location": _found,
    "query_nearby": _near,
    "get_logs": _lines("lines", "The log has no such lines."),
    "get_chat_messages": _lines("messages", "No chat messages."),
    "list_commands": _lines("commands", "No such command."),
    "check_health": lambda c, a: (
        "The client runs." if c.get("client_running") else "The client is not running."
    ),
    "is_alive": lambda c, a: "The client runs." if c.get("client_running") else "The client is not running.",
    "list_quests": lambda c, a: f"Quests: {_flat(c.get('result') or {})}.",
    "get_dialogue": lambda c, a: _dialogue({**c, "open": c.get("dialogue_open")}),
    "start_runelite": _client,
    "stop_runelite": _client,
    "restart_runelite": _client,
    "restart_if_frozen": _client,
    "run_routine": _client,
    "defer": _client,
    "cancel_deferred": _client,
    "list_deferred": _lines("tasks", "Nothing is to be done later."),
    "list_routines": _lines("routines", "There are no routines."),
    "scan_environment": _near,
    "get_location_info": _lines("places", "Nothing is known of that."),
}
