"""How far two annotators agree beyond chance."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from enactor.serve.label.labels import Labels

RATINGS = (1, 2, 3, 4, 5)


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    scale: Sequence[Hashable] | None = None,
    weights: Literal["none", "quadratic"] = "none",
) -> float | None:
    """Cohen's kappa of two equally long lists of judgements, in [-1, 1].

    Cohen (1960), Educ. Psychol. Meas. 20, 37; weighted: Cohen (1968), Psychol. Bull. 70, 213, where a
    disagreement weighs the square of its distance on `scale` (all values in order; needed for that). None
    without judgements, and where chance alone would give full agreement. Raises ValueError for lists of
    different length.
    """
    if len(first) != len(second):
        raise ValueError("the two lists of judgements differ in length")
    values = list(dict.fromkeys((*first, *second))) if scale is None else list(scale)
    at = {value: place for place, value in enumerate(values)}
    n = len(first)
    rows = [sum(at[a] == i for a in first) for i in range(len(values))]
    columns = [sum(at[b] == i for b in second) for i in range(len(values))]

    def cost(i: int, j: int) -> float:
        return float((i - j) ** 2 if weights == "quadratic" else i != j)

    observed = sum(cost(at[a], at[b]) for a, b in zip(first, second, strict=True))
    by_chance = sum(cost(i, j) * rows[i] * columns[j] for i in range(len(values)) for j in range(len(values)))
    return None if by_chance == 0 else 1 - n * observed / by_chance


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two annotators on one question: `n` traces that both answered, `same` answers, kappa."""

    first: str
    second: str
    question: Literal["fulfilled", "rating"]
    n: int
    same: int
    kappa: float | None


def agreements(labels: Labels) -> list[Agreement]:
    """All pairs of annotators with traces in common: fulfilled (plain) and rating (quadratic weights)."""
    found = []
    for first, second in combinations(labels.annotators(), 2):
        both = [(of[first], of[second]) for of in labels.of.values() if first in of and second in of]
        done = [
            (a.fulfilled, b.fulfilled) for a, b in both if a.fulfilled is not None and b.fulfilled is not None
        ]
        rated = [(a.rating, b.rating) for a, b in both if a.rating is not None and b.rating is not None]
        if done:
            kappa = cohen_kappa(*map(list, zip(*done, strict=True)), scale=(False, True))
            found.append(
                Agreement(first, second, "fulfilled", len(done), sum(a == b for a, b in done), kappa)
            )
        if rated:
            kappa = cohen_kappa(*map(list, zip(*rated, strict=True)), scale=RATINGS, weights="quadratic")
            found.append(Agreement(first, second, "rating", len(rated), sum(a == b for a, b in rated), kappa))
    return found
