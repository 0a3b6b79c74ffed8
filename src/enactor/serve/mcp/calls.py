"""`tools/call`: validate, act through the toolbox in a thread, ask where the gate asks, tell how it goes."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import CapacityLimiter, from_thread, to_thread
from jsonschema import Draft202012Validator
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from enactor.agent.tools import Toolbox
from enactor.errors import EnactorError
from enactor.prompt import tool_call
from enactor.serve.mcp import consent
from enactor.serve.mcp.game import Game, acts, is_stop
from enactor.serve.mcp.log import Acting, Log
from enactor.serve.mcp.results import inert, tool_result
from enactor.trace.values import ToolCall, ToolResult
from enactor.world import TOOLS

Context = ServerRequestContext[Any, Any]
Answer = types.CallToolResult | types.InputRequiredResult

ROUNDS = 3
"""Times that one call asks the player, should what it asks about change meanwhile."""
REPORT_S = 0.1
CALLS_AT_ONCE = 16
VALIDATORS = {name: Draft202012Validator(dict(spec.parameters)) for name, spec in TOOLS.items()}
VALIDATORS["confirm"] = Draft202012Validator(consent.CONFIRM.input_schema)


@dataclass(slots=True)
class Calls:
    """The tools for all clients. `toolbox` is bound to the game itself; each call gets it bound to its hand.

    `tokens` says what becomes of a call that needs a yes when the client cannot ask: a token, or nothing.
    `log` gets each call that acts.
    """

    game: Game
    toolbox: Toolbox
    patience_s: float
    tokens: bool = True
    log: Log | None = None
    pending: consent.Pending = field(default_factory=consent.Pending)
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CALLS_AT_ONCE))
    _stops: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4))

    @property
    def nothing_acts(self) -> bool:
        """Whether no call reaches the game, so that none needs a yes."""
        return self.toolbox.read_only or self.toolbox.dry_run

    def hands_out_tokens(self, ctx: Context) -> bool:
        """Whether this client needs the tool `confirm`."""
        return self.tokens and not self.nothing_acts and not consent.can_ask(ctx)

    async def call(self, ctx: Context, params: types.CallToolRequestParams) -> Answer:
        """One `tools/call`. Raises `MCPError` for a tool that does not exist."""
        arguments = params.arguments or {}
        if params.name not in VALIDATORS:
            known = ", ".join(TOOLS)
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name[:80]}. Known are {known}")
        problem = _problem(params.name, arguments)
        if problem:
            return tool_result(ToolResult("error", {"error": problem}))
        agreed = None
        if params.name == "confirm":
            found = self.pending.take(arguments["token"])
            if found is None:
                return tool_result(
                    ToolResult("error", {"error": "no call waits for this token: it was used, or is too old"})
                )
            call, agreed = found
        else:
            call = tool_call(params.name, arguments)
        if (earlier := consent.answered(params)) is not None:
            if not earlier[1]:
                return _declined()
            agreed = earlier[0]
        return await self._act(ctx, call, agreed)

    async def _act(self, ctx: Context, call: ToolCall, agreed: str | None) -> Answer:
        for _ in range(ROUNDS):
            result = await self._run(ctx, call, agreed)
            if result.status != "needs_confirmation":
                return tool_result(result)
            question = str(inert(result.content["question"]))
            if call.tool == "run_routine":
                # Saying yes would run it from its first step again, and say yes to the rest of it, too.
                how = (
                    "The routine has stopped before this step. Send the step by itself to be asked about it."
                )
                return tool_result(result, how_to_confirm=how)
            if not consent.can_ask(ctx):
                return tool_result(result, **self._token(call, question))
            if consent.asks_by_answer(ctx):
                return consent.asking(question)
            if not await consent.ask(ctx, question):
                return _declined()
            agreed = question
        return tool_result(ToolResult("error", {"error": "what it asks about keeps changing; try again"}))

    def _token(self, call: ToolCall, question: str) -> dict[str, Any]:
        if not self.tokens:
            return {
                "how_to_confirm": "This client cannot ask the player, so it is left undone. Use one that "
                "supports elicitation, name the items one by one, or serve with --unasked token."
            }
        return {
            "confirmation_token": self.pending.keep(call, question),
            "how_to_confirm": "Put the question to the player. Only when they say yes themselves, call "
            "`confirm` with confirmation_token; it holds for five minutes and once.",
        }

    async def _run(self, ctx: Context, call: ToolCall, agreed: str | None) -> ToolResult:
        """The call in a thread, given up when the request is cancelled."""
        threads = self._stops if is_stop(call) else self._threads
        try:
            return await to_thread.run_sync(self._work, ctx, call, agreed, limiter=threads)
        except EnactorError as error:  # a setting that is missing: the client's model can say so
            return ToolResult("error", {"error": str(error)})

    def _work(self, ctx: Context, call: ToolCall, agreed: str | None) -> ToolResult:
        with self.game.turn(call) as hand:
            from_thread.check_cancelled()  # while it waited for its turn
            if acts(call):
                hand.attend()
            hand.watch = _Watch(ctx, call)
            toolbox = replace(self.toolbox, backend=hand)
            with self._recorded(call, toolbox) as acting:
                acting.result = result = toolbox.call(call)
                if result.status == "needs_confirmation":
                    question = str(inert(result.content.get("question")))
                    if self.nothing_acts or question == agreed:
                        acting.result = result = toolbox.call(call, confirmed=True)
                if call.tool == "send_command":
                    hand.deadline = time.monotonic() + self.patience_s
                    acting.result = result = toolbox.settle(call, result)
                return result

    def _recorded(self, call: ToolCall, toolbox: Toolbox) -> AbstractContextManager[Acting]:
        if self.log is None or not acts(call):
            return nullcontext(Acting())
        return self.log.acting(call, toolbox)


class _Watch:
    """Tells the client how a wait goes, at most every REPORT_S, and ends it when the request is cancelled."""

    def __init__(self, ctx: Context, call: ToolCall) -> None:
        self._ctx = ctx
        self._what = str((call.parsed or {}).get("command") or call.tool)
        self._told_at = -REPORT_S

    def __call__(self, waited: float, last: Mapping[str, Any]) -> None:
        from_thread.check_cancelled()
        if time.monotonic() - self._told_at < REPORT_S:
            return
        self._told_at = time.monotonic()
        from_thread.run(self._ctx.session.report_progress, waited, None, self._line(waited, last))

    def _line(self, waited: float, last: Mapping[str, Any]) -> str:
        result = last.get("result")
        facts = result.items() if isinstance(result, Mapping) else ()
        told = ", ".join(f"{key} {value}" for key, value in facts if isinstance(value, str | int | float))
        line = f"{self._what}: {waited:.0f} s of game time" + (f"; {told}" if told else "")
        return str(inert(line[:300]))


def _problem(tool: str, arguments: Mapping[str, Any]) -> str | None:
    """What is wrong with the arguments by the tool's schema, all of it in a line."""
    found = list(VALIDATORS[tool].iter_errors(dict(arguments)))
    if not found:
        return None
    told = [
        f"{'.'.join(map(str, e.path))}: {e.message[:200]}" if e.path else e.message[:200] for e in found[:5]
    ]
    known = ", ".join(VALIDATORS[tool].schema.get("properties", {})) or "none"
    return f"arguments of {tool}: {'; '.join(told)} (known: {known})"


def _declined() -> types.CallToolResult:
    return tool_result(ToolResult("blocked", {"dispatched": False, "error": "the player did not say yes"}))
