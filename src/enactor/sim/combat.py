"""Fighting: swings, damage, experience, loot, death. The commands that use it are in `killing.py`.

Formulas: `levels.py`. A creature's attack and defence levels are taken as three quarters of its combat level,
because the world's table gives its combat level, hit points and largest hit only.
"""

from __future__ import annotations

from typing import Any

from enactor.sim import facts
from enactor.sim.levels import hit_chance, max_hit
from enactor.sim.state import GRAVE_TICKS, Activity, Fight, Grave, Tile, World, distance

RESPAWN: Tile = (3222, 3218, 0)
RESPAWN_TICKS = 50  # creatures are back after half a minute
NPC_SPEED = 4
KEPT_AT_DEATH = 3
_SHARED = ("attack", "strength", "defence")


def bonus(world: World, what: str) -> int:
    """Sum over the worn gear of `accuracy`, `strength` or `armour`."""
    return sum(getattr(facts.item(name), what) for name, _ in world.player.equipment.values())


def weapon(world: World) -> str | None:
    """Display name of the wielded weapon."""
    worn = world.player.equipment.get("weapon")
    return worn[0] if worn else None


def style(world: World) -> tuple[str, str]:
    """(button, what it trains) that is selected for the wielded weapon."""
    buttons = facts.buttons(weapon(world))
    return buttons[min(world.player.style, len(buttons) - 1)]


def weapon_speed(world: World) -> int:
    """Ticks between the player's swings."""
    name = weapon(world)
    return (facts.item(name).speed or 4) if name else 4


def hitpoints_of(world: World, npc: facts.Spawn) -> int:
    """Hit points that the creature has left."""
    return world.wounds.get(npc.uid, npc.hp)


def engage(world: World, npc: facts.Spawn, *, npc_first: bool = False) -> Fight:
    """Start a fight (or go on with the one under way with the same creature)."""
    if world.fight is not None and world.fight.npc.uid == npc.uid:
        return world.fight
    lead = 0 if npc_first else 2
    world.fight = Fight(npc, world.tick + 2 - lead, world.tick + lead + 1)
    world.brawl = None
    return world.fight


def disengage(world: World) -> None:
    """Leave the fight; the creature gives up."""
    world.fight = None
    world.brawl = None


def leave_to_itself(world: World) -> None:
    """The activity that drove the fight is over: let it go on by itself (both retaliate)."""
    if world.fight is not None and world.brawl is None:
        world.brawl = (world.tick, brawl(world))


def brawl(world: World) -> Activity:
    """A fight that nobody's command drives, until one is dead."""
    fight = world.fight
    while fight is not None and world.fight is fight:
        wait = min(fight.player_at, fight.npc_at) - world.tick
        if wait > 0:
            yield wait
        elif swing(world, fight):
            break
    return {}


def provoke(world: World) -> None:
    """An aggressive creature near, not too weak to dare, attacks."""
    if world.fight is not None:
        return
    for _, one in facts.around(world.tile(), 4):
        if (
            isinstance(one, facts.Spawn)
            and one.aggressive
            and world.alive(one)
            and world.combat_level() <= 2 * one.level
        ):
            engage(world, one, npc_first=True)
            leave_to_itself(world)
            world.log(f"{one.name} attacks you", "WARN")
            return


def swing(world: World, fight: Fight) -> str | None:
    """Do what is due at this tick. `killed`, `died` or None."""
    if fight.player_at <= world.tick:
        fight.player_at = world.tick + weapon_speed(world)
        if _player_hits(world, fight.npc):
            return "killed"
    if fight.npc_at <= world.tick:
        fight.npc_at = world.tick + NPC_SPEED
        if _npc_hits(world, fight.npc):
            return "died"
    return None


