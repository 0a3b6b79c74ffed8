"""Fishing, woodcutting and mining: until the inventory is full, dropping, or banking in a loop."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.banking import bank_trip
from enactor.sim.carrying import has_tool
from enactor.sim.levels import gather_chance
from enactor.sim.motion import nearest, walk
from enactor.sim.routes import travel
from enactor.sim.state import Activity, Handler, Refused, World, distance
from enactor.world.catalogue import Fish

REACH = 40  # how far the plugin's scene shows spots, trees and rocks
_METALS = ("Rune", "Adamant", "Mithril", "Black", "Steel", "Iron", "Bronze")
_FISH_TICKS = 5
_CHOP_TICKS = 4
_DEFAULT_FISH = ("Net", "Bait", "Lure", "Cage", "Harpoon")
_DRAYNOR = (3086, 3228, 0)
_SWAMP_MINE = (3227, 3147, 0)


def _require(world: World, skill: str, level: int, verb: str) -> None:
    if world.player.levels[skill] < level:
        raise Refused(f"You need a {skill.capitalize()} level of {level} to {verb}")


def _best_tool(world: World, kind: str, skill: str) -> str:
    """Metal of the best axe or pickaxe at hand that the level allows, or the plugin's error."""
    tools = facts.read("skills.yaml")["tools"]
    for metal in _METALS:
        if has_tool(world, f"{metal} {kind}") and world.player.levels[skill] >= tools[metal]["level"]:
            return metal
    raise Refused(f"No {kind} in inventory or equipped")


# -- fishing ----------------------------------------------------------------------------------------


def _spot(world: World, method: str, river: bool | None) -> facts.Spawn | None:
    spots = (s for s in facts.spawns_named("fishing spot") if method in s.methods)
    return nearest(world, (s for s in spots if river is None or ("Lure" in s.methods) == river), REACH)


def _catch(world: World, text: str) -> tuple[Fish, facts.Rate]:
    """What is to be caught. Without a name: the first for which there is a spot and a tool."""
    known = facts.fish()
    if text:
        entry = known.get(facts.key(text)) or known.get(f"raw {facts.key(text)}")
        if entry is None:
            raise Refused(f"Unknown fish: {text.replace('_', ' ')}")
        return entry
    choices = [
        e
        for e in known.values()
        if has_tool(world, e[0].tool) and _spot(world, e[0].action, e[1].river or None)
    ]
    choices = [e for e in choices if world.player.levels["fishing"] >= e[0].level] or list(known.values())[:1]
    return choices[0]


def _can_fish(world: World, fish: Fish) -> None:
    if not has_tool(world, fish.tool):
        raise Refused(f"No {fish.tool} in inventory")
    if fish.bait and not world.player.pack.find(fish.bait):
        raise Refused(f"No {fish.bait} in inventory")
    _require(world, "fishing", fish.level, f"catch {fish.name}")


def fishing(world: World, text: str, *, drop: bool = False) -> Activity:
    """Fish at the nearest fitting spot until full (or without end when the catch is dropped)."""
    fish, rate = _catch(world, text)
    _can_fish(world, fish)
    spot = _spot(world, fish.action, rate.river if fish.action == "Bait" else None)
    if spot is None:
        raise Refused("NPC 'Fishing spot' not found")
    if world.player.pack.free() == 0 and not drop:
        raise Refused("Inventory is full")
    return _fish_at(world, spot, fish, drop)


