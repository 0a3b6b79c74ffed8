"""Commands of the inventory: eat, bury, drop, pick up, use one item on another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enactor.sim import facts
from enactor.sim.motion import nearest, walk
from enactor.sim.state import Activity, Handler, Refused, Result, Tile, World, distance

PROTECTED = ("axe", "tinderbox", "pickaxe")  # endings of names that a bare DROP_ALL never drops
_SIGHT = 15


def need(world: World, name: str) -> str:
    """Display name of a held item, or the plugin's error."""
    held = world.player.pack.find(name)
    if held is None:
        raise Refused(f"Item '{name.replace('_', ' ')}' not found in inventory")
    return held


def has_tool(world: World, *names: str) -> str | None:
    """The first of the tools that is held or worn."""
    worn = {facts.key(n) for n, _ in world.player.equipment.values()}
    for name in names:
        if world.player.pack.find(name) or facts.key(name) in worn:
            return name
    return None


def eat_one(world: World, food: str | None = None) -> str | None:
    """Eat one piece (the named food, or the first edible thing); its name, or None when there is none."""
    pack, player = world.player.pack, world.player
    if food is None:
        name = next((n for n, _ in pack.items() if facts.item(n).heals > 0), None)
    else:
        name = pack.find(food)
    if name is None:
        return None
    world.spend(name, 1, "eaten")
    top = max(player.levels["hitpoints"], player.hp)
    player.hp = min(player.hp + facts.item(name).heals, top)
    if world.fight is not None:
        world.fight.player_at += 3  # eating delays the next swing by three ticks
    world.log(f"You eat the {name.lower()}.")
    return name


def bury(world: World, name: str) -> None:
    """Bury one of the bones."""
    world.spend(name, 1, "buried")
    world.gain("prayer", round(facts.item(name).xp * 10))


def take_drops(world: World, where: Tile, names: Sequence[str]) -> int:
    """Pick up what lies on or next to a tile and fits; returns the ticks that takes."""
    wanted, taken = {facts.key(n) for n in names}, 0
    for drop in [d for d in world.ground() if facts.key(d.name) in wanted and distance(d.tile, where) <= 1]:
        fitted = world.player.pack.add(drop.name, drop.quantity)
        drop.quantity -= fitted
        taken += 1 if fitted else 0
    world.drops = [d for d in world.drops if d.quantity > 0]
    return taken * 2


def cmd_eat(world: World, args: Sequence[str]) -> Result:
    """EAT [food]: always eats when called."""
    if args:
        name = need(world, "_".join(args))
        if facts.item(name).heals <= 0 and facts.item(name).kind not in ("food", "potion", "unknown"):
            raise Refused(f"Menu option not found: option='Eat', target='{name}'")
    eaten = eat_one(world, "_".join(args) or None)
    if eaten is None:
        raise Refused("No food in inventory")
    return {"message": f"Ate {eaten}", "health": world.player.hp}


def cmd_bury_item(world: World, args: Sequence[str]) -> Result:
    """BURY_ITEM <bone>."""
    name = _bone(world, "_".join(args))
    bury(world, name)
    return {"message": f"Buried {name}"}


def cmd_bury_all(world: World, args: Sequence[str]) -> Activity:
    """BURY_ALL [bone]: every bone whose name contains the word."""
    word = facts.key("_".join(args) or "bones")
    names = [
        n for n, _ in world.player.pack.items() if word in facts.key(n) and facts.item(n).kind == "bones"
    ]
    if not names:
        raise Refused("No bones found in inventory")
    for i, name in enumerate(names):
        if world.player.pack.find(name) is None:
            break
        bury(world, name)
        if i + 1 < len(names):
            yield 2
    return {"message": f"Buried {len(names)} bones", "count": len(names)}


def _bone(world: World, text: str) -> str:
    name = need(world, text)
    if facts.item(name).kind != "bones":
        raise Refused(f"Menu option not found: option='Bury', target='{name}'")
    return name


