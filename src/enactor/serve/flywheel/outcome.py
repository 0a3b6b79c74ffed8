"""How a turn of the flywheel ended, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from enactor.evaluate import Report


class Refused(Exception):
    """A gate was not passed; the candidate is done with."""


class Waiting(Exception):
    """A gate cannot tell yet, or there is nothing to do; the next call goes on here."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """What came of a step."""

    name: str
    state: Literal["passed", "refused", "waiting", "failed", "left out"]
    told: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A turn as far as it went. `reports` are those of incumbent and candidate, `gguf` the file that was
    evaluated."""

    candidate: str = ""
    steps: tuple[StepReport, ...] = ()
    promoted: bool = False
    reports: tuple[Report, ...] = ()
    gguf: Path | None = None
    folder: Path | None = None

    @property
    def end(self) -> StepReport:
        """The step that it ended at."""
        return self.steps[-1]

    @property
    def well(self) -> bool:
        """Nothing was refused and nothing failed."""
        return self.end.state not in ("refused", "failed")


def told(steps: Sequence[StepReport]) -> list[str]:
    """A line a step."""
    return [f"{step.name:9} {step.state:9} {step.told}" for step in steps]
