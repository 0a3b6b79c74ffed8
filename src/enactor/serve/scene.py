"""The world as the page draws it: what the player sees now, and what stands still around.

Texts of the game lose what would turn the reading direction; the page sets them as text, never as markup.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from enactor.serve.plain import plain
from enactor.world import COMMANDS, PLACES, GameState

SIGHT = 15
"""Tiles that the simulator shows around the player."""

MOST = 400
_LONG = 80


def scene(state: GameState) -> dict[str, Any]:
    """One look: the player with all that the panels show, creatures and scenery in sight, where it goes."""
    raw = state.raw
    player = _mapping(raw.get("player"))
    nearby = _mapping(player.get("nearby"))
    doing = _doing(state)
    target = state.in_combat or _hunted(doing)
    npcs = [
        {
            "name": _short(one.get("name")),
            "tile": tile,
            "level": one.get("combatLevel") or 0,
            "target": bool(target) and _alike(one.get("name"), target),
        }
        for one, tile in _placed(nearby.get("npcs"))
    ]
    return {
        "running": state.client_running,
        "tile": list(state.location) if state.location else None,
        "sight": SIGHT,
        "health": list(state.health) if state.health else None,
        "level": player.get("combatLevel"),
        "moving": bool(player.get("isMoving")),
        "doing": plain(doing),
        "goal": _goal(doing),
        "fighting": _short(state.in_combat) if state.in_combat else "",
        "dialogue": _dialogue(state),
        "npcs": npcs,
        "objects": [
            {"name": _short(one.get("name")), "kind": _kind(one), "tile": tile}
            for one, tile in _placed(nearby.get("objects"))
        ],
        "grave": _grave(raw),
        **_belongings(state),
    }


def atlas(x: int, y: int, plane: int, radius: int) -> dict[str, Any]:
    """What stands still within `radius` tiles: named places, and the scenery and ground items that the
    simulator knows; the nearest first, at most so many of each."""
    from enactor.sim import facts

    middle = (x, y, plane)
    things = [
        {"name": thing.name, "kind": thing.kind, "tile": list(thing.tile)}
        for _, thing in facts.around(middle, radius)
        if isinstance(thing, facts.Thing)
    ]
    places = sorted(
        (far, p.name, p.kind, p.tile) for p in PLACES.values() if (far := _far(p.tile, middle)) <= radius
    )
    items = sorted((far, i.name, i.tile) for i in facts.lying() if (far := _far(i.tile, middle)) <= radius)
    return {
        **{"x": x, "y": y, "plane": plane, "radius": radius},
        "things": things[: 2 * MOST],
        "places": [
            {"name": _title(name), "kind": kind, "tile": list(tile)} for _, name, kind, tile in places[:MOST]
        ],
        "items": [{"name": name, "tile": list(tile)} for _, name, tile in items[:MOST]],
    }


def _belongings(state: GameState) -> dict[str, Any]:
    style = _mapping(_mapping(state.raw.get("player")).get("combatStyle")).get("label")
    slots: list[list[Any] | None] | None = None
    if state.inventory is not None:
        slots = [None] * 28
        held = _mapping(_mapping(state.raw.get("player")).get("inventory")).get("items") or ()
        for place, stack in enumerate(state.inventory):
            entry = held[place] if place < len(held) and isinstance(held[place], Mapping) else {}
            at = entry.get("slot", place)
            slots[at if isinstance(at, int) and 0 <= at < 28 else place % 28] = [
                _short(stack.name),
                stack.quantity,
            ]
    xp = state.experience or {}
    return {
        "inventory": slots,
        "equipment": [[slot, _short(name)] for slot, name in (state.equipment or {}).items()],
        "skills": [[skill, level, xp.get(skill)] for skill, level in (state.skills or {}).items()],
        "style": _short(style) if style else "",
    }


def _doing(state: GameState) -> str:
    if state.active_loop:
        return state.active_loop
    task = _mapping(state.raw.get("scenario"))
    return str(task.get("currentTask") or "") if task.get("running") else ""


def _goal(doing: str) -> list[int] | None:
    """Where a walk goes: the plugin walks straight on open ground, so the rest of the way is a line."""
    verb, *words = doing.split() or [""]
    if verb != "GOTO" or len(words) < 2 or not all(word.isdecimal() and len(word) < 6 for word in words[:3]):
        return None
    return [int(words[0]), int(words[1]), int(words[2]) if len(words) > 2 else 0]


def _hunted(doing: str) -> str:
    """The creature that a running command is about."""
    verb, *words = doing.split() or [""]
    spec = COMMANDS.get(verb)
    return words[0] if spec is not None and spec.family == "combat" and words else ""


def _alike(name: Any, wanted: str) -> bool:
    return str(name).replace("_", " ").casefold() == wanted.replace("_", " ").casefold()


def _placed(entries: Any) -> Iterator[tuple[Mapping[str, Any], list[int]]]:
    """Those that say where they are; the live plugin leaves some out."""
    for entry in list(entries or ())[:MOST]:
        at = _mapping(_mapping(entry).get("location"))
        if isinstance(at.get("x"), int) and isinstance(at.get("y"), int):
            yield entry, [at["x"], at["y"]]


def _kind(one: Mapping[str, Any]) -> str:
    from enactor.sim import facts

    at = _mapping(one.get("location"))
    tile = (at.get("x"), at.get("y"), at.get("plane", 0))
    return next(
        (t.kind for t in facts.things_named(facts.key(str(one.get("name")))) if t.tile == tile), "thing"
    )


def _grave(raw: Mapping[str, Any]) -> list[int] | None:
    stone = _mapping(raw.get("gravestone"))
    at = _mapping(stone.get("location"))
    return [at["x"], at["y"]] if stone.get("active") and "x" in at and "y" in at else None


def _dialogue(state: GameState) -> str:
    open_ = _mapping(state.dialogue)
    if not open_.get("open"):
        return ""
    said = ": ".join(filter(None, (str(open_.get("speaker") or ""), str(open_.get("text") or ""))))
    options = " / ".join(str(option) for option in open_.get("options") or ())
    return plain(f"{said} ({options})" if options else said)[:300]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _short(text: Any) -> str:
    return plain(str(text))[:_LONG]


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _far(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) if one[2] == other[2] else 10**6