def cmd_drop_item(world: World, args: Sequence[str]) -> Result:
    """DROP_ITEM <item>: one slot of it."""
    name = need(world, "_".join(args))
    count = world.player.pack.count(name) if facts.stackable(name) else 1
    world.drop(name, world.player.pack.remove(name, count))
    return {"message": f"Dropped {name}"}


def cmd_drop_all(world: World, args: Sequence[str]) -> Activity:
    """DROP_ALL [item]: every copy of one item, or everything that is not protected."""
    pack = world.player.pack
    if args:
        names = [need(world, "_".join(args))]
    else:
        names = [n for n, _ in pack.items() if not facts.key(n).endswith(PROTECTED)]
        if not names:
            raise Refused("Nothing to drop")
    dropped = 0
    for name in names:
        while pack.find(name):
            count = pack.count(name) if facts.stackable(name) else 1
            world.drop(name, pack.remove(name, count))
            dropped += 1
            if dropped % 4 == 0:
                yield 1
    return {"message": f"Dropped {dropped} items", "count": dropped}


def cmd_pick_up(world: World, args: Sequence[str]) -> Activity:
    """PICK_UP_ITEM <item>: a dropped item or a permanent spawn; not scenery."""
    text = "_".join(args)
    wanted, here = facts.key(text), world.tile()
    piles = [d for d in world.ground() if facts.key(d.name) == wanted and distance(here, d.tile) <= _SIGHT]
    spawn = nearest(world, (s for s in facts.lying() if facts.key(s.name) == wanted), _SIGHT)
    if not piles and spawn is None:
        raise Refused(f"Ground item '{text.replace('_', ' ')}' not found")
    pile = min(piles, key=lambda d: distance(here, d.tile), default=None)
    name = pile.name if pile else spawn.name if spawn else text
    if world.player.pack.room(name) == 0:
        raise Refused("Inventory is full")
    if pile is not None:
        if distance(here, pile.tile) > 0:
            yield from walk(world, pile.tile)
        if pile not in world.ground():
            raise Refused(f"Ground item '{name}' not found")
        fitted = world.player.pack.add(pile.name, pile.quantity)
        pile.quantity -= fitted
        world.drops = [d for d in world.drops if d.quantity > 0]
        return {"message": f"Picked up {pile.name}", "quantity": fitted}
    assert spawn is not None
    if distance(here, spawn.tile) > 0:
        yield from walk(world, spawn.tile)
    world.give(spawn.name, 1, "found")
    world.gone[spawn.uid] = world.tick + spawn.returns
    return {"message": f"Picked up {spawn.name}", "quantity": 1}


def mix(world: World, first: str, second: str) -> Result | None:
    """Use one item on the other as `skills.yaml` says; None when nothing interesting happens."""
    pack, player = world.player.pack, world.player
    for rule in facts.read("skills.yaml")["mixing"]:
        pair = {facts.key(rule["a"]), facts.key(rule["b"])}
        if {facts.key(first), facts.key(second)} != pair:
            continue
        also: str | None = rule.get("also")
        if also and not pack.find(also):
            raise Refused(f"You need {also.lower()} to do that")
        skill: str | None = rule.get("skill")
        if skill and player.levels[skill] < rule["level"]:
            raise Refused(f"You need a {skill.capitalize()} level of {rule['level']} to do that")
        for side in ("a", "b"):
            if rule.get("keeps") != side:
                world.spend(rule[side], 1, "crafted")
        gives: list[Any] = rule["gives"]
        world.give(gives[0], gives[1] if len(gives) > 1 else 1, "crafted")
        for name in rule.get("leaves", ()):
            world.give(name, 1, "crafted")
        if skill:
            world.gain(skill, round(rule["xp"] * 10))
        return {"message": f"Made {gives[0]}"}
    return None


HANDLERS: dict[str, Handler] = {
    "EAT": cmd_eat,
    "BURY_ITEM": cmd_bury_item,
    "BURY_ALL": cmd_bury_all,
    "DROP_ITEM": cmd_drop_item,
    "DROP_ALL": cmd_drop_all,
    "PICK_UP_ITEM": cmd_pick_up,
}
