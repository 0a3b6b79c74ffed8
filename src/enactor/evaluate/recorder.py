"""An engine that keeps what it was asked and what it answered, one for each play."""

import time
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
    """Hands every request on with the play's own temperature and seed. `grammar` constrains all of them.
    `spared_ms` is what the completions took, where they were read back and not decoded now."""

    engine: Engine
    grammar: str | None = None
    temperature: float = 0.0
    seed: int = 0
    asked: list[Asked] = field(default_factory=list)
    spared_ms: float = 0.0

    @property
    def name(self) -> str:
        return self.engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`."""
        wanted: Options = {**options, "temperature": self.temperature, "seed": self.seed + len(self.asked)}
        if self.grammar is not None:
            wanted["grammar"] = self.grammar
        started = time.perf_counter()
        done = self.engine.complete(prompt, **wanted)
        self.spared_ms += 1000 * max(0.0, done.seconds - (time.perf_counter() - started))
        self.asked.append(Asked(Request(prompt, **wanted), done))
        return done

    def cancel(self) -> None:
        self.engine.cancel()

    def close(self) -> None:
        """The engine belongs to the run and stays open."""
