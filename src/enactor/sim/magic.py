"""Spells: teleports, combat spells, spells on items. Staffs stand for their runes."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.carrying import need
from enactor.sim.combat import RESPAWN, damage, disengage, engage, leave_to_itself, weapon
from enactor.sim.killing import attackable, find
from enactor.sim.making import smelt_one
from enactor.sim.motion import nearest, walk
from enactor.sim.state import CAPACITY, Activity, Handler, Refused, Result, World, distance
from enactor.world.catalogue import Spell

HOME_COOLDOWN = 3000  # half an hour
_CAST_TICKS = {"teleport": 5, "home": 17}
_WINE = "Wine of zamorak"


def spell_named(text: str) -> Spell:
    """The spell of that name, or the plugin's error."""
    spell = facts.spells().get(facts.key(text))
    if spell is None:
        raise Refused("Spell widget not found")
    return spell


def _endless(world: World) -> str:
    held = facts.key(weapon(world) or "")
    return next(
        (
            f"{element} rune"
            for element in ("air", "water", "earth", "fire")
            if "staff" in held and element in held
        ),
        "",
    )


def check(world: World, spell: Spell) -> None:
    """Refuse without the level or the runes."""
    if world.player.levels["magic"] < spell.level:
        raise Refused(f"You need a Magic level of {spell.level} to cast {spell.name}")
    for rune, n in spell.runes:
        if facts.key(rune) != _endless(world) and world.player.pack.count(rune) < n:
            raise Refused(f"You do not have enough {rune}s to cast {spell.name}")


def pay(world: World, spell: Spell) -> None:
    """Take the runes and give the experience of one cast."""
    check(world, spell)
    for rune, n in spell.runes:
        if facts.key(rune) != _endless(world):
            world.spend(rune, n, "cast")
    world.gain("magic", round(spell.xp * 10))


def teleport(world: World, spell: Spell) -> Activity:
    """Cast a teleport; the home one is free, slow, rests half an hour and fails in combat."""
    home = facts.key(spell.name) == "home teleport"
    if home and world.tick < world.home_teleport_at:
        raise Refused("Home Teleport is on cooldown")
    if home and world.fight is not None:
        raise Refused("You can't cast Home Teleport while in combat")
    check(world, spell)
    yield _CAST_TICKS["home" if home else "teleport"]
    if home and world.fight is not None:
        raise Refused("Home Teleport was interrupted by combat")
    pay(world, spell)
    if home:
        world.home_teleport_at = world.tick + HOME_COOLDOWN
    disengage(world)
    world.player.walk, world.player.tile = None, spell.lands or RESPAWN
    world.window = world.talk = None
    return {"message": f"Cast {spell.name}"}


def cmd_teleport(world: World, args: Sequence[str]) -> Activity:
    """TELEPORT <destination>."""
    where = facts.key(args[0])
    name = {"home": "home teleport", "house": "teleport to house"}.get(where, f"{where} teleport")
    if name not in facts.spells():
        raise Refused(f"Unknown teleport destination: {args[0]}")
    return teleport(world, facts.spells()[name])


def cmd_home(world: World, args: Sequence[str]) -> Activity:
    """TELEPORT_HOME."""
    return teleport(world, facts.spells()["home teleport"])


def cmd_cast(world: World, args: Sequence[str]) -> Activity:
    """CAST_SPELL <spell>: teleports; others need a target."""
    spell = spell_named("_".join(args))
    if spell.kind == "teleport":
        return teleport(world, spell)
    check(world, spell)
    if facts.key(spell.name) == "bones to bananas":
        return _bananas(world, spell)
    world.player.selected = spell.name
    return _done({"message": f"Selected {spell.name}"})


def _bananas(world: World, spell: Spell) -> Activity:
    """All plain and big bones held become bananas."""
    held = [name for name in ("Bones", "Big bones") if world.player.pack.find(name)]
    if not held:
        raise Refused("You aren't holding any bones!")
    yield 3
    pay(world, spell)
    made = 0
    for name in held:
        count = world.spend(name, CAPACITY, "cast")
        made += world.give("Banana", count, "cast")
    return {"message": f"Turned {made} bones into bananas", "count": made}


def _done(result: Result) -> Activity:
    return result
    yield 0  # makes this a generator: the command ends at once


def cmd_cast_npc(world: World, args: Sequence[str]) -> Activity:
    """CAST_SPELL_NPC <spell> <npc>."""
    return cast_at(world, spell_named(args[0]), "_".join(args[1:]))


