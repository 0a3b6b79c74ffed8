"""Scenarios: a named starting state, the player's words, what must hold in the end and what never may.

They are data: `data/scenarios/*.yaml`, one file a family. `play_scenario` lets a player (`policies.py`) at
one in the simulator and judges the end state, not the words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from enactor.agent import Toolbox
from enactor.errors import EnactorError
from enactor.evaluate.goals import Ending, Goal, parse_goal
from enactor.evaluate.policies import Do, Player, calls_of, perfect
from enactor.sim import Simulator
from enactor.sim.faults import Faults
from enactor.sim.flaky import FlakySimulator
from enactor.sim.state import TICK_S
from enactor.sim.stumble import Stumbling
from enactor.trace.values import Step
from enactor.world import Backend, GameState
from enactor.world.backend import ClientAction

Difficulty = Literal["easy", "medium", "hard"]
Tag = Literal["missing", "low_health", "full", "obstacle", "fails_once", "faults", "client_down"]
_SLICE_S = 12.0  # between two looks at what is forbidden and at what is wanted
_START_KEYS = {
    *("location", "health", "inventory", "bank", "equipment", "skills", "in_combat", "client_running"),
    *("quests", "bank_open", "ground", "grave", "style", "experience"),
}


class Scenario(BaseModel):
    """One task. `goal` and `forbid` are atoms of `goals.py`: all of the goal must hold at once, within
    `ticks` of 0.6 s from the first call, and none of `forbid` may hold at any time.

    `before` are command lines that have been sent already, `fails` the verbs that fail once and their
    errors, `faults` shares as in `Faults`. `solution` is a way that works, in the form of `policies.Do`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    family: str
    say: str = Field(min_length=2)
    level: Difficulty = "easy"
    start: Mapping[str, Any] = Field(default_factory=dict)
    before: tuple[str, ...] = ()
    fails: Mapping[str, str] = Field(default_factory=dict)
    faults: Faults | None = None
    goal: tuple[str, ...] = Field(min_length=1)
    forbid: tuple[str, ...] = ()
    ticks: int = Field(gt=0, le=20_000)
    solution: tuple[Do, ...] = Field(min_length=1)
    tags: tuple[Tag, ...] = ()

    @field_validator("start")
    @classmethod
    def _known_keys(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if unknown := set(value) - _START_KEYS:
            raise ValueError(
                f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_START_KEYS))}"
            )
        return value

    @field_validator("goal", "forbid")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_goal(text)
        return value


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one play went: `open` are the goals that did not come to hold, `broken` what was forbidden and
    held; `ticks` until the goal held, or that passed in vain."""

    scenario: str
    family: str
    passed: bool
    ticks: int
    open: tuple[str, ...]
    broken: tuple[str, ...]
    steps: tuple[Step, ...]


@cache
def scenarios() -> Mapping[str, Scenario]:
    """All scenarios by their names. Raises `EnactorError` naming every fault of the files."""
    found: dict[str, Scenario] = {}
    wrong: list[str] = []
    folder = files("enactor.evaluate") / "data" / "scenarios"
    for entry in sorted(folder.iterdir(), key=lambda file: file.name):
        family, _, ending = entry.name.rpartition(".")
        if ending != "yaml":
            continue
        for row in yaml.safe_load(entry.read_text(encoding="utf-8")):
            try:
                one = Scenario.model_validate({"family": family, **row})
            except ValidationError as error:
                wrong += [f"{row.get('id')}: {e['loc']}: {e['msg']}" for e in error.errors()]
                continue
            if one.id in found:
                wrong.append(f"{one.id}: stands twice")
            found[one.id] = one
    if wrong:
        raise EnactorError("scenarios cannot be read:\n  " + "\n  ".join(wrong))
    return found


class Referee:
    """A `Backend` that watches for what is forbidden while the game goes on behind it."""

    def __init__(self, backend: Backend, simulator: Simulator, scenario: Scenario) -> None:
        self._backend, self._simulator = backend, simulator
        self._forbidden = {text: parse_goal(text) for text in scenario.forbid}
        self._before = GameState.from_plugin(simulator.observe())
        self._began = simulator.seconds
        self.broken: dict[str, None] = {}

    @property
    def name(self) -> str:
        """That of the game."""
        return self._backend.name

    @property
    def ticks(self) -> int:
        """Game ticks since the beginning."""
        return round((self._simulator.seconds - self._began) / TICK_S)

    def ending(self, steps: Sequence[Step] = ()) -> Ending:
        """The true state now, whatever the backend shows."""
        return Ending(self._before, GameState.from_plugin(self._simulator.observe()), steps)

    def advance(self, seconds: float) -> None:
        """Let game time pass, looking in the end."""
        self._simulator.advance(seconds)
        self.look()

    def look(self, steps: Sequence[Step] = ()) -> None:
        """Note what is forbidden and holds now."""
        ending = self.ending(steps)
        for text, holds in self._forbidden.items():
            if holds(ending):
                self.broken[text] = None

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line."""
        response = self._backend.send(line)
        self.look()
        return response

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Let time pass until the running command has ended, looking now and then."""
        left = limit_s
        while True:
            last = self._backend.settle(min(left, _SLICE_S))
            self.look()
            left -= _SLICE_S
            if left <= 0 or last.get("status") != "running":
                return last

    def observe(self) -> Mapping[str, Any]:
        """The state as the backend shows it."""
        return self._backend.observe()

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the client."""
        done = self._backend.client(action)
        self.look()
        return done

    def attend(self) -> None:
        """As the game."""
        self._backend.attend()

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """As the game."""
        return self._backend.logs(since_s, grep, level)


