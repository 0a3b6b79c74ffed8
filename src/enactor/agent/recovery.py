"""What to do about a step that failed, where it is known without the model.

A slip of the verb is sent in its nearest valid form; what is missing is fetched when it is near (picked up,
taken from the bank, a window closed, a shop or the exchange opened, the few steps walked, a line of a
conversation heard out); what the game gave back unread, or refuses in passing, is sent once more. Everything
else is for the model or the player.
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from rapidfuzz.distance import OSA

from enactor.prompt import tool_call
from enactor.trace.values import Step, ToolCall
from enactor.world import (
    COMMANDS,
    ITEMS,
    Backend,
    CommandError,
    GameState,
    Missing,
    check_needs,
    parse,
    resolve_place,
)

NEAR_TILES = 64
"""How far away a thing may be to be fetched: what the client has loaded around the player, roughly."""
MOST = 10
"""Calls that a remedy may take."""
REACH_TILES = 15  # how far BANK_OPEN and PICK_UP_ITEM look
_SLIPS = 2  # letters of a verb that may be wrong
_PASSING = re.compile(
    r"outside viewport bounds|must be called on client thread|Spell widget not found|Menu option not found",
    re.IGNORECASE,
)  # not "sleep interrupted": that may be the player's own STOP
_WINDOW = re.compile(r"^Cannot walk: (?P<window>\w+) interface is open", re.IGNORECASE)
_AWAY = re.compile(
    r"^(?:NPC|Object) '(?P<name>[^']{2,40})' not found$|^(?P<bank>bank) not found", re.IGNORECASE
)
_SHUT = re.compile(r"^(?P<what>shop|grand exchange) (?:is )?not open", re.IGNORECASE)
_LACKING = re.compile(r"^No (?P<what>.{2,40}?) in inventory$", re.IGNORECASE)
_UNASKED = re.compile(r"^No dialogue options", re.IGNORECASE)
_COUNTED = re.compile(r"^(?:(?P<count>\d+) )?(?P<what>.+)$")


def remedy(step: Step, backend: Backend) -> tuple[ToolCall, ...]:
    """The calls that make a failed command good, itself last; none where nothing is known. Looks at the game,
    and does nothing to it."""
    result, content = step.result, step.result.content
    if step.call.tool != "send_command" or result.status not in ("error", "blocked"):
        return ()
    if result.lowered is None:
        line = _nearest(str(content.get("command") or ""), str(content.get("nearest") or ""))
        return _calls((line,)) if line else ()
    state = GameState.from_plugin(backend.observe())
    if not state.client_running or state.in_combat is not None:
        return ()
    if result.status == "blocked":
        lines = _fetched(check_needs(parse(result.lowered), state), state, backend)
    else:
        error = str(content.get("error") or "")
        lines = _after(error, result.lowered, bool(content.get("dispatched")), state, backend)
    return () if lines is None else _calls((*lines, result.lowered))


def _nearest(line: str, nearest: str) -> str | None:
    """The nearest form where it is the same command with a slip mended: the verb all but right, and no
    operand that the line did not have. Never one that destroys."""
    try:
        command = parse(nearest)
    except CommandError:
        return None
    said = line.split()
    if not said or COMMANDS[command.verb].effect == "destructive":
        return None
    had = {word.casefold() for word in said[1:]}
    close = OSA.distance(said[0].upper(), command.verb) <= _SLIPS
    return nearest if close and all(str(word).casefold() in had for word in command.operands) else None


def _after(
    error: str, line: str, dispatched: bool, state: GameState, backend: Backend
) -> tuple[str, ...] | None:
    """What to send before a refused command is sent again."""
    if not dispatched or (_PASSING.search(error) and state.active_loop is None):
        return ()
    if match := _WINDOW.match(error):
        return ("BANK_CLOSE" if match["window"].casefold() == "bank" else "CLOSE_INTERFACE",)
    if _UNASKED.match(error):
        return ("CLICK_CONTINUE",) if (state.dialogue or {}).get("type") == "continue" else None
    if match := _SHUT.match(error):
        return _opened(match["what"].casefold(), state, backend)
    if match := _LACKING.match(error):
        return _fetched([Missing(match["what"], "")], state, backend)
    if line == "LOOT_GRAVE":
        return _to_grave(state)
    if match := _AWAY.match(error):
        name = match["name"] or "bank"
        return _walk(name, state, least=REACH_TILES, any_floor=bool(match["bank"]))
    return None


def _opened(what: str, state: GameState, backend: Backend) -> tuple[str, ...] | None:
    """A shop through its keeper, the exchange through a clerk."""
    if what == "shop":
        keeper = _shopkeeper(backend)
        return None if keeper is None else (f"INTERACT_NPC {_form(keeper)} Trade",)
    found = _place("grand exchange", state)
    if found and found[1] <= REACH_TILES:
        return ("GE_OPEN",)
    way = _walk("grand exchange", state)
    return None if way is None else (*way, "GE_OPEN")


def _to_grave(state: GameState) -> tuple[str, ...] | None:
    """The walk to one's grave, where the client says where it is: no other place is meant by it."""
    grave = state.raw.get("gravestone") or {}
    at = grave.get("location") if grave.get("active") else None
    return None if not at else (f"GOTO {at['x']} {at['y']} {at.get('plane', 0)}",)


