"""Walking: straight over open ground, two tiles a tick, within one floor of one island, building or cave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from enactor.sim import facts
from enactor.sim.combat import provoke
from enactor.sim.state import Activity, Refused, Tile, Walk, World, distance

T = TypeVar("T", facts.Spawn, facts.Thing, facts.Lying)
TILES_PER_TICK = 2
REACH = 20  # how far the menu actions look for a creature or a thing
_LEG = 16  # tiles between two looks around for aggressive creatures
_BUILDING = 25  # tiles: an upper floor reaches no further


def connected(one: Tile, other: Tile) -> bool:
    """Is there a way on foot without stairs: the same floor of the same island, building or cave?"""
    if one[2] != other[2] or facts.island(one) != facts.island(other):
        return False
    return one[2] == 0 or distance(one, other) <= _BUILDING


def unreachable(target: Tile) -> Refused:
    """The plugin's error for a place to which there is no way."""
    return Refused(f"UNREACHABLE: no path to {target[0]}, {target[1]}, {target[2]}")


def walk(world: World, target: Tile, within: int = 0) -> Activity:
    """Walk until `within` tiles of the target. Yields ticks; raises `Refused` when there is no way."""
    if not connected(world.tile(), target):
        raise unreachable(target)
    world.window = None
    world.talk = None
    while (far := distance(world.tile(), target)) > within:
        here = world.tile()
        leg = min(_LEG, far - within)
        x = here[0] + round((target[0] - here[0]) * leg / far)
        y = here[1] + round((target[1] - here[1]) * leg / far)
        ticks = (leg + TILES_PER_TICK - 1) // TILES_PER_TICK
        world.player.walk = Walk(here, (x, y, here[2]), world.tick, ticks)
        yield ticks
        world.halt()
        provoke(world)
    return {"message": "Arrived"}


def nearest(world: World, among: Iterable[T], reach: int) -> T | None:
    """The nearest one that is there now, within `reach` tiles on this plane; ties go to the lower id."""
    here, best, best_far = world.tile(), None, reach + 1
    for one in among:
        far = distance(here, one.tile)
        if far < best_far and world.alive(one):
            best, best_far = one, far
    return best
