"""Commands that only read. They never interrupt what runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enactor.sim import facts
from enactor.sim.snapshot import npcs, objects, point
from enactor.sim.state import Handler, Refused, Result, Tile, World, distance

_FAR = 30


def _where(tile: Tile) -> str:
    return f"WorldPoint(x={tile[0]}, y={tile[1]}, plane={tile[2]})"


def _radius(args: Sequence[str], default: int = 15) -> int:
    return min(int(args[-1]), 100) if args and args[-1].isdigit() else default


def cmd_npcs(world: World, args: Sequence[str]) -> Result:
    """QUERY_NPCS."""
    return {"npcs": [_strung(n) for n in npcs(world, _FAR)]}


def _strung(row: dict[str, Any]) -> dict[str, Any]:
    place = row["location"]
    return {**row, "location": _where((place["x"], place["y"], place["plane"]))}


def cmd_ground(world: World, args: Sequence[str]) -> Result:
    """QUERY_GROUND_ITEMS."""
    here = world.tile()
    piles = [(distance(here, d.tile), d.name, d.quantity, d.tile) for d in world.ground()]
    piles += [(distance(here, s.tile), s.name, 1, s.tile) for s in facts.lying() if world.alive(s)]
    near = sorted(p for p in piles if p[0] <= _FAR)
    return {
        "ground_items": [
            {"name": n, "quantity": q, "distance": far, "location": _where(t)} for far, n, q, t in near
        ]
    }


def cmd_inventory(world: World, args: Sequence[str]) -> Result:
    """QUERY_INVENTORY."""
    pack = world.player.pack
    return {
        "items": [{"name": n, "quantity": q} for n, q in pack.items()],
        "used": pack.used(),
        "capacity": len(pack.slots),
    }


def cmd_equipment(world: World, args: Sequence[str]) -> Result:
    """QUERY_EQUIPMENT, EQUIPMENT_LOG."""
    worn = {slot: {"name": name, "quantity": n} for slot, (name, n) in world.player.equipment.items()}
    return {"equipment": worn}


def cmd_players(world: World, args: Sequence[str]) -> Result:
    """QUERY_PLAYERS: one is alone here."""
    return {"players": []}


def cmd_transitions(world: World, args: Sequence[str]) -> Result:
    """QUERY_TRANSITIONS [radius]."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    nearest = []
    for far, one in facts.around(world.tile(), _radius(args)):
        if isinstance(one, facts.Thing) and one.kind in ("door", "stairs"):
            state = "open" if one.uid in world.open else "closed" if one.kind == "door" else None
            row = {"name": one.name, "state": state, "distance": far, **point(one.tile)}
            kinds.setdefault(one.kind, []).append(row)
            nearest.append(row)
    return {
        "player_location": point(world.tile()),
        "nearest": nearest[:5],
        "transitions": kinds,
        "summary": {kind: len(rows) for kind, rows in kinds.items()},
        "total_count": len(nearest),
    }


def cmd_scan_objects(world: World, args: Sequence[str]) -> Result:
    """SCAN_OBJECTS [object]."""
    wanted = facts.key("_".join(args))
    return {"objects": [o for o in objects(world, _FAR) if not wanted or facts.key(o["name"]) == wanted]}


def cmd_list_objects(world: World, args: Sequence[str]) -> Result:
    """LIST_OBJECTS [radius]: leaves doors out, as the plugin does."""
    return {"objects": objects(world, _radius(args), doors=False)}


def cmd_tile_objects(world: World, args: Sequence[str]) -> Result:
    """SCAN_TILEOBJECTS <object> [distance]: scenery and items on the ground by name."""
    words = list(args[:-1] if len(args) > 1 and args[-1].isdigit() else args)
    wanted, radius = facts.key("_".join(words)), _radius(args[1:])
    found: list[dict[str, Any]] = [
        {"name": o["name"], "type": "GameObject", "distance": o["distance"], **o["location"]}
        for o in objects(world, radius)
        if wanted in facts.key(o["name"])
    ]
    here = world.tile()
    for name, tile in [(d.name, d.tile) for d in world.ground()] + [
        (s.name, s.tile) for s in facts.lying() if world.alive(s)
    ]:
        if wanted in facts.key(name) and (far := distance(here, tile)) <= radius:
            found.append({"name": name, "type": "GroundItem", "distance": far, **point(tile)})
    for row in found:
        row["location"] = _where((row["x"], row["y"], row["plane"]))
    return {"count": len(found), "objects": sorted(found, key=lambda r: (r["distance"], r["name"]))}


