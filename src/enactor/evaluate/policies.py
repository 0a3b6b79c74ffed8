"""Who plays a scenario: its own solution, nobody, or a controller with its model.

A solution is a list of `Do`: a command line; `{tool, args}`; `{wait: seconds}`; `{repeat: n, do: […]}`;
`{until: goal, do: […], at_most: n}`, which does its calls again until the goal holds after one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from enactor.agent import Controller, Toolbox
from enactor.evaluate.goals import Ending, parse_goal
from enactor.models.engine import Engine
from enactor.prompt import SYSTEM, tool_call
from enactor.trace.values import Step, ToolCall


class More(BaseModel):
    """Any `Do` that is more than a command line: exactly one of `tool`, `wait`, `repeat`, `until`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str | None = None
    args: Mapping[str, Any] = Field(default_factory=dict)
    wait: float | None = Field(default=None, gt=0)
    repeat: int | None = Field(default=None, gt=0)
    until: str | None = None
    at_most: int = Field(default=30, gt=0)
    do: tuple[Do, ...] = ()

    @model_validator(mode="after")
    def _one_of(self) -> More:
        kinds = [self.tool, self.wait, self.repeat, self.until]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give exactly one of tool, wait, repeat, until")
        if bool(self.do) != (self.repeat is not None or self.until is not None):
            raise ValueError("`do` goes with repeat and until, and they need it")
        if self.until is not None:
            parse_goal(self.until)
        return self


Do = str | More
More.model_rebuild()


class Stage(Protocol):
    """What a solution needs of the game beside the calls: to look, and to wait."""

    def ending(self) -> Ending: ...

    def advance(self, seconds: float) -> None: ...


def calls_of(solution: Sequence[Do], stage: Stage) -> Iterator[ToolCall]:
    """The calls of a solution in order. Waiting happens, and `until` looks, before the next call is given."""
    for one in solution:
        if isinstance(one, str):
            yield tool_call("send_command", {"command": one})
        elif one.tool is not None:
            yield tool_call(one.tool, one.args)
        elif one.wait is not None:
            stage.advance(one.wait)
        elif one.repeat is not None:
            for _ in range(one.repeat):
                yield from calls_of(one.do, stage)
        elif one.until is not None:
            yield from _until(one, stage)


def _until(one: More, stage: Stage) -> Iterator[ToolCall]:
    holds = parse_goal(str(one.until))
    for _ in range(one.at_most):
        for call in calls_of(one.do, stage):
            yield call
            if holds(stage.ending()):
                return


class Player(Protocol):
    """Gets the player's words, the tools, and the calls of the solution; gives back the steps it made."""

    def __call__(self, say: str, toolbox: Toolbox, solution: Iterator[ToolCall]) -> Sequence[Step]: ...


def perfect(say: str, toolbox: Toolbox, solution: Iterator[ToolCall]) -> Sequence[Step]:
    """Carries out the solution, each call awaited."""
    return [Step(call, toolbox.settle(call, toolbox.call(call))) for call in solution]


def idle(say: str, toolbox: Toolbox, solution: Iterator[ToolCall]) -> Sequence[Step]:
    """Does nothing."""
    return ()


def controlled(engine: Engine, system: str = SYSTEM, *, ladder: bool = True, recover: bool = True) -> Player:
    """A controller with a model, given the player's words only."""

    def play(say: str, toolbox: Toolbox, solution: Iterator[ToolCall]) -> Sequence[Step]:
        return Controller(engine, toolbox, system=system, ladder=ladder, recover=recover).handle(say).steps

    return play