def damage(world: World, npc: facts.Spawn, points: int) -> bool:
    """Take hit points from a creature; True when that kills it (loot falls, it is back later)."""
    left = hitpoints_of(world, npc) - points
    if left > 0:
        world.wounds[npc.uid] = left
        return False
    world.wounds.pop(npc.uid, None)
    world.gone[npc.uid] = world.tick + RESPAWN_TICKS
    world.kills[npc.name] = world.kills.get(npc.name, 0) + 1
    if world.fight is not None and world.fight.npc.uid == npc.uid:
        disengage(world)
    for name in npc.always:
        world.spill(name, 1, "loot", npc.tile)
    for name, least, most, chance in facts.read("drops.yaml").get(npc.name, ()):
        if world.rng.random() * 1000 < chance:
            world.spill(name, world.rng.randint(least, most), "loot", npc.tile)
    return True


def reward(world: World, trains: str, points: int) -> None:
    """Experience for damage: 4 a point (1.33 each when shared) and 1.33 of hitpoints."""
    if trains == "shared":
        for skill in _SHARED:
            world.gain(skill, points * 40 // 3)
    elif trains == "long":
        world.gain("ranged", points * 20)
        world.gain("defence", points * 20)
    else:
        world.gain("ranged" if trains == "rapid" else trains if trains != "magic" else "attack", points * 40)
    world.gain("hitpoints", points * 40 // 3)


def _player_hits(world: World, npc: facts.Spawn) -> bool:
    levels = world.player.levels
    _, trains = style(world)
    far = trains in ("ranged", "rapid", "long")
    stance = {"attack": (3, 0), "strength": (0, 3), "shared": (1, 1)}.get(trains, (0, 0))
    roll = (levels["ranged" if far else "attack"] + 8 + stance[0]) * (bonus(world, "accuracy") + 64)
    if world.rng.random() >= hit_chance(roll, (npc.level * 3 // 4 + 9) * 64):
        return False
    power = levels["ranged" if far else "strength"] + 8 + stance[1]
    points = min(world.rng.randint(0, max_hit(power, bonus(world, "strength"))), hitpoints_of(world, npc))
    reward(world, trains, points)
    return damage(world, npc, points)


def _npc_hits(world: World, npc: facts.Spawn) -> bool:
    player = world.player
    stance = {"defence": 3, "shared": 1}.get(style(world)[1], 0)
    defence = (player.levels["defence"] + 8 + stance) * (bonus(world, "armour") + 64)
    if npc.max_hit and world.rng.random() < hit_chance((npc.level * 3 // 4 + 9) * 64, defence):
        player.hp -= min(world.rng.randint(0, npc.max_hit), player.hp)
        if player.hp <= 0:
            die(world)
            return True
    return False


def die(world: World) -> None:
    """Keep the three most valuable items, leave the rest at a gravestone, wake up in Lumbridge."""
    player, where = world.player, world.tile()
    carried: list[tuple[str, int]] = [*player.pack.items(), *player.equipment.values()]
    singles = sorted(
        ((facts.item(n).value, i) for i, (n, _) in enumerate(carried)), key=lambda p: (-p[0], p[1])
    )
    keep = {i for _, i in singles[:KEPT_AT_DEATH]}
    left: list[tuple[str, int]] = []
    player.pack.slots = [None] * len(player.pack.slots)
    player.equipment.clear()
    for i, (name, count) in enumerate(carried):
        kept = 1 if i in keep else 0
        player.pack.add(name, kept)
        if count > kept:
            left.append((name, count - kept))
    older = world.grave_now()
    if older is not None:  # it crumbles and its items lie there
        for name, count in older.items:
            world.drop(name, count, older.tile)
    world.grave = Grave(where, left, world.tick + GRAVE_TICKS) if left else None
    disengage(world)
    player.walk, player.tile = None, RESPAWN
    player.hp = player.levels["hitpoints"]
    world.window, world.talk, world.deaths = None, None, world.deaths + 1
    world.log("Oh dear, you are dead!", "WARN")


def status(world: World) -> dict[str, Any]:
    """The `combat` part of the state file."""
    if world.fight is None:
        return {"state": "IDLE", "target": None}
    return {
        "state": "FIGHTING",
        "target": world.fight.npc.name,
        "targetHealth": hitpoints_of(world, world.fight.npc),
    }


def near_enough(world: World, npc: facts.Spawn) -> bool:
    """Is the creature at arm's length?"""
    return distance(world.tile(), npc.tile) <= 1
