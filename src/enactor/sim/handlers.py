"""Which function carries out which verb. Handlers take the world and the operands as words.

A handler returns the result of a response, or a generator that yields ticks and returns the result in the end;
what it does before the first `yield` happens at once. It raises `Refused` for what the game refuses.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enactor.sim import (
    banking,
    carrying,
    gear,
    interface,
    killing,
    moving,
    queries,
    talk,
)
from enactor.sim.state import Activity, Result, World

Handler = Callable[[World, Sequence[str]], Result | Activity]

HANDLERS: Mapping[str, Handler] = {
    **moving.HANDLERS,
    **killing.HANDLERS,
    **carrying.HANDLERS,
    **banking.HANDLERS,
    **gear.HANDLERS,
    **interface.HANDLERS,
    **talk.HANDLERS,
    **queries.HANDLERS,
}
READS = frozenset(queries.HANDLERS) | {"BANK_CHECK", "SCAN_BANK", "LIST_COMMANDS"}
LOOPS = frozenset(
    "KILL_LOOP KILL_LOOP_CONFIG KILL_COW KILL_COW_GET_HIDES IMP_HUNT FISH FISH_DROP FISH_DRAYNOR_LOOP CHOP_TREE POWER_CHOP "
    "MINE_ORE POWER_MINE COLLECT_LUMBRIDGE_TIN_COPPER SMELT_BAR SMELT_BRONZE_BARS TELEGRAB_WINE_LOOP".split()
)
STOPS = frozenset({"STOP", "KILL", "EMERGENCY_STOP"})


def list_commands() -> dict[str, Any]:
    """The answer to LIST_COMMANDS."""
    verbs = sorted({*HANDLERS, *STOPS, "PAUSE", "RESUME", "LIST_COMMANDS"})
    return {"total_commands": len(verbs), "categories": ["all"], "commands": {"all": verbs}}
