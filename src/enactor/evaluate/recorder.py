"""An engine that keeps what it was asked and what it answered, one for each play."""

from dataclasses import dataclass, field
from typing import Unpack

from enactor.models.engine import Completion, Engine, Options, Request


@dataclass(frozen=True, slots=True)
class Asked:
    """One completion with the prompt and the options that it was asked with."""

    request: Request
    completion: Completion


@dataclass(slots=True)
class Recorder:
    """Hands every request on with the play's own temperature and seed. `grammar` constrains all of them."""

    engine: Engine
    grammar: str | None = None
    temperature: float = 0.0
    seed: int = 0
    asked: list[Asked] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`."""
        wanted: Options = {**options, "temperature": self.temperature, "seed": self.seed + len(self.asked)}
        if self.grammar is not None:
            wanted["grammar"] = self.grammar
        done = self.engine.complete(prompt, **wanted)
        self.asked.append(Asked(Request(prompt, **wanted), done))
        return done

    def cancel(self) -> None:
        self.engine.cancel()

    def close(self) -> None:
        """The engine belongs to the run and stays open."""
