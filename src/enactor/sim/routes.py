"""Ways over stairs, ladders and trapdoors: from one floor, building or cave to another."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from heapq import heappop, heappush

from enactor.sim import facts
from enactor.sim.combat import disengage
from enactor.sim.motion import connected, unreachable, walk
from enactor.sim.state import Activity, Refused, Tile, World, distance

CLIMB_TICKS = 2
_CLIMB_COST = 6  # tiles that one walks in the time of a climb
_WAYS = ("up", "down", "top", "bottom")


@cache
def _climbs() -> tuple[tuple[facts.Thing, str, Tile], ...]:
    """(stairs, way, where one arrives), in the order of the map."""
    return tuple(
        (thing, way, (thing.data[way][0], thing.data[way][1], thing.data[way][2]))
        for thing in facts.things_of("stairs")
        for way in _WAYS
        if way in thing.data
    )


def barred(world: World, stairs: facts.Thing) -> str | None:
    """Why the player may not use the stairs: a level or a key is missing. None when nothing is."""
    for skill, level in stairs.data.get("needs", {}).items():
        if world.player.levels[skill] < level:
            return f"You need a {skill.capitalize()} level of {level} to enter"
    key = stairs.data.get("item")
    if key and not world.player.pack.find(key):
        return f"The door is locked: you need a {key}"
    return None


def route(world: World, target: Tile) -> list[tuple[facts.Thing, str]] | None:
    """The climbs on the shortest way to a tile, none when one can walk; None when no way leads there."""
    start = world.tile()
    if connected(start, target):
        return []
    queue: list[tuple[int, int, Tile, tuple[int, ...]]] = [(0, 0, start, ())]
    seen: set[Tile] = set()
    pushed = 0
    while queue:
        cost, _, here, taken = heappop(queue)
        if here in seen:
            continue
        seen.add(here)
        if connected(here, target):
            return [_climbs()[i][:2] for i in taken]
        for i, lands, far in _next(world, here):
            if lands not in seen:
                pushed += 1
                heappush(queue, (cost + far + _CLIMB_COST, pushed, lands, (*taken, i)))
    return None


def _next(world: World, here: Tile) -> Iterator[tuple[int, Tile, int]]:
    for i, (stairs, _, lands) in enumerate(_climbs()):
        if connected(here, stairs.tile) and barred(world, stairs) is None:
            yield i, lands, distance(here, stairs.tile)


def reachable(world: World, target: Tile) -> bool:
    """Does a way lead there, on foot and by stairs? Ships and teleports do not count."""
    return route(world, target) is not None


def climb(world: World, stairs: facts.Thing, way: str) -> Activity:
    """Walk to the stairs and take them `up`, `down`, to the `top` or the `bottom`."""
    reason = barred(world, stairs)
    if reason:
        raise Refused(reason)
    disengage(world)
    yield 1
    yield from walk(world, stairs.tile, within=1)
    yield CLIMB_TICKS
    x, y, plane = stairs.data[way]
    world.player.tile = (x, y, plane)
    world.window = world.talk = None
    return {"message": f"Took the {stairs.name.lower()}", "location": {"x": x, "y": y, "plane": plane}}


def travel(world: World, target: Tile, within: int = 0) -> Activity:
    """Go until `within` tiles of the target, by stairs where needed; `Refused` when no way leads there."""
    way = route(world, target)
    if way is None:
        raise unreachable(target)
    for stairs, direction in way:
        yield from climb(world, stairs, direction)
    yield from walk(world, target, within)
    return {"message": "Arrived"}
