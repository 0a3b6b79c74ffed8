"""What the tools do, over any backend. The controller and the MCP server call the same table."""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from enactor.agent.course import SAME, fingerprint
from enactor.agent.deferred import DeferredTasks
from enactor.agent.gate import admit
from enactor.agent.handlers import HANDLERS, Arguments, refusal, telling
from enactor.agent.later import LATER
from enactor.agent.routines import Action, find_routine
from enactor.prompt import tool_call
from enactor.trace.values import ToolCall, ToolResult
from enactor.world import (
    COMMANDS,
    TOOLS,
    Backend,
    CommandError,
    CommandSpec,
    Condition,
    GameState,
    ToolSpec,
    lower,
    parse,
    parse_condition,
)

AWAIT_POLL_S = 0.6
SLICE_S = 3.0  # of a wait that can be interrupted: five ticks
INTERRUPTED = "interrupted by the player"
LOOP_WINDOW_S = 120.0
BLOCKING_LIMIT_S = 600.0
ARRIVAL_S = 60.0
ROUTINE_LIMIT_S = 6 * 3600.0  # of one loop that waits for a condition


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The declared tools bound to one backend.

    `loop_window_s` is how much game time a loop gets before the next step of the same request; blocking
    commands are awaited to their end. `read_only` refuses whatever acts, `dry_run` admits and lowers it but
    sends nothing. `later` are the player's tasks for later; None where nothing looks at them, which the
    tools then say. `interrupt` ends every wait when it is set: what runs is stopped.
    """

    backend: Backend
    loop_window_s: float = LOOP_WINDOW_S
    read_only: bool = False
    dry_run: bool = False
    later: DeferredTasks | None = field(default_factory=DeferredTasks)
    interrupt: threading.Event | None = None

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
        """Wait for what a dispatched command began: to its end if it blocks, `loop_window_s` if it loops, to
        the arrival if it is answered at once and walks first.

        The result is the command's last response; a loop that still runs is `ok` with `"running": true`.
        """
        if result.status != "ok" or result.lowered is None or self.dry_run:
            return result
        spec = COMMANDS[result.lowered.split()[0]]
        if spec.duration == "instant" and not self._walks(spec):
            return result
        limits = {"loop": self.loop_window_s, "blocking": BLOCKING_LIMIT_S, "instant": ARRIVAL_S}
        last = self._wait(limits[spec.duration])
        if spec.duration == "instant" and str(last.get("command")).split()[:1] != [spec.verb]:
            return result  # it left nothing behind: the last response is that of an older command
        content = {**result.content, **telling(last)}
        running = last.get("status") == "running"
        if running:
            content["running"] = True
        failed = not running and last.get("status") != "success"
        return ToolResult("error" if failed else "ok", content, result.lowered, result.latency_ms)

    def _wait(self, limit_s: float) -> Mapping[str, Any]:
        """As the backend's `settle`, up to an interruption."""
        if self.interrupt is None:
            return self.backend.settle(limit_s)
        left = limit_s
        while True:
            last = self.backend.settle(min(left, SLICE_S))
            left -= SLICE_S
            if last.get("status") != "running" or left <= 0:
                return last
            if self.interrupt.is_set():
                self.backend.send("STOP")
                return {**last, "status": "error", "error": INTERRUPTED}

    def _interrupted(self) -> bool:
        return self.interrupt is not None and self.interrupt.is_set()

    def _walks(self, spec: CommandSpec) -> bool:
        """Whether a command that is answered at once may still be on its way to what it acts on."""
        return spec.effect != "read" and spec.family != "system" and self.observe().active_loop is None

    def _call(self, call: ToolCall, confirmed: bool) -> ToolResult:
        if call.parsed is None:
            return refusal(
                f"the arguments of {call.tool or 'the call'} could not be read: {call.parse_error}"
            )
        spec = TOOLS.get(call.tool)
        if spec is None:
            return refusal(f"Unknown tool: {call.tool}", known=sorted(TOOLS))
        if problem := unfit(spec, call.parsed):
            return refusal(f"{call.tool}: {problem}")
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
        if call.tool in LATER:
            if self.later is None:
                return refusal("nothing is watched between the calls of this session, so nothing can wait")
            return LATER[call.tool](self.later, self.observe(), call.parsed)
        if call.tool == "run_routine":
            return self._run_routine(call.parsed, confirmed)
        return HANDLERS[call.tool](self.backend, call.parsed)

    def _await(self, args: Arguments, confirmed: bool) -> ToolResult:
        """Send, then let game time pass in ticks until the condition holds or the time is up."""
        try:
            holds = parse_condition(str(args["await_condition"]))
        except CommandError as error:
            return refusal(error.message, candidates=list(error.candidates))
        result = self._send(str(args["command"]), confirmed)
        if result.status != "ok":
            return result
        limit = float(args.get("timeout_ms") or 10_000) / 1000
        waited = 0.0
        while not (met := holds(self.observe())) and waited < limit and not self._interrupted():
            self.backend.settle(AWAIT_POLL_S)
            waited += AWAIT_POLL_S
        content = {**result.content, "condition": args["await_condition"], "condition_met": met}
        if not met:
            timeout = f"Timeout after {limit * 1000:.0f}ms waiting for condition"
            content["error"] = INTERRUPTED if self._interrupted() else timeout
        return ToolResult("ok" if met else "error", content, result.lowered)

    def _run_routine(self, args: Arguments, confirmed: bool) -> ToolResult:
        """The steps of a routine in order, each awaited; the first that does not succeed ends it."""
        try:
            routine = find_routine(str(args["routine_path"]))
        except CommandError as error:
            return refusal(error.message, candidates=list(error.candidates))
        loops = int(args.get("loops") or 1)
        idle, before = 0, fingerprint(self.observe())
        for done in range(loops):
            if self._interrupted():
                return refusal(f"{routine.name}: {INTERRUPTED}", routine=routine.key)
            ended = self._all(routine.steps, confirmed)
            now = fingerprint(self.observe())
            idle, before = idle + 1 if now == before else 0, now
            if ended is None and idle >= SAME and done + 1 < loops:
                return refusal(
                    f"{routine.name}: stopped after {done + 1} of {loops} times, for the last {idle} changed "
                    "nothing",
                    routine=routine.key,
                )
            if ended is not None:
                message = f"{routine.name}: {ended.lowered} is running"
                return replace(ended, content={**ended.content, "routine": routine.key, "message": message})
        return ToolResult(
            "ok", {"success": True, "routine": routine.key, "message": f"{routine.name}: done {loops} times"}
        )

    def _all(self, actions: Sequence[Action], confirmed: bool) -> ToolResult | None:
        """The result that ends the routine, or None to go on: a failure, or a loop that is left running."""
        for number, action in enumerate(actions, 1):
            ended = self._perform(action, confirmed)
            if ended is not None:
                return (
                    ended
                    if "step" in ended.content
                    else replace(ended, content={**ended.content, "step": number})
                )
        return None

    def _perform(self, action: Action, confirmed: bool) -> ToolResult | None:
        if action.only_if and not parse_condition(action.only_if)(self.observe()):
            return None
        until = parse_condition(action.until) if action.until else None
        for _ in range(action.times):
            if until is not None and until(self.observe()):
                return None
            if action.block:
                ended = self._all(action.block, confirmed)
            else:
                ended = self._command(action.command, until, confirmed)
            if ended is not None:
                return ended
        return None

    def _command(self, line: str, until: Condition | None, confirmed: bool) -> ToolResult | None:
        call = tool_call("send_command", {"command": line})
        result = self.settle(call, self._send(line, confirmed))
        waited = 0.0
        while until is not None and result.content.get("running") and waited < ROUTINE_LIMIT_S:
            if until(self.observe()):
                result = self._send("STOP", confirmed)
                break
            result = self.settle(call, result)
            waited += self.loop_window_s
        if result.status != "ok":
            problem = result.content.get("error") or result.content.get("question")
            return replace(result, content={**result.content, "error": f"{line}: {problem}"})
        return result if result.content.get("running") else None

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
        content: dict[str, Any] = {"dispatched": delivered, "command": text, **telling(response)}
        if admitted.notes:
            content["notes"] = list(admitted.notes)
        return ToolResult("ok" if ok else "error", content, text)


def unfit(spec: ToolSpec, args: Arguments) -> str | None:
    """What is wrong with a tool's arguments by its schema, if anything: one that is missing, or of another
    type. Numbers written as strings are taken as the numbers they are."""
    missing = [name for name in spec.parameters.get("required", ()) if name not in args]
    if missing:
        return f"needs {', '.join(missing)}"
    for name, value in args.items():
        wanted = spec.parameters.get("properties", {}).get(name, {}).get("type")
        if value is not None and wanted in _FITS and not _FITS[wanted](value):
            return f"{name} has to be of type {wanted}, not {value!r}"
    return None


def _number(value: Any) -> bool:
    try:
        return math.isfinite(float(value)) and not isinstance(value, bool)
    except (TypeError, ValueError):
        return False


_FITS: dict[str, Callable[[Any], bool]] = {
    "number": _number,
    "integer": lambda value: _number(value) and float(value).is_integer(),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list | tuple),
    "string": lambda value: isinstance(value, str | int | float),
}