def cmd_find_npc(world: World, args: Sequence[str]) -> Result:
    """FIND_NPC <npc>."""
    wanted = facts.key("_".join(args))
    for row in npcs(world, _FAR):
        if facts.key(row["name"]) == wanted:
            return {"found": True, "npc": _strung(row)}
    raise Refused(f"NPC '{' '.join(args).replace('_', ' ')}' not found")


def cmd_find_object(world: World, args: Sequence[str]) -> Result:
    """FIND_OBJECT <object>."""
    wanted = facts.key("_".join(args))
    for row in objects(world, _FAR):
        if facts.key(row["name"]) == wanted:
            return {"found": True, "object": row}
    raise Refused(f"Object '{' '.join(args).replace('_', ' ')}' not found")


def cmd_find_grave(world: World, args: Sequence[str]) -> Result:
    """FIND_GRAVE."""
    grave = world.grave_now()
    if grave is None:
        return {"found": False}
    return {"found": True, "location": point(grave.tile), "distance": distance(world.tile(), grave.tile)}


def cmd_game_state(world: World, args: Sequence[str]) -> Result:
    """GET_GAME_STATE: the connection, not the player."""
    return {
        "gameState": "LOGGED_IN",
        "status": "LOGGED_IN",
        "isConnected": True,
        "canSendCommands": True,
        "hasLocalPlayer": True,
    }


def cmd_quests(world: World, args: Sequence[str]) -> Result:
    """GET_QUEST_STATUS <filter>."""
    word = facts.key("_".join(args) or "all").replace(" ", "_")
    rows = []
    for name, done in facts.read("quests.yaml").items():
        stage = world.quests.get(name, 0)
        status = "finished" if stage >= done else "in_progress" if stage else "not_started"
        rows.append({"name": name, "status": status, "f2p": True})
    shown = {
        "all": rows,
        "f2p": rows,
        "p2p": [],
        "completed": [r for r in rows if r["status"] == "finished"],
        "in_progress": [r for r in rows if r["status"] == "in_progress"],
        "not_started": [r for r in rows if r["status"] == "not_started"],
    }
    chosen = shown.get(word)
    if chosen is None:
        chosen = [r for r in rows if word.replace("_", " ") in facts.key(str(r["name"]))]
    finished = sum(r["status"] == "finished" for r in rows)
    return {"quests": chosen, "summary": {"completed": finished, "total": len(rows)}}


def cmd_locations(world: World, args: Sequence[str]) -> Result:
    """GET_LOCATIONS."""
    return {"locations": {name: point(tile) for name, tile in world.places.items()}}


def cmd_hp(world: World, args: Sequence[str]) -> Result:
    """CHECK_HP_THRESHOLD <percent>."""
    percent = int(args[0].rstrip("%")) if args and args[0].rstrip("%").isdigit() else 50
    share = 100 * world.player.hp / world.player.levels["hitpoints"]
    return {"above": share > percent, "percent": round(share), "threshold": percent}


def cmd_wiki(world: World, args: Sequence[str]) -> Result:
    """WIKI_QUERY <query>: what the tables know of a creature or an item."""
    text = "_".join(args)
    row = facts.creatures().get(facts.key(text))
    if row:
        return {"title": row.name, "combatLevel": row.level, "hitpoints": row.hitpoints}
    if facts.known_item(text):
        item = facts.item(text)
        return {"title": item.name, "kind": item.kind, "value": item.value, "heals": item.heals}
    raise Refused(f"No wiki page found for '{text.replace('_', ' ')}'")


def cmd_ping(world: World, args: Sequence[str]) -> Result:
    """PING [text]."""
    return {"message": " ".join(args) or "pong"}


HANDLERS: dict[str, Handler] = {
    "QUERY_NPCS": cmd_npcs,
    "QUERY_GROUND_ITEMS": cmd_ground,
    "QUERY_INVENTORY": cmd_inventory,
    "QUERY_EQUIPMENT": cmd_equipment,
    "EQUIPMENT_LOG": cmd_equipment,
    "QUERY_PLAYERS": cmd_players,
    "QUERY_TRANSITIONS": cmd_transitions,
    "SCAN_OBJECTS": cmd_scan_objects,
    "LIST_OBJECTS": cmd_list_objects,
    "SCAN_TILEOBJECTS": cmd_tile_objects,
    "FIND_NPC": cmd_find_npc,
    "FIND_OBJECT": cmd_find_object,
    "FIND_GRAVE": cmd_find_grave,
    "GET_GAME_STATE": cmd_game_state,
    "GET_QUEST_STATUS": cmd_quests,
    "GET_LOCATIONS": cmd_locations,
    "CHECK_HP_THRESHOLD": cmd_hp,
    "WIKI_QUERY": cmd_wiki,
    "PING": cmd_ping,
}
