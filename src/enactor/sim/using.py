"""Using an item on another, on a creature, on scenery."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.carrying import mix, need
from enactor.sim.making import cooking, light, smithing
from enactor.sim.motion import walk
from enactor.sim.people import act, person
from enactor.sim.scenery import FILLED, act_on_thing, fill, smelt_anything, thing, walk_to
from enactor.sim.state import Activity, Handler, Refused, Result, World, distance


def cmd_item_on_item(world: World, args: Sequence[str]) -> Result | Activity:
    """USE_ITEM_ON_ITEM <item1> <item2>: quotes or underscores hold names together; parts of names match."""
    names = " ".join(args).replace('" "', "\n").replace('"', "").split("\n")
    first, second = names if len(names) == 2 else (args[0], "_".join(args[1:]))
    one, two = _partly(world, first), _partly(world, second)
    if facts.key(one) == facts.key(two) and world.player.pack.count(one) < 2:
        raise Refused(f"Item '{second}' not found in inventory")
    pair = {facts.key(one), facts.key(two)}
    if "tinderbox" in pair and (logs := next((n for n in (one, two) if facts.item(n).kind == "logs"), None)):
        return light(world, logs)
    made = mix(world, one, two)
    if made is None:
        raise Refused("Nothing interesting happens")
    return made


def _partly(world: World, text: str) -> str:
    held = world.player.pack.find(text)
    wanted = facts.key(text)
    return (
        held
        or next((n for n, _ in world.player.pack.items() if wanted and wanted in facts.key(n)), None)
        or need(world, text)
    )


def cmd_item_on_npc(world: World, args: Sequence[str]) -> Activity:
    """USE_ITEM_ON_NPC <item> <npc>."""
    name, npc = _partly(world, args[0]), person(world, "_".join(args[1:]))
    if "Milk" in npc.actions and facts.key(name) == "bucket":
        return act(world, npc, "Milk")
    if "Shear" in npc.actions and facts.key(name) == "shears":
        return act(world, npc, "Shear")
    return _offer(world, npc, name)


def _offer(world: World, npc: facts.Spawn, name: str) -> Activity:
    if distance(world.tile(), npc.tile) > 1:
        yield from walk(world, npc.tile, within=1)
    return {"message": f"Used {name} on {npc.name}: nothing interesting happens"}


def cmd_item_on_object(world: World, args: Sequence[str]) -> Activity:
    """USE_ITEM_ON_OBJECT <item> <object>: the object is the last word."""
    name = _partly(world, "_".join(args[:-1]))
    if facts.key(args[-1]) == "fire" and world.fires():
        return cooking(world, name)
    what = thing(world, args[-1])
    if what.kind in ("range", "fire"):
        return cooking(world, name, what.tile)
    if what.kind == "anvil":
        return smithing(world, name)
    if what.kind == "furnace":
        return smelt_anything(world)
    if what.kind in ("hopper", "bin", "spinning wheel"):
        return act_on_thing(world, what, what.actions[0])
    if what.kind == "water" and facts.key(name) in FILLED:
        return fill(world, facts.key(name))
    return walk_to(world, what, f"Used {name} on {what.name}: nothing interesting happens")


HANDLERS: dict[str, Handler] = {
    "USE_ITEM_ON_ITEM": cmd_item_on_item,
    "USE_ITEM_ON_NPC": cmd_item_on_npc,
    "USE_ITEM_ON_OBJECT": cmd_item_on_object,
}