def play_scenario(scenario: Scenario, player: Player, seed: int = 0) -> Verdict:
    """Let a player at a scenario and judge how it ends. The same seed and calls give the same verdict."""
    simulator = Simulator(seed, scenario.start)
    for line in scenario.before:
        response = simulator.send(line)
        if response["status"] != "success":
            raise EnactorError(f"scenario {scenario.id}: {line!r} of `before` fails: {response['error']}")
        if simulator.observe()["active_loop"] is None:
            simulator.settle(60.0)
    backend: Backend = simulator
    if scenario.faults is not None:
        backend = FlakySimulator(simulator, scenario.faults)
    if scenario.fails:
        backend = Stumbling(backend, scenario.fails)
    referee = Referee(backend, simulator, scenario)
    goals = {text: parse_goal(text) for text in scenario.goal}
    steps = tuple(player(scenario.say, Toolbox(referee), calls_of(scenario.solution, referee)))
    return _verdict(scenario, simulator, referee, goals, steps)


def _verdict(
    scenario: Scenario,
    simulator: Simulator,
    referee: Referee,
    goals: Mapping[str, Goal],
    steps: tuple[Step, ...],
) -> Verdict:
    """What was begun may go on until the time is up."""
    while True:
        referee.look(steps)
        ending = referee.ending(steps)
        lacking = tuple(text for text, holds in goals.items() if not holds(ending))
        late = referee.ticks > scenario.ticks
        if late or not lacking or referee.broken:
            break
        simulator.advance(min(_SLICE_S, max(scenario.ticks - referee.ticks + 1, 1) * TICK_S))
    return Verdict(
        scenario.id,
        scenario.family,
        not lacking and not referee.broken and not late,
        referee.ticks,
        lacking,
        tuple(referee.broken),
        steps,
    )


def needed_steps(scenario: Scenario, seed: int = 0) -> int:
    """How many entries of the solution are needed: without one of them the rest does not pass."""
    solution = scenario.solution
    lacking = (solution[:i] + solution[i + 1 :] for i in range(len(solution)))
    return sum(
        not play_scenario(scenario.model_copy(update={"solution": rest}), perfect, seed).passed
        for rest in lacking
    )
