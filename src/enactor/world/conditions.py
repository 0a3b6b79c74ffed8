"""What can be waited for: the plugin's await grammar over a state, and what else a state shows.

The plugin's atoms: `idle`, `dialogue`, `no_dialogue`, `plane:N`, `location:X,Y` (within 3 tiles),
`has_item:NAME`, `no_item:NAME`, `inventory_count:[<=|>=|<|>]N` (occupied slots), `tutorial_progress:[op]N` (0
to 1000), `varp:ID:[op]N` and `varbit:ID:[op]N` (`==` too). Ours: `level:SKILL:[op]N`, `health:[op]N` and
`health:[op]N%`, `inventory_full`, `client:running` and `client:stopped`. Atoms joined by ` and ` hold when
all do. What a state does not show matches no number.
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
    "level:SKILL:>=N",
    "health:<=N%",
    "inventory_full",
    "client:running",
)
_COMBAT_SKILLS = ("attack", "strength", "defence", "hitpoints", "ranged", "prayer", "magic")
_CRAFTS = ("cooking", "woodcutting", "fletching", "fishing", "firemaking", "crafting", "smithing", "mining")
_OTHERS = ("herblore", "agility", "thieving", "slayer", "farming", "runecraft", "hunter", "construction")
SKILLS = (*_COMBAT_SKILLS, *_CRAFTS, *_OTHERS)
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
    "": operator.eq, "==": operator.eq,
}  # fmt: skip
_COUNT = re.compile(r"^(<=|>=|<|>|)(\d+)$")
_LEVEL = re.compile(r"^([a-z]+):(==|<=|>=|<|>|)(\d+)$")
_HEALTH = re.compile(r"^(<=|>=|<|>)(\d+)(%?)$")
INVENTORY_SLOTS = 28
_VARIABLE = re.compile(r"^(\d+):(==|<=|>=|<|>|)(-?\d+)$")


def parse_condition(text: str) -> Condition:
    """The predicate of the atoms. Raises `CommandError` with the atoms as candidates for anything else."""
    atoms = [_atom(part) for part in re.split(r"\s+and\s+", text.strip())]
    return atoms[0] if len(atoms) == 1 else lambda state: all(atom(state) for atom in atoms)


def _atom(text: str) -> Condition:
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
            case "level" if match := _LEVEL.match(value.casefold()):
                return _level(match[1], _COMPARE[match[2]], int(match[3]))
            case "health" if match := _HEALTH.match(value):
                return _health(_COMPARE[match[1]], int(match[2]), share=bool(match[3]))
            case "inventory_full" if not value:
                return lambda state: len(state.inventory or ()) >= INVENTORY_SLOTS
            case "client" if value in ("running", "stopped"):
                return lambda state: state.client_running == (value == "running")
            case _:
                pass
    except ValueError:
        pass
    raise CommandError(f"Invalid condition: {text!r}", candidates=ATOMS)


def _level(skill: str, compare: Callable[[int, int], bool], number: int) -> Condition:
    if skill not in SKILLS:
        raise CommandError(f"Invalid condition: {skill!r} is no skill", candidates=SKILLS)
    return lambda state: skill in (state.skills or {}) and compare((state.skills or {})[skill], number)


def _health(compare: Callable[[int, int], bool], number: int, *, share: bool) -> Condition:
    def holds(state: GameState) -> bool:
        if state.health is None:
            return False
        now, whole = state.health
        return compare(now * 100, number * whole) if share else compare(now, number)

    return holds


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
