"""Menu actions on creatures and people: talking, trading, shearing, sailing."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts, talk
from enactor.sim.carrying import need
from enactor.sim.combat import engage, leave_to_itself
from enactor.sim.gathering import fishing
from enactor.sim.grave import loot_grave
from enactor.sim.killing import attackable, disengage_other
from enactor.sim.magic import cast_at
from enactor.sim.motion import REACH, nearest, walk
from enactor.sim.shops import open_shop
from enactor.sim.state import Activity, Handler, Refused, World, distance

_FARES = {
    "captain tobias": (2954, 3146, 0),
    "seaman lorris": (2954, 3146, 0),
    "customs officer": (3029, 3217, 0),
}
_FARE = 30


def person(world: World, text: str, reach: int = REACH) -> facts.Spawn:
    """The nearest creature or person of that name in view, or the plugin's error."""
    wanted = facts.key(text)
    among = [*facts.spawns_named(wanted), *(s for s in world.extra_spawns if facts.key(s.name) == wanted)]
    coffin = any(t.uid in world.open for t in facts.things_of("coffin"))
    found = nearest(world, (s for s in among if coffin or not s.hidden), reach)
    if found is None:
        raise Refused(f"NPC '{text.replace('_', ' ')}' not found")
    return found


def act_on_npc(world: World, text: str, action: str) -> Activity:
    """One menu action on the nearest creature of that name; without an action, its first."""
    if facts.key(text) in ("grave", "gravestone"):
        return loot_grave(world)
    npc = person(world, text)
    chosen = next((a for a in npc.actions if facts.key(a) == facts.key(action or npc.actions[0])), None)
    if chosen is None:
        raise Refused(f"Menu option not found: option='{action.replace('_', ' ')}', target='{npc.name}'")
    if npc.methods:
        fish = _first_of_method(world, chosen, npc)
        return fishing(world, fish)
    return act(world, npc, chosen)


def _first_of_method(world: World, method: str, spot: facts.Spawn) -> str:
    river = "Lure" in spot.methods
    fits = [
        f
        for f, rate in facts.fish().values()
        if f.action == method and (method != "Bait" or rate.river == river)
    ]
    return min(fits, key=lambda f: f.level).name


def act(world: World, npc: facts.Spawn, action: str) -> Activity:
    if action == "Attack":
        attackable(npc)
        disengage_other(world, npc)
    if distance(world.tile(), npc.tile) > 1:
        yield from walk(world, npc.tile, within=1)
    if action == "Attack":
        engage(world, npc)
        leave_to_itself(world)
        return {"message": f"Attacking {npc.name}"}
    if action == "Talk-to":
        return talk.begin(world, npc)
    if action == "Trade":
        return open_shop(world, npc)
    if action in ("Bank", "Collect"):
        world.window = "bank"
        return {"message": "Bank opened"}
    if action == "Exchange" and npc.name == "Grand Exchange Clerk":
        world.window = "exchange"
        return {"message": "Grand Exchange opened"}
    if action in ("Travel", "Pay-fare", "Pay-Fare") and facts.key(npc.name) in _FARES:
        talk.sail(world, "Coins", _FARE, _FARES[facts.key(npc.name)])
        return {"message": f"Travelled with {npc.name}"}
    if action == "Shear":
        return (yield from _shear(world, npc))
    if action == "Milk":
        return (yield from _milk(world))
    if action == "Pickpocket":
        return (yield from _pickpocket(world, npc))
    return {"message": f"{action} {npc.name}"}


def _shear(world: World, npc: facts.Spawn) -> Activity:
    need(world, "Shears")
    if not world.player.pack.free():
        raise Refused("Inventory is full")
    yield 3
    world.give("Wool", 1, "sheared")
    world.gone[npc.uid] = world.tick + 50
    return {"message": "You get some wool"}


def _milk(world: World) -> Activity:
    need(world, "Bucket")
    yield 5
    if world.spend("Bucket", 1, "milked"):
        world.give("Bucket of milk", 1, "milked")
    return {"message": "You milk the cow"}


def _pickpocket(world: World, npc: facts.Spawn) -> Activity:
    yield 2
    if world.rng.random() < 0.4 + world.player.levels["thieving"] / 200:
        world.give("Coins", 3, "pickpocketed")
        world.gain("thieving", 80)
        return {"message": f"You pick the {npc.name.lower()}'s pocket"}
    world.player.hp = max(world.player.hp - 1, 1)
    yield 8
    raise Refused(f"You fail to pick the {npc.name.lower()}'s pocket")


def cmd_interact_npc(world: World, args: Sequence[str]) -> Activity:
    """INTERACT_NPC <npc> <action>: split at the first space."""
    return act_on_npc(world, args[0], " ".join(args[1:]))


def cmd_talk(world: World, args: Sequence[str]) -> Activity:
    """TALK_NPC <npc>."""
    return act_on_npc(world, "_".join(args), "Talk-to")


def cmd_click_npc(world: World, args: Sequence[str]) -> Activity:
    """CLICK_NPC <npc>: finishes a selected spell, otherwise attacks or talks as a left click does."""
    selected, world.player.selected = world.player.selected, None
    if selected and facts.key(selected) in facts.spells():
        return cast_at(world, facts.spells()[facts.key(selected)], "_".join(args))
    return act_on_npc(world, "_".join(args), "")


HANDLERS: dict[str, Handler] = {
    "INTERACT_NPC": cmd_interact_npc,
    "TALK_NPC": cmd_talk,
    "CLICK_NPC": cmd_click_npc,
}
