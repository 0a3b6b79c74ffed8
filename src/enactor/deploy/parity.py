"""Does the exported model still make the calls that the trained one made?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from enactor.prompt import DIALECTS


@dataclass(frozen=True, slots=True)
class Parity:
    """Greedy turns of two models on the same prompts. `same_calls` counts turns whose calls are equal (tool
    and arguments, in order; turns without calls are equal when both have none), `same_text` equal texts.
    `lost` counts turns that were right before and are not after, `gained` the reverse."""

    n: int
    same_calls: int
    same_text: int
    lost: int
    gained: int
    differing: tuple[tuple[int, str, str], ...]

    def __str__(self) -> str:
        return (
            f"{self.same_calls} of {self.n} turns with equal calls; right before and not after {self.lost}, "
            f"the reverse {self.gained}"
        )

    @property
    def loss_probability(self) -> float:
        """One-sided sign test (exact McNemar): how likely as many losses among the changed verdicts are by
        chance. Below 0.05 the export has lost something."""
        return loss_probability(self.lost, self.gained)


def loss_probability(lost: int, gained: int) -> float:
    """The exact one-sided McNemar test: the chance of `lost` or more losses among as many changes by a fair
    coin."""
    changed = lost + gained
    return float(sum(math.comb(changed, k) for k in range(lost, changed + 1)) / 2**changed)


def compare(
    before: Sequence[str], after: Sequence[str], right: Sequence[str], dialect: str = "hermes"
) -> Parity:
    """Compare the turns of two models with each other and with the `right` ones, prompt by prompt.

    `differing` holds (index, before, after) of the turns whose calls differ.
    """
    read = DIALECTS[dialect].parse
    same_calls = lost = gained = 0
    differing = []
    for index, texts in enumerate(zip(before, after, right, strict=True)):
        first, second, wanted = (
            [(c.tool, c.parsed, c.parse_error) for c in read(text).calls] for text in texts
        )
        lost += first == wanted != second
        gained += second == wanted != first
        if first == second:
            same_calls += 1
        else:
            differing.append((index, texts[0], texts[1]))
    same_text = sum(one.strip() == other.strip() for one, other in zip(before, after, strict=True))
    return Parity(len(before), same_calls, same_text, lost, gained, tuple(differing))
