"""The gravestone and taking back what lies there."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim.motion import walk
from enactor.sim.state import Activity, Handler, Refused, World, distance


def loot_grave(world: World) -> Activity:
    """Walk to one's gravestone within 15 tiles and take back what fits."""
    grave = world.grave_now()
    if grave is None or distance(world.tile(), grave.tile) > 15:
        raise Refused("NPC 'Grave' not found")
    if distance(world.tile(), grave.tile) > 1:
        yield from walk(world, grave.tile, within=1)
    if world.grave_now() is not grave:
        raise Refused("NPC 'Grave' not found")
    got, left = [], []
    for name, count in grave.items:
        fitted = world.player.pack.add(name, count)
        if fitted:
            got.append(name)
        if fitted < count:
            left.append((name, count - fitted))
    grave.items = left
    if not left:
        world.grave = None
    return {"message": f"Retrieved {len(got)} items", "success": True, "items_retrieved": got}


def cmd_loot(world: World, args: Sequence[str]) -> Activity:
    """LOOT_GRAVE."""
    return loot_grave(world)


HANDLERS: dict[str, Handler] = {"LOOT_GRAVE": cmd_loot}
