"""What stands between a decision and the game.

Order: grammar and names (an error with the nearest valid form), a dead client, prerequisites (`blocked`, with
what is missing), the player's yes for what cannot be undone or is dangerous now. `STOP` waits for nothing.
"""

from enactor.trace.values import ToolResult
from enactor.world import COMMANDS, ITEMS, Command, CommandError, GameState, check_needs, lower, parse

LOW_HEALTH = 0.2
_INTERRUPTS = frozenset({"STOP", "KILL", "EMERGENCY_STOP"})
_STARTS_FIGHT = frozenset(
    {
        "KILL_LOOP",
        "KILL_COW",
        "KILL_COW_GET_HIDES",
        "IMP_HUNT",
        "ATTACK_NPC",
        "CAST_SPELL_NPC",
    }
)


def refused(error: CommandError, line: str) -> ToolResult:
    """The result of a line that the grammar or the world could not take."""
    content: dict[str, object] = {"dispatched": False, "command": line, "error": error.message}
    if error.nearest:
        content["nearest"] = error.nearest
    if error.candidates:
        content["candidates"] = list(error.candidates)
    return ToolResult("error", content)


def admit(line: str, state: GameState, *, confirmed: bool = False) -> Command | ToolResult:
    """The lowered command if `line` may be dispatched in `state`, else the result that says why not.

    `confirmed` means the player has said yes to this very request.
    """
    try:
        command = parse(line)
        if command.verb in _INTERRUPTS:
            return command
        lowered = lower(command, state)
    except CommandError as error:
        return refused(error, line)
    text = lowered.render()
    if not state.client_running:
        return ToolResult(
            "blocked",
            {
                "dispatched": False,
                "command": text,
                "error": "the game client is not running",
                "hint": "start the client first",
            },
            lowered=text,
        )
    missing = check_needs(lowered, state)
    if missing:
        what = "; ".join(f"{m.what} ({m.hint})" if m.hint else m.what for m in missing)
        return ToolResult(
            "blocked", {"dispatched": False, "command": text, "error": f"missing: {what}"}, lowered=text
        )
    question = None if confirmed else _question(lowered, state)
    if question:
        return ToolResult(
            "needs_confirmation", {"dispatched": False, "command": text, "question": question}, lowered=text
        )
    return lowered


def _question(command: Command, state: GameState) -> str | None:
    """What the player has to say yes to, if anything."""
    if command.verb in _STARTS_FIGHT and state.health and state.health[0] < LOW_HEALTH * state.health[1]:
        return f"Health is only {state.health[0]}/{state.health[1]}. Start fighting anyway?"
    if (
        COMMANDS[command.verb].effect == "destructive" and not command.operands
    ):  # a named item needs no question
        held: dict[str, int] = {}
        for stack in state.inventory or ():
            held[stack.name] = held.get(stack.name, 0) + stack.quantity
        lost = ", ".join(f"{n} {name}" if n > 1 else name for name, n in held.items())
        prices = {item.name: item.value for item in ITEMS.values()}
        worth = sum(n * prices.get(name, 0) for name, n in held.items())
        summary = COMMANDS[command.verb].summary.rstrip(".")
        return (
            f"{command.render()}: {summary[0].lower() + summary[1:]}."
            + (f" You hold {lost}, worth about {worth:,} coins." if lost else "")
            + " Really?"
        )
    return None