def cast_at(world: World, spell: Spell, name: str) -> Activity:
    """One cast at a creature; the fight then goes on by itself."""
    if spell.kind not in ("combat", "curse"):
        raise Refused(f"{spell.name} cannot be cast on a creature")
    npc = attackable(find(world, name, 15))
    check(world, spell)
    if distance(world.tile(), npc.tile) > 8:
        yield from walk(world, npc.tile, within=8)
    pay(world, spell)
    points = (
        min(world.rng.randint(0, spell.max_hit), world.wounds.get(npc.uid, npc.hp)) if spell.max_hit else 0
    )
    world.gain("magic", points * 20)
    world.gain("hitpoints", points * 40 // 3)
    if not damage(world, npc, points):
        engage(world, npc, npc_first=True)
        leave_to_itself(world)
    return {"message": f"Cast {spell.name} on {npc.name}", "damage": points}


def cmd_cast_item(world: World, args: Sequence[str]) -> Activity:
    """CAST_SPELL_ON_INVENTORY_ITEM <spell> <item>: superheat, alchemy, enchanting."""
    spell, name = spell_named(args[0]), need(world, "_".join(args[1:]))
    check(world, spell)
    kind = facts.key(spell.name)
    if kind == "superheat item":
        bars = [
            b for b in facts.bars().values() if any(facts.key(o) == facts.key(name) for o, _ in b.ingredients)
        ]
        bars = [b for b in bars if all(world.player.pack.count(o) >= n for o, n in b.ingredients)]
        if not bars:
            raise Refused(f"You do not have the ores to superheat {name}")
        bar = max(bars, key=lambda b: b.level)
        if world.player.levels["smithing"] < bar.level:
            raise Refused(f"You need a Smithing level of {bar.level} to smelt {bar.name.lower()}")
        yield 4
        pay(world, spell)
        made = smelt_one(world, bar)
        return {"message": f"Superheated {bar.name}" if made else "The ore is too impure"}
    if kind.endswith("alchemy"):
        if facts.key(name) == "coins":
            raise Refused("You can't turn coins into coins")
        yield 4
        pay(world, spell)
        world.spend(name, 1, "alchemy")
        coins = facts.item(name).value * (6 if kind.startswith("high") else 4) // 10
        world.give("Coins", coins, "alchemy")
        return {"message": f"Turned {name} into {coins} coins"}
    if spell.kind != "item":
        raise Refused(f"{spell.name} cannot be cast on an item")
    made = facts.read("skills.yaml")["enchanting"].get(spell.name, {}).get(facts.item(name).name)
    if made is None:
        raise Refused(f"{spell.name} cannot be cast on {name}")
    yield 4
    pay(world, spell)
    if world.spend(name, 1, "cast"):
        world.give(made, 1, "cast")
    return {"message": f"Made {made}"}


def cmd_cast_ground(world: World, args: Sequence[str]) -> Activity:
    """CAST_SPELL_ON_GROUND_ITEM <spell> <item>."""
    spell = spell_named(args[0])
    if facts.key(spell.name) != "telekinetic grab":
        raise Refused(f"{spell.name} cannot be cast on an item on the ground")
    return telegrab(world, spell, "_".join(args[1:]))


def telegrab(world: World, spell: Spell, text: str) -> Activity:
    """Take one item from the ground within ten tiles."""
    check(world, spell)
    wanted = facts.key(text)
    pile = next(
        (d for d in world.ground() if facts.key(d.name) == wanted and distance(world.tile(), d.tile) <= 10),
        None,
    )
    spawn = nearest(world, (s for s in facts.lying() if facts.key(s.name) == wanted), 10)
    if pile is None and spawn is None:
        raise Refused(f"Ground item '{text.replace('_', ' ')}' not found")
    if world.player.pack.room(pile.name if pile else text) == 0:
        raise Refused("Inventory is full")
    yield 4
    pay(world, spell)
    if pile is not None:
        pile.quantity -= world.player.pack.add(pile.name, pile.quantity)
        world.drops = [d for d in world.drops if d.quantity > 0]
    elif spawn is not None and world.alive(spawn):
        world.give(spawn.name, 1, "found")
        world.gone[spawn.uid] = world.tick + spawn.returns
    return {"message": f"Telegrabbed {pile.name if pile else text.replace('_', ' ')}"}


def cmd_wine(world: World, args: Sequence[str]) -> Activity:
    """TELEGRAB_WINE_LOOP: until full or out of runes."""
    spell, taken = spell_named("Telekinetic Grab"), 0
    check(world, spell)
    spawns = [s for s in facts.lying() if s.name == _WINE]
    if not any(distance(world.tile(), s.tile) <= 10 for s in spawns):
        raise Refused(f"Ground item '{_WINE}' not found")
    yield 1
    while world.player.pack.free():
        if nearest(world, spawns, 10) is None:
            yield 5
            continue
        yield from telegrab(world, spell, _WINE)
        taken += 1
        world.progress["taken"] = taken
    return {"message": "Inventory is full", "taken": taken}


HANDLERS: dict[str, Handler] = {
    "TELEPORT": cmd_teleport,
    "TELEPORT_HOME": cmd_home,
    "CAST_SPELL": cmd_cast,
    "CAST_SPELL_NPC": cmd_cast_npc,
    "CAST_SPELL_ON_INVENTORY_ITEM": cmd_cast_item,
    "CAST_SPELL_ON_GROUND_ITEM": cmd_cast_ground,
    "TELEGRAB_WINE_LOOP": cmd_wine,
}
