"""Menu actions on scenery: doors, stairs, bushes, the mill, trees and rocks, ranges and furnaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enactor.sim import facts
from enactor.sim.carrying import need
from enactor.sim.gathering import chopping, mining
from enactor.sim.grave import loot_grave
from enactor.sim.making import cooking, smelting, smithing
from enactor.sim.motion import REACH, nearest, walk
from enactor.sim.moving import climb
from enactor.sim.state import Activity, Handler, Refused, Result, World, distance

FILLED = {"bucket": "Bucket of water", "jug": "Jug of water", "bowl": "Bowl of water"}
_TOLL = 10
_WOOL_TICKS = 5


def thing(world: World, text: str, at: tuple[int, int] | None = None) -> facts.Thing:
    """The nearest piece of scenery of that name in view (or nearest to `at`), or the plugin's error."""
    among = facts.things_named(facts.key(text))
    if at is not None:
        x, y = at
        near = [t for t in among if distance(world.tile(), t.tile) <= REACH and world.alive(t)]
        found = min(near, key=lambda t: max(abs(t.tile[0] - x), abs(t.tile[1] - y)), default=None)
    else:
        found = nearest(world, among, REACH)
    if found is None:
        raise Refused(f"Object '{text.replace('_', ' ')}' not found")
    return found


def act_on_thing(world: World, what: facts.Thing, action: str) -> Activity:
    """One menu action on a piece of scenery."""
    menu = ("Close",) if what.uid in world.open and what.kind == "door" else what.actions
    chosen = next((a for a in menu if facts.key(a) == facts.key(action)), None)
    if chosen is None and what.kind == "door" and facts.key(action) in ("open", "close"):
        return walk_to(
            world, what, f"{what.name} is already {'open' if what.uid in world.open else 'closed'}"
        )
    if chosen is None:
        raise Refused(f"Menu option not found: option='{action.replace('_', ' ')}', target='{what.name}'")
    if what.kind == "stairs" and chosen != "Open":
        return climb(world, what, chosen)
    by_kind: dict[str, Callable[[], Activity]] = {
        "tree": lambda: chopping(world, what.name),
        "rock": lambda: mining(world, what.name, 1),
        "range": lambda: cooking(world, where=what.tile),
        "fire": lambda: cooking(world, where=what.tile),
        "furnace": lambda: smelt_anything(world),
        "anvil": lambda: _smith_anything(world),
    }
    if what.kind in by_kind:
        return by_kind[what.kind]()
    return _use(world, what, chosen)


def walk_to(world: World, what: facts.Thing, message: str) -> Activity:
    if distance(world.tile(), what.tile) > 1:
        yield from walk(world, what.tile, within=1)
    return {"message": message}


def _use(world: World, what: facts.Thing, action: str) -> Activity:
    kind, pack = what.kind, world.player.pack
    if kind == "door" and "toll" in facts.key(action):
        if pack.count("Coins") < _TOLL:
            raise Refused(f"You need {_TOLL} coins for the toll")
        world.spend("Coins", _TOLL, "toll")
    if kind == "pick" and not pack.free() and not facts.stackable(what.data["gives"]):
        raise Refused("Inventory is full")
    if distance(world.tile(), what.tile) > 1:
        yield from walk(world, what.tile, within=1)
    if kind in ("bank", "deposit"):
        yield 2
        world.window = kind
        return {"message": "Bank opened" if kind == "bank" else "Deposit box opened"}
    if kind in ("door", "coffin"):
        if what.uid in world.open:
            world.open.discard(what.uid)
        else:
            world.open.add(what.uid)
    elif kind == "altar":
        yield 2
    elif kind == "pick":
        yield 2
        world.give(what.data["gives"], 1, "picked")
        world.gone[what.uid] = world.tick + what.data["returns"]
        return {"message": f"You take {what.data['gives']}"}
    elif kind == "hopper":
        return _fill_hopper(world)
    elif kind == "controls":
        world.flour, world.hopper = world.flour + world.hopper, 0
    elif kind == "bin":
        return _empty_bin(world)
    elif kind == "water":
        return (yield from fill(world))
    elif kind == "spinning wheel":
        return (yield from _spin(world))
    return {"message": f"{action} {what.name}"}


def smelt_anything(world: World) -> Activity:
    pack, level = world.player.pack, world.player.levels["smithing"]
    bars = [
        b
        for b in facts.bars().values()
        if b.level <= level and all(pack.count(o) >= n for o, n in b.ingredients)
    ]
    if not bars:
        raise Refused("You have no ore that you can smelt")
    return smelting(world, max(bars, key=lambda b: b.level), 28)


def _smith_anything(world: World) -> Activity:
    bar = next((n for n, _ in world.player.pack.items() if facts.item(n).kind == "bar"), None)
    if bar is None:
        raise Refused("You have no bars to smith")
    return smithing(world, bar)


def _fill_hopper(world: World) -> Result:
    need(world, "Grain")
    world.spend("Grain", 1, "milled")
    world.hopper += 1
    return {"message": "You put the grain in the hopper"}


def _empty_bin(world: World) -> Result:
    need(world, "Pot")
    if not world.flour:
        raise Refused("The flour bin is empty")
    world.spend("Pot", 1, "milled")
    world.flour -= 1
    world.give("Pot of flour", 1, "milled")
    return {"message": "You fill a pot with flour"}


def fill(world: World, only: str | None = None) -> Activity:
    vessels = [only] if only else list(FILLED)
    held = next((v for v in vessels if world.player.pack.find(v)), None)
    if held is None:
        raise Refused("You have nothing to fill")
    yield 2
    while world.spend(held, 1, "filled"):
        world.give(FILLED[held], 1, "filled")
        yield 1
    return {"message": f"Filled {held}"}


def _spin(world: World) -> Activity:
    need(world, "Wool")
    made = 0
    while world.player.pack.find("Wool"):
        yield _WOOL_TICKS
        if world.spend("Wool", 1, "spun"):
            world.give("Ball of wool", 1, "spun")
            world.gain("crafting", 25)
            made += 1
    return {"message": f"Spun {made} balls of wool", "count": made}


def cmd_interact_object(world: World, args: Sequence[str]) -> Activity:
    """INTERACT_OBJECT <object> <action> [x] [y]."""
    words, at = list(args), None
    if len(words) > 3 and words[-1].isdigit() and words[-2].isdigit():
        at = (int(words[-2]), int(words[-1]))
        del words[-2:]
    action = " ".join(words[1:])
    if facts.key(words[0]) in ("gravestone", "grave"):
        return loot_grave(world)
    if facts.key(words[0]) == "fire" and any(distance(world.tile(), t) <= REACH for t in world.fires()):
        return cooking(world)
    found = thing(world, words[0], at)
    if at is None:  # of equal names, take the nearest that has the action
        able = [
            t
            for t in facts.things_named(facts.key(words[0]))
            if any(facts.key(a) == facts.key(action) for a in t.actions)
        ]
        found = nearest(world, able, REACH) or found
    return act_on_thing(world, found, action)


HANDLERS: dict[str, Handler] = {"INTERACT_OBJECT": cmd_interact_object}
