"""Which function carries out which verb. Handlers take the world and the operands as words.

A handler returns the result of a response, or a generator that yields ticks and returns the result in the
end; what it does before the first `yield` happens at once. It raises `Refused` for what the game refuses.
"""

from collections.abc import Mapping
from typing import Any

from enactor.sim import (
    banking,
    carrying,
    exchange,
    gathering,
    gear,
    grave,
    interface,
    killing,
    magic,
    making,
    moving,
    people,
    queries,
    scenery,
    shops,
    talk,
    using,
)
from enactor.sim.state import Handler
from enactor.world import COMMANDS

HANDLERS: Mapping[str, Handler] = {
    **moving.HANDLERS,
    **killing.HANDLERS,
    **carrying.HANDLERS,
    **banking.HANDLERS,
    **gear.HANDLERS,
    **interface.HANDLERS,
    **talk.HANDLERS,
    **gathering.HANDLERS,
    **making.HANDLERS,
    **magic.HANDLERS,
    **people.HANDLERS,
    **scenery.HANDLERS,
    **using.HANDLERS,
    **grave.HANDLERS,
    **shops.HANDLERS,
    **exchange.HANDLERS,
    **queries.HANDLERS,
}
READS = frozenset(verb for verb, spec in COMMANDS.items() if spec.effect == "read")
LOOPS = frozenset(verb for verb, spec in COMMANDS.items() if spec.duration == "loop") | {"KILL_LOOP_CONFIG"}
STOPS = frozenset({"STOP", "KILL", "EMERGENCY_STOP"})


def list_commands() -> dict[str, Any]:
    """The answer to LIST_COMMANDS."""
    verbs = sorted({*HANDLERS, *STOPS, "PAUSE", "RESUME", "LIST_COMMANDS"})
    return {"total_commands": len(verbs), "categories": ["all"], "commands": {"all": verbs}}
