"""Cooking, lighting fires, smelting and smithing."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.banking import bank_name, bank_trip
from enactor.sim.carrying import has_tool, need
from enactor.sim.levels import gather_chance
from enactor.sim.motion import nearest, walk
from enactor.sim.routes import travel
from enactor.sim.state import Activity, Handler, Refused, Tile, World, distance
from enactor.world.catalogue import Bar

REACH = 30
_COOK_TICKS = 4
_SMELT_TICKS = 5
_FIRE_TICKS = 150  # a fire burns a minute and a half
_RANGE_BONUS = 10


def _stove(world: World) -> tuple[Tile, int]:
    """Where to cook, and how much better than a fire it is."""
    here = world.tile()
    places = [(distance(here, t.tile), t.tile, _RANGE_BONUS) for t in facts.things_of("range")]
    places += [(distance(here, t.tile), t.tile, 0) for t in facts.things_of("fire")]
    places += [(distance(here, t), t, 0) for t in world.fires()]
    far, tile, bonus = min(places)
    if far > REACH:
        raise Refused("No fire or range found nearby")
    return tile, bonus


def cooking(world: World, text: str = "", where: Tile | None = None) -> Activity:
    """Cook all raw food (of one kind) on the nearest range or fire."""
    pack, player = world.player.pack, world.player
    if text:
        kinds = [need(world, text)]
        if facts.item(kinds[0]).skill != "cooking":
            raise Refused(f"{kinds[0]} cannot be cooked")
    else:
        kinds = list(dict.fromkeys(n for n, _ in pack.items() if facts.item(n).kind == "raw food"))
        if not kinds:
            raise Refused("No raw food in inventory")
    able = [k for k in kinds if player.levels["cooking"] >= facts.item(k).level]
    if not able:
        raise Refused(f"You need a Cooking level of {facts.item(kinds[0]).level} to cook {kinds[0].lower()}")
    tile, bonus = (where, _RANGE_BONUS) if where is not None else _stove(world)
    yield 1
    yield from walk(world, tile, within=1)
    cooked = burnt = 0
    for kind in able:
        item, rate = facts.item(kind), facts.read("skills.yaml")["cooking"].get(facts.item(kind).name)
        while pack.find(kind):
            yield _COOK_TICKS
            if not world.spend(kind, 1, "cooked"):
                break
            level = player.levels["cooking"]
            if rate is None or world.rng.random() < gather_chance(
                rate["low"] + bonus, rate["high"] + bonus, level
            ):
                world.give(item.makes or item.name, 1, "cooked")
                world.gain("cooking", round(item.xp * 10))
                cooked += 1
            else:
                world.give(rate["burnt"], 1, "cooked")
                burnt += 1
            world.progress.update(cooked=cooked, burnt=burnt)
    return {"message": f"Cooked {cooked}, burnt {burnt}", "cooked": cooked, "burnt": burnt}


def cmd_cook(world: World, args: Sequence[str]) -> Activity:
    """COOK_ALL [raw_food]."""
    return cooking(world, "_".join(args))


def light(world: World, text: str) -> Activity:
    """Light one fire with a tinderbox; the player steps aside to the west."""
    if not has_tool(world, "Tinderbox"):
        raise Refused("No Tinderbox in inventory")
    name = need(world, text)
    logs = facts.item(name)
    if logs.kind != "logs":
        raise Refused(f"{name} cannot be lit")
    if world.player.levels["firemaking"] < logs.level:
        raise Refused(f"You need a Firemaking level of {logs.level} to light {name.lower()}")
    here = world.tile()
    if here in world.fires():
        raise Refused("You can't light a fire here")
    chance = gather_chance(65, 513, world.player.levels["firemaking"])
    yield 4
    while world.rng.random() >= chance:
        yield 4
    if not world.spend(name, 1, "lit"):
        raise Refused(f"Item '{name}' not found in inventory")
    world.burning[here] = world.tick + _FIRE_TICKS
    world.gain("firemaking", round(logs.xp * 10))
    world.player.tile = (here[0] - 1, here[1], here[2])
    return {"message": f"Lit {name}"}


def cmd_light(world: World, args: Sequence[str]) -> Activity:
    """LIGHT_FIRE [logs]."""
    return light(world, "_".join(args) or "Logs")


# -- metal ------------------------------------------------------------------------------------------


def _bar(text: str) -> Bar:
    bar = facts.bars().get(facts.key(text))
    if bar is None:
        raise Refused(f"Unknown bar: {text.replace('_', ' ')}")
    return bar


def _can_smelt(world: World, bar: Bar) -> None:
    if world.player.levels["smithing"] < bar.level:
        raise Refused(f"You need a Smithing level of {bar.level} to smelt {bar.name.lower()}")


def _has_ore(world: World, bar: Bar) -> bool:
    return all(world.player.pack.count(ore) >= n for ore, n in bar.ingredients)


def smelt_one(world: World, bar: Bar) -> bool:
    """Turn ores into one bar; half of the iron fails without a ring of forging."""
    for ore, n in bar.ingredients:
        world.spend(ore, n, "smelted")
    if bar.name == "Iron bar" and not has_tool(world, "Ring of forging") and world.rng.random() < 0.5:
        return False
    world.give(bar.name, 1, "smelted")
    world.gain("smithing", round(bar.xp * 10))
    return True


def smelting(world: World, bar: Bar, count: int) -> Activity:
    """Smelt up to `count` bars at the nearest furnace from what is carried."""
    _can_smelt(world, bar)
    furnace = nearest(world, facts.things_of("furnace"), REACH)
    if furnace is None:
        raise Refused("Object 'Furnace' not found")
    if not _has_ore(world, bar):
        needs = ", ".join(f"{n} {ore}" for ore, n in bar.ingredients)
        raise Refused(f"Missing ore for {bar.name}: needs {needs}")
    yield 1
    yield from walk(world, furnace.tile, within=1)
    made = tries = 0
    while tries < count and _has_ore(world, bar):
        yield _SMELT_TICKS
        if not _has_ore(world, bar):
            break
        made += smelt_one(world, bar)
        tries += 1
        world.progress["smelted"] = made
    return {"message": f"Smelted {made} {bar.name}", "count": made}


def cmd_smelt(world: World, args: Sequence[str]) -> Activity:
    """SMELT_BAR <bar> [quantity]."""
    words = [a for a in args if not a.isdigit()]
    numbers = [int(a) for a in args if a.isdigit()]
    return smelting(world, _bar("_".join(words)), numbers[0] if numbers else 28)


def cmd_smelt_bronze(world: World, args: Sequence[str]) -> Activity:
    """SMELT_BRONZE."""
    return smelting(world, _bar("bronze"), 28)


def cmd_bronze_bars(world: World, args: Sequence[str]) -> Activity:
    """SMELT_BRONZE_BARS <cycles>: fetch ores from the bank, smelt, bank the bars."""
    cycles, bar, pack, bank = int(args[0]), _bar("bronze"), world.player.pack, world.player.bank
    home = nearest(world, facts.things_of("furnace"), 150)
    if home is None:
        raise Refused("Object 'Furnace' not found")
    if not _has_ore(world, bar) and not all(bank_name(world, ore) for ore, _ in bar.ingredients):
        raise Refused("Missing ore for Bronze bar: neither carried nor in the bank")
    yield 1
    for done in range(cycles):
        if not _has_ore(world, bar):
            yield from bank_trip(world, keep=lambda n: False)
            for ore, _ in bar.ingredients:
                held = bank_name(world, ore)
                moved = pack.add(held, min(bank[held], 14)) if held else 0
                if held and moved:
                    bank[held] -= moved
                    if not bank[held]:
                        del bank[held]
            if not _has_ore(world, bar):
                return {"message": f"Out of ore after {done} cycles", "cycles": done}
            yield from travel(world, home.tile, within=1)
        yield from smelting(world, bar, 28)
        yield from bank_trip(world, keep=lambda n: False)
        world.progress["cycles"] = done + 1
    return {"message": f"Finished {cycles} cycles", "cycles": cycles}


def smithing(world: World, text: str, product: str | None = None) -> Activity:
    """Hammer bars at an anvil into the best thing they allow (or `product`), until they run out."""
    rules = facts.read("skills.yaml")["smithing"]
    metal = next((m for m, (bar, _, _) in rules["metals"].items() if facts.key(bar) == facts.key(text)), None)
    if metal is None:
        raise Refused(f"Nothing interesting happens with {text.replace('_', ' ')} on an anvil")
    bar, base, xp = rules["metals"][metal]
    if not has_tool(world, "Hammer"):
        raise Refused("No Hammer in inventory")
    level, held = world.player.levels["smithing"], world.player.pack.count(bar)
    forms = {f: v for f, v in rules["forms"].items() if base + v[0] <= level and v[1] <= held}
    forms = {f: v for f, v in forms.items() if product is None or facts.key(f) in facts.key(product)}
    if not forms:
        raise Refused(f"You need a Smithing level of {base + 1} and enough {bar}s")
    form, (_, bars) = max(forms.items(), key=lambda pair: pair[1])
    anvil = nearest(world, facts.things_of("anvil"), REACH)
    if anvil is None:
        raise Refused("Object 'Anvil' not found")
    yield 1
    yield from walk(world, anvil.tile, within=1)
    made = 0
    while world.player.pack.count(bar) >= bars:
        yield _SMELT_TICKS
        if world.player.pack.count(bar) < bars:
            break
        world.spend(bar, bars, "smithed")
        world.give(f"{metal} {form}", 1, "smithed")
        world.gain("smithing", round(xp * bars * 10))
        made += 1
    return {"message": f"Smithed {made} {metal} {form}", "count": made}


HANDLERS: dict[str, Handler] = {
    "COOK_ALL": cmd_cook,
    "LIGHT_FIRE": cmd_light,
    "SMELT_BAR": cmd_smelt,
    "SMELT_BRONZE": cmd_smelt_bronze,
    "SMELT_BRONZE_BARS": cmd_bronze_bars,
}
