"""Commands of combat: the kill loops, single attacks, combat style."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from enactor.sim import facts
from enactor.sim.banking import bank_trip
from enactor.sim.carrying import bury, eat_one, take_drops
from enactor.sim.combat import disengage, engage, leave_to_itself, style, swing, weapon
from enactor.sim.motion import nearest, walk
from enactor.sim.routes import reachable, travel
from enactor.sim.state import Activity, Handler, Refused, Result, Tile, World, distance

REACH = 64  # how far a loop looks for the first creature
DEFAULT_KILLS = 100
RUNES = ("Law rune", "Nature rune", "Fire rune", "Water rune")
_PEN: Tile = (3178, 3327, 0)


def find(world: World, name: str, reach: int = REACH) -> facts.Spawn:
    """The nearest creature of that name that can be attacked, or the plugin's error."""
    fight = world.fight
    if fight is not None and facts.key(fight.npc.name) == facts.key(name):
        return fight.npc
    spawns = [
        *facts.spawns_named(facts.key(name)),
        *(s for s in world.extra_spawns if facts.key(s.name) == facts.key(name)),
    ]
    npc = nearest(world, (s for s in spawns if not s.hidden), reach)
    if npc is None:
        if any(distance(world.tile(), s.tile) <= reach for s in spawns if not s.hidden):
            npc = min(
                (s for s in spawns if distance(world.tile(), s.tile) <= reach),
                key=lambda s: world.gone.get(s.uid, 0),
            )
        else:
            raise Refused(f"NPC '{name.replace('_', ' ')}' not found")
    return npc


def attackable(npc: facts.Spawn) -> facts.Spawn:
    """The same creature, unless it is one that cannot be fought."""
    if "Attack" not in npc.actions:
        raise Refused(f"Menu option not found: option='Attack', target='{npc.name}'")
    return npc


def slay(world: World, npc: facts.Spawn, safe: Callable[[], str | None]) -> Activity:
    """Walk to one creature and fight until it or the player is dead, or `safe` gives a reason to stop."""
    while not world.alive(npc):
        yield max(world.gone[npc.uid] - world.tick, 1)
    if distance(world.tile(), npc.tile) > 1 and world.fight is None:
        yield from walk(world, npc.tile, within=1)
    fight = world.fight if world.fight is not None else engage(world, npc)
    world.brawl = None
    while True:
        wait = min(fight.player_at, fight.npc_at) - world.tick
        if wait > 0:
            yield wait
        outcome = swing(world, fight)
        if outcome:
            return {"outcome": outcome, "npc": fight.npc}
        reason = safe()
        if reason:
            disengage(world)
            return {"outcome": "stopped", "reason": reason}


def _safety(world: World, food: str | None) -> Callable[[], str | None]:
    """Eat below 60 %; with food stop below 30 % (60 % once it is gone), with none at 50 % or less."""
    player = world.player

    def check() -> str | None:
        share = player.hp / player.levels["hitpoints"]
        if food is None:
            return "HP safety: at or below 50% and no food" if share <= 0.5 else None
        if share < 0.6:
            if not eat_one(world, food):
                return "HP safety: out of food"
            share = player.hp / player.levels["hitpoints"]
        return "HP safety: below 30%" if share < 0.3 else None

    return check


def kill_loop(
    world: World,
    name: str,
    food: str | None,
    cap: int,
    loot: Sequence[str] = RUNES,
    *,
    bank_when_full: bool = False,
) -> Activity:
    """Kill creatures of one name until `cap`. Refuses at once when none is near."""
    target = attackable(find(world, name))
    if not reachable(world, target.tile):
        raise Refused(f"NPC '{target.name}' not found")
    home = target.tile
    safe = _safety(world, food)
    reason = safe()
    if reason:
        raise Refused(reason)
    progress = world.progress
    progress.update(target=target.name, iteration=0, kills=0, max_kills=cap)
    yield 1
    while progress["kills"] < cap:
        progress["iteration"] += 1
        result = yield from slay(world, find(world, name, 60), safe)
        if result["outcome"] != "killed":
            return {"message": result.get("reason", "You died"), "kills": progress["kills"], "stopped": True}
        if result["npc"].name != target.name:
            continue  # something else had attacked first
        progress["kills"] += 1
        where = result["npc"].tile
        got = take_drops(world, where, (*loot, *_bones(world, where)))
        if got:
            yield got
        for bones in [n for n, _ in world.player.pack.items() if facts.item(n).kind == "bones"]:
            bury(world, bones)
            yield 2
        if bank_when_full and world.player.pack.free() == 0:
            yield from bank_trip(world, keep=lambda n: False)
            yield from travel(world, home, within=1)
        reason = safe()
        if reason:
            return {"message": reason, "kills": progress["kills"], "stopped": True}
    return {"message": f"Killed {progress['kills']} {target.name}", "kills": progress["kills"]}