def _fish_at(world: World, spot: facts.Spawn, fish: Fish, drop: bool) -> Activity:
    """Everything that this spot, method and level offer is rolled for, the highest level first."""
    yield 1
    if distance(world.tile(), spot.tile) > 1:
        yield from walk(world, spot.tile, within=1)
    river, pack, caught = "Lure" in spot.methods, world.player.pack, 0
    same = {
        f.item: (f, r)
        for f, r in facts.fish().values()
        if f.action == fish.action and r.river == (river and bool(f.bait))
    }
    ladder = sorted(same.values(), key=lambda pair: -pair[0].level)
    while drop or pack.free():
        if fish.bait and not pack.find(fish.bait):
            raise Refused(f"No {fish.bait} in inventory")
        yield _FISH_TICKS
        level = world.player.levels["fishing"]
        for kind, rate in ladder:
            if level >= kind.level and world.rng.random() < gather_chance(rate.low, rate.high, level):
                if kind.bait:
                    world.spend(kind.bait, 1, "bait")
                world.gain("fishing", round(kind.xp * 10))
                caught += 1
                (world.spill if drop else world.give)(kind.item, 1, "fished")
                break
        world.progress["caught"] = caught
    return {"message": "Inventory is full", "inventory_full": True, "caught": caught}


def cmd_fish(world: World, args: Sequence[str]) -> Activity:
    """FISH [fish]."""
    return fishing(world, "_".join(args))


def cmd_fish_drop(world: World, args: Sequence[str]) -> Activity:
    """FISH_DROP <fish>."""
    return fishing(world, "_".join(args), drop=True)


def cmd_draynor(world: World, args: Sequence[str]) -> Activity:
    """FISH_DRAYNOR_LOOP [target_level]: the argument is a level, not a count of trips."""
    goal = int(args[0]) if args else 10**9
    fish, _ = facts.fish()["shrimp"]
    _can_fish(world, fish)
    yield 1
    while world.player.levels["fishing"] < goal:
        spot = min(
            (s for s in facts.spawns_named("fishing spot") if "Net" in s.methods),
            key=lambda s: (distance(_DRAYNOR, s.tile), s.uid),
        )
        yield from travel(world, spot.tile, within=1)
        trip = _fish_at(world, spot, fish, False)
        for wait in trip:
            yield wait
            if world.player.levels["fishing"] >= goal:
                break
        else:
            yield from bank_trip(world, keep=lambda n: facts.key(n) == facts.key(fish.tool))
            if world.player.pack.free() == 0:
                raise Refused("Inventory is full")
    return {"message": f"Reached Fishing level {world.player.levels['fishing']}"}


# -- woodcutting ------------------------------------------------------------------------------------


def chopping(world: World, text: str, *, drop: bool = False) -> Activity:
    """Chop the nearest tree of a kind, and the next when it falls, until full."""
    metal = _best_tool(world, "axe", "woodcutting")
    name = facts.key(text) or "tree"
    entry = facts.trees().get(name) or facts.trees().get(f"{name} tree")
    if entry is None:
        raise Refused(f"Object '{text.replace('_', ' ')}' not found")
    tree, rate = entry
    _require(world, "woodcutting", tree.level, f"chop {tree.name.lower()}")
    names = ("tree", "dead tree") if tree.name == "Tree" else (facts.key(tree.name),)
    trees = [t for n in names for t in facts.things_named(n)]
    if not any(distance(world.tile(), t.tile) <= REACH for t in trees):
        raise Refused(f"Object '{tree.name}' not found")
    pack, chopped = world.player.pack, 0
    if not pack.free() and not drop:
        raise Refused("Inventory is full")
    gain = 1 + facts.read("skills.yaml")["tools"][metal]["bonus"] / 100
    yield 1
    while drop or pack.free():
        target = nearest(world, trees, REACH)
        if target is None:
            yield 5
            continue
        if distance(world.tile(), target.tile) > 1:
            yield from walk(world, target.tile, within=1)
        while (drop or pack.free()) and world.alive(target):
            yield _CHOP_TICKS
            level = world.player.levels["woodcutting"]
            if world.rng.random() >= gather_chance(round(rate.low * gain), round(rate.high * gain), level):
                continue
            world.gain("woodcutting", round(tree.xp * 10))
            chopped += 1
            (world.spill if drop else world.give)(tree.logs, 1, "chopped")
            if world.rng.random() * rate.yields < 1:
                world.gone[target.uid] = world.tick + rate.returns
        world.progress["chopped"] = chopped
    return {"message": "Inventory is full", "inventory_full": True, "chopped": chopped}


