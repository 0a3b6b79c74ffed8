"""Proportions with their intervals."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """A proportion `hits / n` with its 95% Wilson interval, all in [0, 1]. With n = 0 the value is NaN."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson (1927), J. Am. Stat. Assoc. 22, 209: score interval at z = 1.959964."""
        if not self.n:
            return (0.0, 1.0)
        z2 = 1.959964**2
        centre = (self.hits + z2 / 2) / (self.n + z2)
        p = self.value
        half = math.sqrt(z2 * (p * (1 - p) / self.n + z2 / (4 * self.n**2))) / (1 + z2 / self.n)
        return (max(0.0, centre - half), min(1.0, centre + half))

    def __str__(self) -> str:
        if not self.n:
            return "–"
        low, high = self.interval
        return f"{100 * self.value:.1f}% [{100 * low:.0f}, {100 * high:.0f}]"


def rate(flags: Iterable[bool]) -> Rate:
    """The share of true flags."""
    values = list(flags)
    return Rate(sum(values), len(values))


def quantile(values: Iterable[float], q: float) -> float:
    """The q-quantile by linear interpolation (type 7); NaN for none."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