def _place(name: str, state: GameState) -> tuple[tuple[int, int, int], int] | None:
    """The tile of a named thing, and how far away it is on the map; None where that is not known."""
    try:
        place = resolve_place(name, state.location)
    except CommandError:
        return None
    if place.tile is None or state.location is None:
        return None
    far = max(abs(place.tile[0] - state.location[0]), abs(place.tile[1] - state.location[1]))
    return place.tile, far


def _walk(name: str, state: GameState, *, least: int = 0, any_floor: bool = False) -> tuple[str, ...] | None:
    """The walk to a named thing that is near, none where it is out of `least` tiles, too far, or on another
    floor."""
    found = _place(name, state)
    if found is None or state.location is None or not least <= found[1] <= NEAR_TILES:
        return None
    tile, _ = found
    return None if tile[2] != state.location[2] and not any_floor else ("GOTO {} {} {}".format(*tile),)


def _fetched(missing: Sequence[Missing], state: GameState, backend: Backend) -> tuple[str, ...] | None:
    """What to send to have all that is missing; None where something cannot be had near."""
    if not missing:
        return None
    if [one.what for one in missing] == ["an open bank"]:
        return _to_bank(state, any_floor=True)  # Lumbridge's is upstairs
    found: list[str] = []
    banked: list[str] = []
    lying = _lying(backend)
    for one in missing:
        count, names = _names(one)
        if "Coins" in names:  # how many it takes is known when it is bought
            return None
        if name := next((name for name in names if lying.get(name, 0) >= count), None):
            found += [f"PICK_UP_ITEM {_form(name)}"] * count
        elif name := next((name for name in names if (state.bank or {}).get(name, 0) >= count), None):
            banked.append(f"BANK_WITHDRAW {_form(name)} {count}")
        else:
            return None
    if banked:
        way = _to_bank(state)
        if way is None:
            return None
        found += [*way, *banked, "BANK_CLOSE", *_back(state, way)]
    return tuple(found) if len(found) < MOST else None


def _back(state: GameState, way: tuple[str, ...]) -> tuple[str, ...]:
    """Where the player stood before a walk to the bank: the command may mean that place."""
    if state.location is None or not way or not way[0].startswith("GOTO"):
        return ()
    return ("GOTO {} {} {}".format(*state.location),)


def _to_bank(state: GameState, *, any_floor: bool = False) -> tuple[str, ...] | None:
    """To the bank that is near, and open it."""
    if state.bank_open:
        return ()
    found = _place("bank", state)
    if found and state.location and found[0][2] == state.location[2] and found[1] <= REACH_TILES:
        return ("BANK_OPEN",)
    way = _walk("bank", state, any_floor=any_floor)
    return None if way is None else (*way, "BANK_OPEN")


def _names(missing: Missing) -> tuple[int, tuple[str, ...]]:
    """How many of what is missing: display names, those that ask least of a player first; none where what is
    missing is no item."""
    match = _COUNTED.match(missing.what)
    what = match["what"] if match else missing.what
    count = int(match["count"] or 1) if match else 1
    if what.startswith("any "):
        pattern = f"* {what.removeprefix('any ')}"
        fitting = [item for item in ITEMS.values() if fnmatchcase(item.name.casefold(), pattern)]
        return count, tuple(item.name for item in sorted(fitting, key=lambda item: (item.level, item.value)))
    plain = what.casefold()
    singular = plain.removesuffix("s") if count > 1 else plain
    return count, tuple(i.name for i in ITEMS.values() if i.name.casefold() in (plain, singular))


def _lying(backend: Backend) -> Mapping[str, int]:
    """What lies within reach on the ground, by display name."""
    rows: list[dict[str, Any]] = (backend.send("QUERY_GROUND_ITEMS").get("result") or {}).get(
        "ground_items"
    ) or []
    counts: dict[str, int] = {}
    for row in rows:
        if row.get("distance", REACH_TILES + 1) <= REACH_TILES:
            counts[str(row["name"])] = counts.get(str(row["name"]), 0) + 1
    return counts


def _shopkeeper(backend: Backend) -> str | None:
    """Who trades within reach, the nearest first."""
    rows: list[dict[str, Any]] = (backend.send("QUERY_NPCS").get("result") or {}).get("npcs") or []
    near = sorted(rows, key=lambda row: int(row.get("distance", REACH_TILES + 1)))
    return next(
        (
            str(row["name"])
            for row in near
            if "Trade" in (row.get("actions") or ()) and row.get("distance", REACH_TILES + 1) <= REACH_TILES
        ),
        None,
    )


def _form(name: str) -> str:
    return name.replace(" ", "_")


def _calls(lines: tuple[str, ...]) -> tuple[ToolCall, ...]:
    made = (tool_call("send_command", {"command": line}) for line in lines)
    return tuple(ToolCall(c.tool, c.arguments, c.parsed, c.parse_error, "recovered") for c in made)
