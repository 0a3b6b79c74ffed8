"""Scenarios for people: a task's world to play in, and whether what it asks for has come to hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from enactor.errors import EnactorError
from enactor.evaluate.goals import Ending, parse_goal
from enactor.evaluate.scenarios import Scenario, scenarios
from enactor.sim import Simulator
from enactor.trace import Step
from enactor.world import GameState


@dataclass(frozen=True, slots=True)
class Stage:
    """A world that was set up for a scenario, and how it was then. The faults and failures that a scenario
    may foresee are left out: they are there to test a model, not a person."""

    scenario: Scenario
    world: Simulator
    before: GameState

    def lacking(self, now: GameState, steps: Sequence[Step]) -> tuple[str, ...]:
        """The goals that do not hold now, with the calls made so far."""
        ending = Ending(self.before, now, steps)
        return tuple(text for text in self.scenario.goal if not parse_goal(text)(ending))


def stage(name: str, seed: int = 0) -> Stage:
    """The world of a scenario. Raises `EnactorError` for a name that there is not."""
    found = scenarios().get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, scenarios(), n=3)
        hint = f"; the nearest are {', '.join(near)}" if near else "; `enactor scenarios list` has them all"
        raise EnactorError(f"there is no scenario {name!r}{hint}")
    world = Simulator(seed, found.start)
    for line in found.before:
        world.send(line)
        if world.observe()["active_loop"] is None:
            world.settle(60.0)
    return Stage(found, world, GameState.from_plugin(world.observe()))


def search(words: str) -> list[Scenario]:
    """The scenarios in which every word stands: in the name, the family, the level or the player's words."""
    wanted = words.casefold().split()
    return [
        one
        for one in scenarios().values()
        if all(word in f"{one.id} {one.family} {one.level} {one.say}".casefold() for word in wanted)
    ]
