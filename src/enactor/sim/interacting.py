"""Menu actions on people and scenery, and using items on things."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enactor.sim import facts, talk
from enactor.sim.carrying import mix, need
from enactor.sim.combat import engage, leave_to_itself
from enactor.sim.gathering import chopping, fishing, mining
from enactor.sim.killing import attackable, disengage_other
from enactor.sim.making import cooking, light, smelting, smithing
from enactor.sim.motion import nearest, walk
from enactor.sim.moving import climb
from enactor.sim.shops import open_shop
from enactor.sim.state import Activity, Handler, Refused, Result, World, distance

REACH = 20
_FILLED = {"bucket": "Bucket of water", "jug": "Jug of water", "bowl": "Bowl of water"}
_FARES = {
    "captain tobias": (2954, 3146, 0),
    "seaman lorris": (2954, 3146, 0),
    "customs officer": (3029, 3217, 0),
}
_FARE = 30
_TOLL = 10
_WOOL_TICKS = 5


# -- people -----------------------------------------------------------------------------------------


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
    return _act(world, npc, chosen)


def _first_of_method(world: World, method: str, spot: facts.Spawn) -> str:
    river = "Lure" in spot.methods
    fits = [
        f
        for f, rate in facts.fish().values()
        if f.action == method and (method != "Bait" or rate.river == river)
    ]
    return min(fits, key=lambda f: f.level).name


def _act(world: World, npc: facts.Spawn, action: str) -> Activity:
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
    world.player.pack.add("Wool")
    world.gone[npc.uid] = world.tick + 50
    return {"message": "You get some wool"}


def _milk(world: World) -> Activity:
    need(world, "Bucket")
    yield 5
    if world.player.pack.remove("Bucket"):
        world.give("Bucket of milk")
    return {"message": "You milk the cow"}


def _pickpocket(world: World, npc: facts.Spawn) -> Activity:
    yield 2
    if world.rng.random() < 0.4 + world.player.levels["thieving"] / 200:
        world.give("Coins", 3)
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


# -- scenery ----------------------------------------------------------------------------------------


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
        return _walk_to(
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
        "furnace": lambda: _smelt_anything(world),
        "anvil": lambda: _smith_anything(world),
    }
    if what.kind in by_kind:
        return by_kind[what.kind]()
    return _use(world, what, chosen)


def _walk_to(world: World, what: facts.Thing, message: str) -> Activity:
    if distance(world.tile(), what.tile) > 1:
        yield from walk(world, what.tile, within=1)
    return {"message": message}


def _use(world: World, what: facts.Thing, action: str) -> Activity:
    kind, pack = what.kind, world.player.pack
    if kind == "door" and "toll" in facts.key(action):
        if pack.count("Coins") < _TOLL:
            raise Refused(f"You need {_TOLL} coins for the toll")
        pack.remove("Coins", _TOLL)
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
        pack.add(what.data["gives"])
        world.gone[what.uid] = world.tick + what.data["returns"]
        return {"message": f"You take {what.data['gives']}"}
    elif kind == "hopper":
        return _fill_hopper(world)
    elif kind == "controls":
        world.flour, world.hopper = world.flour + world.hopper, 0
    elif kind == "bin":
        return _empty_bin(world)
    elif kind == "water":
        return (yield from _fill(world))
    elif kind == "spinning wheel":
        return (yield from _spin(world))
    return {"message": f"{action} {what.name}"}


def _smelt_anything(world: World) -> Activity:
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
    world.player.pack.remove("Grain")
    world.hopper += 1
    return {"message": "You put the grain in the hopper"}


def _empty_bin(world: World) -> Result:
    need(world, "Pot")
    if not world.flour:
        raise Refused("The flour bin is empty")
    world.player.pack.remove("Pot")
    world.flour -= 1
    world.give("Pot of flour")
    return {"message": "You fill a pot with flour"}


def _fill(world: World, only: str | None = None) -> Activity:
    vessels = [only] if only else list(_FILLED)
    held = next((v for v in vessels if world.player.pack.find(v)), None)
    if held is None:
        raise Refused("You have nothing to fill")
    yield 2
    while world.player.pack.remove(held):
        world.give(_FILLED[held])
        yield 1
    return {"message": f"Filled {held}"}


def _spin(world: World) -> Activity:
    need(world, "Wool")
    made = 0
    while world.player.pack.find("Wool"):
        yield _WOOL_TICKS
        if world.player.pack.remove("Wool"):
            world.give("Ball of wool")
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


# -- items on things --------------------------------------------------------------------------------


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
        return _act(world, npc, "Milk")
    if "Shear" in npc.actions and facts.key(name) == "shears":
        return _act(world, npc, "Shear")
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
        return _smelt_anything(world)
    if what.kind in ("hopper", "bin", "spinning wheel"):
        return act_on_thing(world, what, what.actions[0])
    if what.kind == "water" and facts.key(name) in _FILLED:
        return _fill(world, facts.key(name))
    return _walk_to(world, what, f"Used {name} on {what.name}: nothing interesting happens")


# -- the grave --------------------------------------------------------------------------------------


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


HANDLERS: dict[str, Handler] = {
    "INTERACT_NPC": cmd_interact_npc,
    "TALK_NPC": cmd_talk,
    "INTERACT_OBJECT": cmd_interact_object,
    "USE_ITEM_ON_ITEM": cmd_item_on_item,
    "USE_ITEM_ON_NPC": cmd_item_on_npc,
    "USE_ITEM_ON_OBJECT": cmd_item_on_object,
    "LOOT_GRAVE": cmd_loot,
}
