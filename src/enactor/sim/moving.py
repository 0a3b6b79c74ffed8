"""Commands of movement: walking, ladders, saved places."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.combat import disengage
from enactor.sim.motion import nearest, unreachable
from enactor.sim.routes import climb as take
from enactor.sim.routes import reachable, travel
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
        raise unreachable(target)
    disengage(world)
    yield from travel(world, target)
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
    arrived = yield from take(world, stairs, way)
    return {**arrived, "message": f"{action} {stairs.name}"}


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
