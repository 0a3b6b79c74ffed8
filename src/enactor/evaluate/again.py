"""What the same weights said already, greedily, to the same prompt: it is read back instead of decoded.

`default` and `default+raw`, `base` and `base+raw` begin each case with the same completion; under a grammar
from the start the ladder's forced turn is the first one once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Unpack

from enactor.evaluate.folder import RunFolder
from enactor.evaluate.plays import Play, grammar_hash
from enactor.models.engine import Completion, Engine, Options

Said = dict[tuple[str, str | None], Completion]
"""(prompt, the hash of the grammar) -> the greedy completion."""


@dataclass(frozen=True, slots=True)
class Again:
    """Answers from `said` where it can, else by `engine`, and adds that. What is read back has its `seconds`
    of then."""

    engine: Engine
    said: Said

    @property
    def name(self) -> str:
        return self.engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`."""
        if options.get("temperature") or "max_tokens" in options:
            return self.engine.complete(prompt, **options)
        key = prompt, grammar_hash(options.get("grammar"))
        known = self.said.get(key)
        if known is None:
            known = self.engine.complete(prompt, **options)
            if not known.cancelled:
                self.said[key] = known
        return known

    def cancel(self) -> None:
        self.engine.cancel()

    def close(self) -> None:
        """The engine belongs to the run and stays open."""


def said_before(folder: RunFolder, policy: str) -> Said:
    """The greedy completions of all policies in the run whose weights are those of `policy`; none for weights
    that are not known, a remote model's for instance."""
    identities = folder.head["policies"]
    weights = identities[policy].get("sha256")
    if weights is None:
        return {}
    alike = [name for name, identity in identities.items() if identity.get("sha256") == weights]
    return _completions(play for name in alike for play in folder.plays(name) if play.trial == 0)


def _completions(plays: Iterable[Play]) -> Said:
    return {
        (one["prompt"], one["grammar"]): Completion(
            one["text"],
            prompt_tokens=one["prompt_tokens"],
            completion_tokens=one["completion_tokens"],
            seconds=one["ms"] / 1000,
            logprob=one["logprob"],
            tokens=tuple((text, logprob) for text, logprob in one["tokens"]),
        )
        for play in plays
        for one in play.asked
        if "tokens" in one  # not in older runs
    }
