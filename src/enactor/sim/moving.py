"""Commands of movement: walking, ladders, saved places."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.combat import disengage
from enactor.sim.motion import nearest, reachable, walk
from enactor.sim.state import Activity, Handler, Refused, Result, Tile, World


def cmd_goto(world: World, args: Sequence[str]) -> Activity:
    """GOTO <x> <y> [plane] [exact]."""
    numbers = [int(a) for a in args if a.lstrip("-").isdigit()]
    if len(numbers) < 2:
        raise Refused("GOTO needs coordinates: GOTO <x> <y> [plane]")
    here = world.tile()
    target: Tile = (numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else here[2])
    if world.window is not None:
        raise Refused(f"Cannot walk: {world.window.partition(':')[0]} interface is open, close it first")
    if not reachable(world, target):
        raise Refused(f"UNREACHABLE: no path to {target[0]}, {target[1]}, {target[2]}")
    disengage(world)
    yield from walk(world, target)
    return {"message": "Arrived", "location": {"x": target[0], "y": target[1], "plane": target[2]}}


def climb(world: World, stairs: facts.Thing, action: str) -> Activity:
    """Take a ladder or staircase. `action` is the entry of its menu: Climb-up, Climb-down, Top-floor ..."""
    way = {"climb up": "up", "climb down": "down", "top floor": "top", "bottom floor": "bottom"}.get(
        facts.key(action)
    )
    if way is None:
        way = "up" if "up" in stairs.data else "down"
    if way not in stairs.data:
        raise Refused(f"Menu option not found: option='{action}', target='{stairs.name}'")
    for skill, level in stairs.data.get("needs", {}).items():
        if world.player.levels[skill] < level:
            raise Refused(f"You need a {skill.capitalize()} level of {level} to enter")
    key = stairs.data.get("item")
    if key and not world.player.pack.find(key):
        raise Refused(f"The door is locked: you need a {key}")
    disengage(world)
    yield 1
    yield from walk(world, stairs.tile, within=1)
    yield 2
    x, y, plane = stairs.data[way]
    world.player.tile = (x, y, plane)
    world.window = world.talk = None
    return {"message": f"{action} {stairs.name}", "location": {"x": x, "y": y, "plane": plane}}


def _ladder(world: World, way: str) -> facts.Thing:
    found = nearest(world, (t for t in facts.things_of("stairs") if way in t.data and t.name == "Ladder"), 15)
    found = found or nearest(world, (t for t in facts.things_of("stairs") if way in t.data), 15)
    if found is None:
        raise Refused("Object 'Ladder' not found")
    return found


def cmd_up(world: World, args: Sequence[str]) -> Activity:
    """CLIMB_LADDER_UP."""
    return climb(world, _ladder(world, "up"), "Climb-up")


def cmd_down(world: World, args: Sequence[str]) -> Activity:
    """CLIMB_LADDER_DOWN."""
    return climb(world, _ladder(world, "down"), "Climb-down")


def cmd_save(world: World, args: Sequence[str]) -> Result:
    """SAVE_LOCATION <name>."""
    name = "_".join(args)
    world.places[name] = world.tile()
    return {"message": f"Saved location {name}"}


HANDLERS: dict[str, Handler] = {
    "GOTO": cmd_goto,
    "CLIMB_LADDER_UP": cmd_up,
    "CLIMB_LADDER_DOWN": cmd_down,
    "SAVE_LOCATION": cmd_save,
}
