"""The state in the shape of the plugin's state file, with the keys of ours that its clients ignore."""

from __future__ import annotations

from typing import Any

from enactor.sim import facts
from enactor.sim.combat import status, style, weapon
from enactor.sim.state import CAPACITY, TICK_S, Tile, World, distance
from enactor.sim.talk import shown

EPOCH_MS = 1_767_225_600_000  # the game clock starts with 2026
_SIGHT = 15
_SLOTS = ("head", "cape", "neck", "ammo", "weapon", "shield", "body", "legs", "hands", "feet", "ring")


def now_ms(world: World) -> int:
    """Game time as milliseconds since 1970."""
    return EPOCH_MS + round(world.tick * TICK_S * 1000)


def point(tile: Tile) -> dict[str, int]:
    """A tile as the plugin writes it."""
    return {"x": tile[0], "y": tile[1], "plane": tile[2]}


def npcs(world: World, radius: int) -> list[dict[str, Any]]:
    """Creatures and people within `radius`, nearest first."""
    here = world.tile()
    found = [
        (far, one)
        for far, one in facts.around(here, radius)
        if isinstance(one, facts.Spawn) and not _hidden(world, one) and world.alive(one)
    ]
    found += [
        (distance(here, s.tile), s)
        for s in world.extra_spawns
        if distance(here, s.tile) <= radius and world.alive(s)
    ]
    found.sort(key=lambda pair: (pair[0], pair[1].uid))
    return [
        {
            "name": s.name,
            "distance": far,
            "location": point(s.tile),
            "combatLevel": s.level,
            "actions": list(s.actions),
        }
        for far, s in found
    ]


def _hidden(world: World, spawn: facts.Spawn) -> bool:
    return spawn.hidden and not any(t.uid in world.open for t in facts.things_of("coffin"))


def objects(world: World, radius: int, *, doors: bool = True) -> list[dict[str, Any]]:
    """Scenery within `radius`, nearest first, each kind of name at most eight times."""
    seen: dict[str, int] = {}
    found = []
    for far, one in facts.around(world.tile(), radius):
        if not isinstance(one, facts.Thing) or not world.alive(one) or (one.kind == "door" and not doors):
            continue
        seen[one.name] = seen.get(one.name, 0) + 1
        if seen[one.name] <= 8:
            actions = ["Close"] if one.uid in world.open else list(one.actions)
            found.append({"name": one.name, "distance": far, "location": point(one.tile), "actions": actions})
    for fire in world.fires():
        if (far := distance(world.tile(), fire)) <= radius:
            found.append({"name": "Fire", "distance": far, "location": point(fire), "actions": ["Cook"]})
    return found


def snapshot(world: World) -> dict[str, Any]:
    """The whole state. With no client running there is nothing to see."""
    if not world.client:
        return {"client": {"running": False}}
    world.heal_over_time()
    player = world.player
    running = world.activity
    button, trains = style(world)
    loop = None
    if running is not None and running.loop:
        progress = world.progress
        loop = {
            "command": running.line,
            "target": progress.get("target"),
            "iteration": progress.get("iteration", 0),
            "kills": progress.get("kills", 0),
            "max_kills": progress.get("max_kills"),
            "updated_at": now_ms(world),
        }
    return {
        "timestamp": now_ms(world),
        "player": {
            "location": point(world.tile()),
            "health": {"current": player.hp, "max": player.levels["hitpoints"]},
            "inventory": {
                "used": player.pack.used(),
                "capacity": CAPACITY,
                "items": [
                    {"name": slot[0], "quantity": slot[1], "slot": i, "actions": []}
                    for i, slot in enumerate(player.pack.slots)
                    if slot
                ],
            },
            "equipment": {
                slot: {"name": player.equipment[slot][0], "quantity": player.equipment[slot][1]}
                if slot in player.equipment
                else None
                for slot in dict.fromkeys((*_SLOTS, *player.equipment))
            },
            "skills": {
                skill: {
                    "level": player.levels[skill],
                    "boostedLevel": player.hp if skill == "hitpoints" else player.levels[skill],
                    "xp": player.xp[skill] // 10,
                }
                for skill in player.levels
            },
            "bank": dict(player.bank),
            "bankOpen": world.window in ("bank", "deposit"),
            "nearby": {"npcs": npcs(world, _SIGHT), "objects": objects(world, _SIGHT)},
            "camera": dict(player.camera),
            "isMoving": player.walk is not None,
            "inCombat": world.fight is not None,
            "currentTab": player.tab,
            "combatLevel": world.combat_level(),
            "combatStyle": {"label": button, "trains": trains, "weapon": weapon(world)},
        },
        "dialogue": shown(world),
        "combat": status(world),
        "scenario": {
            "currentTask": running.line if running else "Idle",
            "running": running is not None,
            "progress": {"percentage": _share(world)},
        },
        "gravestone": {
            "active": (grave := world.grave_now()) is not None,
            "inDeathsDomain": False,
            "location": point(grave.tile) if grave else None,
            "items_count": len(grave.items) if grave else 0,
        },
        "interface": world.window,
        "tutorial": {"progress": 1000},
        "vars": {"varps": {"281": 1000, "29": world.quests.get("Cook's Assistant", 0)}, "varbits": {}},
        "active_loop": loop,
        "client": {"running": True, "paused": world.paused},
        "quests": dict(world.quests),
        "places": {name: point(tile) for name, tile in world.places.items()},
        "offers": [
            {"kind": o.kind, "item": o.item, "quantity": o.quantity, "price": o.price, "done": o.done}
            if o
            else None
            for o in world.offers
        ],
        "kills": dict(world.kills),
        "deaths": world.deaths,
    }


def _share(world: World) -> int:
    done, whole = world.progress.get("kills", 0), world.progress.get("max_kills") or 0
    return min(100 * done // whole, 100) if whole else 0