def cmd_chop(world: World, args: Sequence[str]) -> Activity:
    """CHOP_TREE [tree]."""
    return chopping(world, "_".join(args))


def cmd_power_chop(world: World, args: Sequence[str]) -> Activity:
    """POWER_CHOP <tree>."""
    return chopping(world, "_".join(args), drop=True)


# -- mining -----------------------------------------------------------------------------------------


def mining(world: World, text: str, count: int = -1, *, drop: bool = False) -> Activity:
    """Mine the nearest rocks of an ore until `count` (-1: none), full, or without end when dropping."""
    metal = _best_tool(world, "pickaxe", "mining")
    entry = facts.rocks().get(facts.key(text))
    if entry is None:
        raise Refused(f"Unknown ore: {text.replace('_', ' ')}")
    ore, rate = entry
    _require(world, "mining", ore.level, f"mine {ore.name.lower()}")
    rocks = facts.things_named(facts.key(ore.rocks))
    if not any(distance(world.tile(), r.tile) <= REACH for r in rocks):
        raise Refused(f"Object '{ore.rocks}' not found")
    pack, mined = world.player.pack, 0
    if not pack.free() and not drop:
        raise Refused("Inventory is full")
    ticks = facts.read("skills.yaml")["tools"][metal]["ticks"]
    yield 1
    while (drop or pack.free()) and mined != count:
        target = nearest(world, rocks, REACH)
        if target is None:
            yield 2
            continue
        if distance(world.tile(), target.tile) > 1:
            yield from walk(world, target.tile, within=1)
        while world.alive(target):
            yield ticks
            if world.rng.random() < gather_chance(rate.low, rate.high, world.player.levels["mining"]):
                world.gone[target.uid] = world.tick + rate.returns
                world.gain("mining", round(ore.xp * 10))
                mined += 1
                (world.spill if drop else world.give)(ore.item, 1, "mined")
        world.progress["mined"] = mined
    full = pack.free() == 0
    return {
        "message": "Inventory is full" if full and mined != count else f"Mined {mined} {ore.item}",
        "target_count": count,
        "target_reached": mined == count,
        "inventory_full": full,
    }


def cmd_mine(world: World, args: Sequence[str]) -> Activity:
    """MINE_ORE <ore> [count]."""
    words = list(args)
    count = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else -1
    return mining(world, "_".join(words), count or -1)


def cmd_power_mine(world: World, args: Sequence[str]) -> Activity:
    """POWER_MINE <ore>."""
    return mining(world, "_".join(args), drop=True)


def cmd_tin_copper(world: World, args: Sequence[str]) -> Activity:
    """COLLECT_LUMBRIDGE_TIN_COPPER: half an inventory of each, banked, without end."""
    _best_tool(world, "pickaxe", "mining")
    yield 1
    while True:
        yield from travel(world, _SWAMP_MINE, within=3)
        for ore, share in (("tin", 2), ("copper", 1)):
            if amount := world.player.pack.free() // share:
                yield from mining(world, ore, amount)
        yield from bank_trip(world, keep=lambda n: facts.key(n).endswith("pickaxe"))
        if world.player.pack.free() == 0:
            raise Refused("Inventory is full")


HANDLERS: dict[str, Handler] = {
    "FISH": cmd_fish,
    "FISH_DROP": cmd_fish_drop,
    "FISH_DRAYNOR_LOOP": cmd_draynor,
    "CHOP_TREE": cmd_chop,
    "POWER_CHOP": cmd_power_chop,
    "MINE_ORE": cmd_mine,
    "POWER_MINE": cmd_power_mine,
    "COLLECT_LUMBRIDGE_TIN_COPPER": cmd_tin_copper,
}
