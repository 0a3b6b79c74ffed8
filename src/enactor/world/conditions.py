"""What can be waited for: one atom of the plugin's await grammar, over a state.

`idle`, `dialogue`, `no_dialogue`, `plane:N`, `location:X,Y` (within 3 tiles), `has_item:NAME`,
`no_item:NAME`, `inventory_count:[<=|>=|<|>]N` (occupied slots), `tutorial_progress:[op]N` (0 to 1000),
`varp:ID:[op]N` and `varbit:ID:[op]N` (`==` too). A variable that the state does not
show matches no number.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enactor.world.spec import CommandError
from enactor.world.state import GameState

Condition = Callable[[GameState], bool]

NEAR_TILES = 3
ATOMS = (
    "idle",
    "dialogue",
    "no_dialogue",
    "plane:N",
    "location:X,Y",
    "has_item:NAME",
    "no_item:NAME",
    "inventory_count:<=N",
    "tutorial_progress:>=N",
    "varp:ID:==N",
    "varbit:ID:==N",
)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
    "": operator.eq, "==": operator.eq,
}  # fmt: skip
_COUNT = re.compile(r"^(<=|>=|<|>|)(\d+)$")
_VARIABLE = re.compile(r"^(\d+):(==|<=|>=|<|>|)(-?\d+)$")


def parse_condition(text: str) -> Condition:
    """The predicate of one atom. Raises `CommandError` with the atoms as candidates for anything else."""
    head, _, value = text.strip().partition(":")
    head, value = head.strip().lower(), value.strip()
    try:
        match head:
            case "idle" if not value:
                return _idle
            case "dialogue" | "no_dialogue" if not value:
                return lambda state: bool((state.dialogue or {}).get("open")) == (head == "dialogue")
            case "plane":
                plane = int(value)
                return lambda state: state.location is not None and state.location[2] == plane
            case "location":
                x, y = (int(part) for part in value.split(",")[:2])
                return lambda state: (
                    state.location is not None
                    and max(abs(state.location[0] - x), abs(state.location[1] - y)) <= NEAR_TILES
                )
            case "has_item" | "no_item" if value:
                return lambda state: (state.held(value.replace("_", " ")) > 0) == (head == "has_item")
            case "inventory_count" if match := _COUNT.match(value):
                compare, count = _COMPARE[match[1]], int(match[2])
                return lambda state: compare(len(state.inventory or ()), count)
            case "tutorial_progress" if match := _COUNT.match(value):
                return _compared(("tutorial", "progress"), match[1], int(match[2]))
            case "varp" | "varbit" if match := _VARIABLE.match(value):
                return _compared(("vars", f"{head}s", match[1]), match[2], int(match[3]))
            case _:
                pass
    except ValueError:
        pass
    raise CommandError(f"Invalid condition: {text!r}", candidates=ATOMS)


def _compared(keys: Sequence[str], compare: str, number: int) -> Condition:
    """Does the number at that path of the plugin's state compare so? What is not there never does."""

    def holds(state: GameState) -> bool:
        found: Any = state.raw
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return isinstance(found, int) and _COMPARE[compare](found, number)

    return holds


def _idle(state: GameState) -> bool:
    player = state.raw.get("player") or {}
    return not player.get("isMoving") and state.active_loop is None
