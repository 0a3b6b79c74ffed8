"""Does the exported model still make the calls that the trained one made?"""

from collections.abc import Sequence
from dataclasses import dataclass

from enactor.prompt import DIALECTS


@dataclass(frozen=True, slots=True)
class Parity:
    """Greedy turns of two models on the same prompts. `same_calls` counts turns whose calls are equal (tool
    and arguments, in order; turns without calls are equal when both have none), `same_text` equal texts."""

    n: int
    same_calls: int
    same_text: int
    differing: tuple[tuple[int, str, str], ...]

    def __str__(self) -> str:
        return f"{self.same_calls} of {self.n} turns with equal calls, {self.same_text} with equal text"


def compare(before: Sequence[str], after: Sequence[str], dialect: str = "hermes") -> Parity:
    """Compare the turns of two models, prompt by prompt. `differing` holds (index, before, after) of the
    turns whose calls differ."""
    read = DIALECTS[dialect].parse
    same_calls = 0
    differing = []
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        calls = [[(c.tool, c.parsed, c.parse_error) for c in read(text).calls] for text in (one, other)]
        if calls[0] == calls[1]:
            same_calls += 1
        else:
            differing.append((index, one, other))
    same_text = sum(one.strip() == other.strip() for one, other in zip(before, after, strict=True))
    return Parity(len(before), same_calls, same_text, tuple(differing))