def _bones(world: World, where: Tile) -> list[str]:
    return [d.name for d in world.drops if d.tile == where and facts.item(d.name).kind == "bones"]


def _cap(args: Sequence[str], default: int = DEFAULT_KILLS) -> int:
    for word in reversed(args):
        if word.lstrip("-").isdigit():
            return max(int(word), 0) or default
    return default


def cmd_kill_loop(world: World, args: Sequence[str]) -> Activity:
    """KILL_LOOP <npc> <food> [max_kills] [area]: positional, a number in the food slot is the food."""
    food = args[1] if len(args) > 1 else "none"
    cap = _cap(args[2:3])
    return kill_loop(world, args[0], None if food.lower() == "none" else food, cap)


def cmd_kill_loop_config(world: World, args: Sequence[str]) -> Activity:
    """KILL_LOOP_CONFIG <path>: the same from a JSON file."""
    path = Path(args[0])
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        name, cap, loot = (
            str(config["npc"]),
            int(config.get("kills", DEFAULT_KILLS)),
            list(config.get("loot_items", RUNES)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"Failed to read config {path}: {error}") from error
    return kill_loop(world, name, None, cap, loot)


def cmd_kill_cow(world: World, args: Sequence[str]) -> Activity:
    """KILL_COW [args]."""
    return kill_loop(world, "Cow", None, _cap(args))


def cmd_cowhides(world: World, args: Sequence[str]) -> Activity:
    """KILL_COW_GET_HIDES: kill cows, keep the hides, bank when full, without end."""
    if not any(distance(world.tile(), s.tile) <= REACH for s in facts.spawns_named("cow")):
        return _from_afar(world)
    return kill_loop(world, "Cow", None, 10**9, ("Cowhide",), bank_when_full=True)


def _from_afar(world: World) -> Activity:
    if not reachable(world, _PEN):
        raise Refused("UNREACHABLE: no path to the cow pen")
    yield from travel(world, _PEN, within=2)
    return (yield from kill_loop(world, "Cow", None, 10**9, ("Cowhide",), bank_when_full=True))


def cmd_imp_hunt(world: World, args: Sequence[str]) -> Activity:
    """IMP_HUNT [count]: kill imps and keep their beads."""
    beads = ("Black bead", "Red bead", "White bead", "Yellow bead")
    return kill_loop(world, "Imp", None, _cap(args, 10**9), beads)


def cmd_attack(world: World, args: Sequence[str]) -> Activity:
    """ATTACK_NPC <npc>: one attack; the fight then goes on by itself."""
    npc = attackable(find(world, " ".join(args), 15))
    if not world.alive(npc):
        raise Refused(f"NPC '{npc.name}' not found")
    disengage_other(world, npc)
    if distance(world.tile(), npc.tile) > 1:
        yield from walk(world, npc.tile, within=1)
    engage(world, npc)
    leave_to_itself(world)
    return {"message": f"Attacking {npc.name}"}


def disengage_other(world: World, npc: facts.Spawn) -> None:
    """Leave a fight with another creature than `npc`."""
    if world.fight is not None and world.fight.npc.uid != npc.uid:
        disengage(world)


def cmd_style(world: World, args: Sequence[str]) -> Result:
    """SWITCH_COMBAT_STYLE <label>: a button of the wielded weapon, by its label."""
    wanted = facts.key(" ".join(args))
    buttons = facts.buttons(weapon(world))
    for i, (label, _) in enumerate(buttons):
        if facts.key(label) == wanted:
            world.player.style = i
            world.player.tab = "combat"
            return {"message": f"Combat style set to {label}", "trains": style(world)[1]}
    raise Refused(
        f"'{' '.join(args)}' not found in group 593 (available: {', '.join(label for label, _ in buttons)})"
    )


HANDLERS: dict[str, Handler] = {
    "KILL_LOOP": cmd_kill_loop,
    "KILL_LOOP_CONFIG": cmd_kill_loop_config,
    "KILL_COW": cmd_kill_cow,
    "KILL_COW_GET_HIDES": cmd_cowhides,
    "IMP_HUNT": cmd_imp_hunt,
    "ATTACK_NPC": cmd_attack,
    "SWITCH_COMBAT_STYLE": cmd_style,
}
