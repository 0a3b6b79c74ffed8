"""What the tools do, over any backend. The controller and the MCP server call the same table."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enactor.agent.gate import admit
from enactor.agent.routines import find_routine, routines
from enactor.prompt import tool_call
from enactor.trace.values import ToolCall, ToolResult
from enactor.world import (
    COMMANDS,
    PLACES,
    TOOLS,
    Backend,
    CommandError,
    GameState,
    describe,
    lower,
    parse,
    parse_condition,
    resolve_place,
)

Arguments = Mapping[str, Any]

AWAIT_POLL_S = 0.6
LOOP_WINDOW_S = 120.0
BLOCKING_LIMIT_S = 600.0
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


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The declared tools bound to one backend.

    `loop_window_s` is how much game time a loop gets before the next step of the same request; blocking
    commands are awaited to their end. `read_only` refuses whatever acts, `dry_run` admits and lowers it but
    sends nothing.
    """

    backend: Backend
    loop_window_s: float = LOOP_WINDOW_S
    read_only: bool = False
    dry_run: bool = False

    def observe(self) -> GameState:
        """The present state."""
        return GameState.from_plugin(self.backend.observe())

    def call(self, call: ToolCall, *, confirmed: bool = False) -> ToolResult:
        """Carry out one call. What the model or the game got wrong comes back as a result."""
        started = time.perf_counter()
        result = self._call(call, confirmed)
        return ToolResult(
            result.status, result.content, result.lowered, (time.perf_counter() - started) * 1000
        )

    def skip(self, call: ToolCall) -> ToolResult:
        """The result of a call that was not tried because one before it in the same turn did not succeed."""
        content: dict[str, Any] = {
            "skipped": True,
            "error": "not tried, since the step before it did not succeed",
        }
        lowered = None
        if call.tool == "send_command" and call.parsed is not None:
            line = str(call.parsed.get("command", ""))
            try:
                lowered = lower(parse(line), self.observe()).render()
            except CommandError:
                lowered = None
            content = {"dispatched": False, "command": lowered or line, **content}
        return ToolResult("blocked", content, lowered)

    def settle(self, call: ToolCall, result: ToolResult) -> ToolResult:
        """Wait for what a dispatched command began: to its end if it blocks, `loop_window_s` if it loops.

        The result is the command's last response; a loop that still runs is `ok` with `"running": true`.
        """
        if result.status != "ok" or result.lowered is None or self.dry_run:
            return result
        duration = COMMANDS[result.lowered.split()[0]].duration
        if duration == "instant":
            return result
        last = self.backend.settle(self.loop_window_s if duration == "loop" else BLOCKING_LIMIT_S)
        content = {**result.content, **_response(last)}
        running = last.get("status") == "running"
        if running:
            content["running"] = True
        failed = not running and last.get("status") != "success"
        return ToolResult("error" if failed else "ok", content, result.lowered, result.latency_ms)

    def _call(self, call: ToolCall, confirmed: bool) -> ToolResult:
        if call.parsed is None:
            return _error(f"the arguments of {call.tool or 'the call'} could not be read: {call.parse_error}")
        spec = TOOLS.get(call.tool)
        if spec is None:
            return _error(f"Unknown tool: {call.tool}", known=sorted(TOOLS))
        missing = [name for name in spec.parameters.get("required", ()) if name not in call.parsed]
        if missing:
            return _error(f"{call.tool} needs {', '.join(missing)}")
        if call.tool == "send_command":
            return self._send(str(call.parsed["command"]), confirmed)
        if call.tool == "send_and_await":
            return self._await(call.parsed, confirmed)
        if spec.effect != "read":
            if self.read_only:
                return ToolResult("blocked", {"error": f"{call.tool} acts, and this session only reads"})
            loop = self.observe().active_loop
            if spec.effect == "destructive" and loop and not confirmed:
                return ToolResult(
                    "needs_confirmation",
                    {"question": f"{loop} is running. {call.tool} would end it. Really?"},
                )
            if self.dry_run:
                return ToolResult("ok", {"dry_run": True})
        if call.tool == "run_routine":
            return self._run_routine(call.parsed, confirmed)
        return HANDLERS[call.tool](self.backend, call.parsed)

    def _await(self, args: Arguments, confirmed: bool) -> ToolResult:
        """Send, then let game time pass in ticks until the condition holds or the time is up."""
        try:
            holds = parse_condition(str(args["await_condition"]))
        except CommandError as error:
            return _error(error.message, candidates=list(error.candidates))
        result = self._send(str(args["command"]), confirmed)
        if result.status != "ok":
            return result
        limit = float(args.get("timeout_ms") or 10_000) / 1000
        waited = 0.0
        while not (met := holds(self.observe())) and waited < limit:
            self.backend.settle(AWAIT_POLL_S)
            waited += AWAIT_POLL_S
        content = {**result.content, "condition": args["await_condition"], "condition_met": met}
        if not met:
            content["error"] = f"Timeout after {limit * 1000:.0f}ms waiting for condition"
        return ToolResult("ok" if met else "error", content, result.lowered)

    def _run_routine(self, args: Arguments, confirmed: bool) -> ToolResult:
        """The steps of a routine in order, each awaited; the first that does not succeed ends it."""
        try:
            routine = find_routine(str(args["routine_path"]))
        except CommandError as error:
            return _error(error.message, candidates=list(error.candidates))
        loops = int(args.get("loops") or 1)
        done = 0
        for _ in range(loops):
            for number, line in enumerate(routine.steps, 1):
                call = tool_call("send_command", {"command": line})
                result = self.settle(call, self._send(line, confirmed))
                if result.status != "ok":
                    problem = result.content.get("error") or result.content.get("question")
                    return ToolResult(
                        result.status,
                        {
                            **result.content,
                            "routine": routine.key,
                            "step": number,
                            "error": f"{line}: {problem}",
                        },
                    )
                if result.content.get("running"):
                    message = f"{routine.name}: {result.lowered} is running"
                    return ToolResult("ok", {"success": True, "routine": routine.key, "message": message})
            done += 1
        return ToolResult(
            "ok", {"success": True, "routine": routine.key, "message": f"{routine.name}: done {done} times"}
        )

    def _send(self, line: str, confirmed: bool) -> ToolResult:
        admitted = admit(line, self.observe(), confirmed=confirmed)
        if isinstance(admitted, ToolResult):
            return admitted
        text = admitted.render()
        if self.read_only and COMMANDS[admitted.verb].effect != "read":
            return ToolResult(
                "blocked", {"dispatched": False, "command": text, "error": "this session only reads"}, text
            )
        if self.dry_run:
            return ToolResult("ok", {"dispatched": False, "dry_run": True, "command": text}, text)
        response = self.backend.send(text)
        delivered = response.get("delivered", True) is not False
        ok = delivered and response.get("status") == "success"
        content: dict[str, Any] = {"dispatched": delivered, "command": text, **_response(response)}
        if admitted.notes:
            content["notes"] = list(admitted.notes)
        return ToolResult("ok" if ok else "error", content, text)


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    """The telling parts of a plugin response."""
    return {k: response[k] for k in ("result", "error") if response.get(k) is not None}


def _error(message: str, **more: Any) -> ToolResult:
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


def _get_game_state(backend: Backend, args: Arguments) -> ToolResult:
    fields = args.get("fields") or ()
    if not isinstance(fields, list | tuple) or not all(isinstance(f, str) for f in fields):
        return _error("fields must be a list of names", known=sorted(STATE_FIELDS))
    unknown = [f for f in fields if f not in STATE_FIELDS]
    if unknown:
        return _error(f"unknown field {', '.join(unknown)}", known=sorted(STATE_FIELDS))
    state = backend.observe()
    if not GameState.from_plugin(state).client_running:
        return _error("no state: the game client is not running")
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
        return ToolResult("ok" if ok else "error", {"success": ok, **_response(response)})

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
        return _error(f"Nothing is known of {area!r}")
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
    return _error(f"the {backend.name} backend has no screen to picture")


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
