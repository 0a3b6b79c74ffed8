"""What the live plugin does wrong now and then, on demand."""

import random
from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fault = Literal["late", "lost", "not_consumed", "stale", "disconnect", "wrong_account", "loop_ends_early"]
KINDS: tuple[Fault, ...] = (
    "late",
    "lost",
    "not_consumed",
    "stale",
    "disconnect",
    "wrong_account",
    "loop_ends_early",
)


class Faults(BaseModel):
    """How often what goes wrong: shares of the commands, 0 to 1, together at most 1; times in seconds.

    A command has one fault at most. `loop_ends_early` is a share of the loops. The same seed and commands
    give the same faults.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    late: float = Field(default=0.0, ge=0, le=1, description="Responses that come `late_s` too late")
    lost: float = Field(
        default=0.0, ge=0, le=1, description="Commands carried out whose response never comes"
    )
    not_consumed: float = Field(
        default=0.0, ge=0, le=1, description="Commands that lie untouched for `held_s`"
    )
    stale: float = Field(
        default=0.0, ge=0, le=1, description="Commands after which the state rests for `stale_s`"
    )
    disconnect: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Commands that are eaten while the connection is lost: for `disconnect_s` nothing is "
        "read or written",
    )
    wrong_account: float = Field(
        default=0.0, ge=0, le=1, description="Responses that are swapped with those of another account"
    )
    loop_ends_early: float = Field(
        default=0.0, ge=0, le=1, description="Loops that end by themselves after `loop_s`"
    )
    late_s: float = Field(default=12.0, gt=0, description="Delay of a late response")
    held_s: float = Field(default=5.0, gt=0, description="How long a command is left in its file")
    stale_s: float = Field(default=12.0, gt=0, description="How long the state is not written")
    disconnect_s: float = Field(default=8.0, gt=0, description="How long a connection is lost")
    loop_s: float = Field(default=10.0, gt=0, description="How long a loop runs that ends early")
    seed: int = Field(default=0, ge=0, description="Seed of the game and of the faults")

    @model_validator(mode="after")
    def _together(self) -> "Faults":
        if sum(getattr(self, kind) for kind in KINDS if kind != "loop_ends_early") > 1:
            raise ValueError("the shares of the faults are more than 1 together")
        return self


class Draw:
    """Draws the fault of each command. `journal` has those that were drawn, in order, with their lines."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.journal: list[tuple[str, Fault]] = []
        self._rng = random.Random(faults.seed)

    def next(self, line: str, *, loop: bool) -> Fault | None:
        """The fault of the next command, None for most. `line` is for the journal only."""
        point, reached = self._rng.random(), 0.0
        early = self._rng.random()  # drawn always: the stream does not depend on what the commands are
        for kind in KINDS[:-1]:
            reached += getattr(self.faults, kind)
            if point < reached:
                return self.note(line, kind)
        if loop and early < self.faults.loop_ends_early:
            return self.note(line, "loop_ends_early")
        return None

    def note(self, line: str, kind: Fault) -> Fault:
        """Write a fault into the journal."""
        self.journal.append((line, kind))
        return kind

    @property
    def counts(self) -> Counter[str]:
        """How often each fault was drawn."""
        return Counter(kind for _, kind in self.journal)
