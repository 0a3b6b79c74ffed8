"""The tools that only read, and those that start and stop the client: one function each, over any backend."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from enactor.agent.routines import routines
from enactor.prompt import tool_call
from enactor.trace.values import ToolCall, ToolResult
from enactor.world import COMMANDS, PLACES, Backend, CommandError, GameState, describe, resolve_place

Arguments = Mapping[str, Any]

STATE_FIELDS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "location": lambda s: s.get("player", {}).get("location"),
    "health": lambda s: s.get("player", {}).get("health"),
    "inventory": lambda s: _compact(s.get("player", {}).get("inventory")),
    "inventory_full": lambda s: s.get("player", {}).get("inventory"),
    "equipment": lambda s: s.get("player", {}).get("equipment"),
    "skills": lambda s: s.get("player", {}).get("skills"),
    "nearby": lambda s: s.get("player", {}).get("nearby"),
    "camera": lambda s: s.get("player", {}).get("camera"),
    "dialogue": lambda s: s.get("dialogue"),
    "combat": lambda s: s.get("combat"),
    "scenario": lambda s: {**(s.get("scenario") or {}), "activeLoop": s.get("active_loop")},
    "gravestone": lambda s: s.get("gravestone"),
}


def telling(response: Mapping[str, Any]) -> dict[str, Any]:
    """The telling parts of a plugin response."""
    return {k: response[k] for k in ("result", "error") if response.get(k) is not None}


def refusal(message: str, **more: Any) -> ToolResult:
    """An error that the model sees."""
    return ToolResult("error", {"error": message, **more})


def _compact(inventory: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if inventory is None:
        return None
    names = [
        item
        if isinstance(item, str)
        else item["name"] + (f" x{item['quantity']}" if item.get("quantity", 1) != 1 else "")
        for item in inventory.get("items") or ()
        if item
    ]
    return {"used": inventory.get("used"), "capacity": inventory.get("capacity", 28), "items": names}


FIELD_WORDS = {
    **dict.fromkeys(("hp", "hitpoints", "life"), "health"),
    **dict.fromkeys(
        ("level", "levels", "xp", "exp", "experience", "experiences", "skill", "stats"), "skills"
    ),
    **dict.fromkeys(("inv", "bag", "items", "backpack"), "inventory"),
    **dict.fromkeys(("position", "coords", "coordinates", "place"), "location"),
    **dict.fromkeys(("gear", "worn", "weapon", "armour", "armor"), "equipment"),
}
"""What people call the fields of the state."""


def with_known_fields(call: ToolCall) -> ToolCall:
    """A `get_game_state` with the fields' own names in place of people's words, as names are lowered."""
    fields = (call.parsed or {}).get("fields")
    if call.tool != "get_game_state" or not isinstance(fields, list):
        return call
    known = list(dict.fromkeys(FIELD_WORDS.get(str(f).casefold(), f) for f in fields))
    if known == fields:
        return call
    return replace(tool_call(call.tool, {**(call.parsed or {}), "fields": known}), origin=call.origin)


def _get_game_state(backend: Backend, args: Arguments) -> ToolResult:
    fields = args.get("fields") or ()
    if not isinstance(fields, list | tuple) or not all(isinstance(f, str) for f in fields):
        return refusal("fields must be a list of names", known=sorted(STATE_FIELDS))
    fields = list(dict.fromkeys(FIELD_WORDS.get(f.casefold(), f) for f in fields))
    unknown = [f for f in fields if f not in STATE_FIELDS]
    if unknown:
        return refusal(f"unknown field {', '.join(unknown)}", known=sorted(STATE_FIELDS))
    state = backend.observe()
    if not GameState.from_plugin(state).client_running:
        return refusal("no state: the game client is not running")
    if not fields:
        return ToolResult("ok", {"success": True, "state": dict(state)})
    return ToolResult("ok", {"success": True, "state": {f: STATE_FIELDS[f](state) for f in fields}})


def _lookup_location(backend: Backend, args: Arguments) -> ToolResult:
    try:
        match = resolve_place(str(args["location"]), GameState.from_plugin(backend.observe()).location)
    except CommandError as error:
        return ToolResult(
            "error", {"found": False, "error": error.message, "candidates": list(error.candidates)}
        )
    if match.tile is None:
        return ToolResult("error", {"found": False, "error": f"{match.name} has no known tile"})
    x, y, plane = match.tile
    return ToolResult(
        "ok",
        {
            "found": True,
            "name": match.form,
            "x": x,
            "y": y,
            "plane": plane,
            "goto_command": f"GOTO {x} {y} {plane}",
        },
    )


def _query_nearby(backend: Backend, args: Arguments) -> ToolResult:
    wanted = (
        str(args.get("name_filter") or args.get("object_name") or "").replace("_", " ").casefold().rstrip("s")
    )
    found: dict[str, Any] = {"success": True}
    for key, verb, flag in (
        ("npcs", "QUERY_NPCS", "include_npcs"),
        ("objects", "SCAN_OBJECTS", "include_objects"),
        ("ground_items", "QUERY_GROUND_ITEMS", "include_ground_items"),
    ):
        if args.get(flag, True):
            rows = (backend.send(verb).get("result") or {}).get(key) or []
            found[key] = [row for row in rows if wanted in str(row.get("name", "")).casefold()]
    return ToolResult("ok", found)


def _get_logs(backend: Backend, args: Arguments) -> ToolResult:
    lines = backend.logs(
        float(args.get("since_seconds") or 30.0),
        str(args.get("grep") or ""),
        str(args.get("level") or "INFO"),
    )
    return ToolResult("ok", {"success": True, "lines": lines[-int(args.get("max_lines") or 50) :]})


def _check_health(backend: Backend, args: Arguments) -> ToolResult:
    state = GameState.from_plugin(backend.observe())
    return ToolResult(
        "ok", {"success": True, "healthy": state.client_running, "client_running": state.client_running}
    )


def _client(action: Any) -> Callable[[Backend, Arguments], ToolResult]:
    def run(backend: Backend, args: Arguments) -> ToolResult:
        done = backend.client(action)
        return ToolResult("ok" if done.get("success") else "error", dict(done))

    return run


def _via(verb: str, operand: str = "", default: str = "") -> Callable[[Backend, Arguments], ToolResult]:
    """A tool that is one read-only plugin command."""

    def run(backend: Backend, args: Arguments) -> ToolResult:
        value = str(args.get(operand) or default) if operand else ""
        response = backend.send(f"{verb} {value}".strip())
        ok = response.get("status") == "success"
        return ToolResult("ok" if ok else "error", {"success": ok, **telling(response)})

    return run


def _list_commands(backend: Backend, args: Arguments) -> ToolResult:
    category = str(args.get("category") or "").casefold()
    search = str(args.get("search") or args.get("command") or "").casefold()
    lines = [
        describe(verb)
        for verb, spec in COMMANDS.items()
        if (not category or spec.family == category)
        and (not search or search in f"{verb} {spec.summary}".casefold())
    ]
    return ToolResult("ok", {"success": True, "total_commands": len(lines), "commands": lines})


def _scan_environment(backend: Backend, args: Arguments) -> ToolResult:
    radius = int(args.get("radius") or 15)
    ways = (backend.send(f"QUERY_TRANSITIONS {radius}").get("result") or {}) or {}
    if args.get("transitions_only"):
        return ToolResult("ok", {"success": True, **ways})
    near = _query_nearby(backend, {})
    return ToolResult("ok", {**near.content, "transitions": ways})


def _get_location_info(backend: Backend, args: Arguments) -> ToolResult:
    area = str(args.get("area") or args.get("room") or "").strip()
    if not area:
        return ToolResult(
            "ok", {"success": True, "areas": sorted({p.region for p in PLACES.values() if p.region})}
        )
    wanted = area.replace("_", " ").casefold()
    rows = [p for p in PLACES.values() if p.region == wanted or wanted in p.form.replace("_", " ")]
    if not rows:
        return refusal(f"Nothing is known of {area!r}")
    return ToolResult(
        "ok",
        {
            "success": True,
            "area": area,
            "places": [{"name": p.form, "kind": p.kind, "tile": list(p.tile)} for p in rows],
        },
    )


def _restart_if_frozen(backend: Backend, args: Arguments) -> ToolResult:
    if GameState.from_plugin(backend.observe()).client_running:
        return ToolResult("ok", {"success": True, "message": "The client is not frozen; left alone."})
    return _client("restart")(backend, args)


def _list_routines(backend: Backend, args: Arguments) -> ToolResult:
    rows = [f"{key}: {routine.summary}" for key, routine in routines().items()]
    return ToolResult("ok", {"success": True, "count": len(rows), "routines": rows})


def _get_dialogue(backend: Backend, args: Arguments) -> ToolResult:
    dialogue = dict(GameState.from_plugin(backend.observe()).dialogue or {})
    return ToolResult("ok", {"success": True, "dialogue_open": bool(dialogue.get("open")), **dialogue})


def _get_chat_messages(backend: Backend, args: Arguments) -> ToolResult:
    lines = backend.logs(600.0, "[CHAT]", "INFO")
    return ToolResult("ok", {"success": True, "messages": lines[-int(args.get("max_messages") or 10) :]})


def _get_screenshot(backend: Backend, args: Arguments) -> ToolResult:
    return refusal(f"the {backend.name} backend has no screen to picture")


HANDLERS: dict[str, Callable[[Backend, Arguments], ToolResult]] = {
    "get_game_state": _get_game_state,
    "lookup_location": _lookup_location,
    "query_nearby": _query_nearby,
    "get_logs": _get_logs,
    "check_health": _check_health,
    "is_alive": _check_health,
    "start_runelite": _client("start"),
    "stop_runelite": _client("stop"),
    "restart_runelite": _client("restart"),
    "list_commands": _list_commands,
    "list_quests": _via("GET_QUEST_STATUS", "filter", "all"),
    "get_dialogue": _get_dialogue,
    "get_chat_messages": _get_chat_messages,
    "get_screenshot": _get_screenshot,
    "scan_environment": _scan_environment,
    "get_location_info": _get_location_info,
    "restart_if_frozen": _restart_if_frozen,
    "list_routines": _list_routines,
}
