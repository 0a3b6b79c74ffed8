"""A paired comparison that may be looked at after every request, and stops by itself.

Each pair gives a difference in {-1, 0, 1}: the candidate right and the model in use wrong, the same, the
reverse. To test "the mean difference is at most m" one bets on the differences: starting with 1, a share `b`
of the capital wins or loses `difference - m` at each pair. Under the hypothesis no strategy makes money, so
by Ville's inequality the capital ever reaches 1/alpha with a probability of at most alpha, whenever one looks
and however long one goes on. The capital here is the average over a fixed grid of shares; that needs the
counts alone, in any order.

Method: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", J. R. Stat. Soc. B
86 (2024), 1-27: the capital process, its grid of bets, and the confidence sequence from inverting it. For
m = 0 ties neither win nor lose, and it is Robbins' mixture test on the discordant pairs (Ann. Math. Stat. 41
(1970), 1397), which is known for comparisons online as the mixture SPRT (Johari et al., Oper. Res. 70 (2022),
1806).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

GRID = 48
"""Shares that are bet, evenly over what cannot ruin."""

Verdict = Literal["better", "worse", "not worse", "no decision"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """`wins`: the candidate alone was right; `losses`: it alone was wrong; `ties`: both, or neither."""

    wins: int = 0
    losses: int = 0
    ties: int = 0

    @property
    def n(self) -> int:
        return self.wins + self.losses + self.ties

    @property
    def difference(self) -> float:
        """Mean difference of the shares that are right; NaN for no pairs."""
        return (self.wins - self.losses) / self.n if self.n else math.nan

    @property
    def turned(self) -> "Pairs":
        """The same from the other side."""
        return replace(self, wins=self.losses, losses=self.wins)

    def with_pair(self, candidate: bool, incumbent: bool) -> "Pairs":
        if candidate == incumbent:
            return replace(self, ties=self.ties + 1)
        return replace(self, wins=self.wins + candidate, losses=self.losses + incumbent)


def log_capital(pairs: Pairs, mean: float = 0.0) -> float:
    """Natural logarithm of the capital that bets against "the mean difference is at most `mean`".

    `mean` is in (-1, 1). At log(1/alpha) the hypothesis is rejected at the level alpha.
    """
    return _log_capital(pairs.wins, pairs.losses, pairs.ties, mean)


def _log_capital(wins: float, losses: float, ties: float, mean: float) -> float:
    logs = [
        wins * math.log1p(share * (1 - mean))
        + losses * math.log1p(-share * (1 + mean))
        + ties * math.log1p(-share * mean)
        for share in _shares(mean)
    ]
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))


def _shares(mean: float) -> Iterator[float]:
    """Midpoints of `GRID` parts of what can be bet: at 1 / (1 + mean) one loss would take all."""
    return ((index + 0.5) / GRID / (1 + mean) for index in range(GRID))


def bounds(pairs: Pairs, alpha: float = 0.05) -> tuple[float, float]:
    """Confidence sequence of the mean difference: all of them hold together with probability 1 - alpha."""
    return _lower(pairs, alpha / 2), -_lower(pairs.turned, alpha / 2)


def _lower(pairs: Pairs, alpha: float) -> float:
    """The least mean that the bets against smaller ones have not rejected."""
    low, high = -0.999, 0.999
    if log_capital(pairs, low) < -math.log(alpha):
        return -1.0
    for _ in range(40):
        middle = (low + high) / 2
        if log_capital(pairs, middle) >= -math.log(alpha):
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True)
class Plan:
    """When a comparison ends.

    At the level `alpha` each: `better` when the candidate is right more often, `worse` when less, `not worse`
    when by less than `margin` less (a share). `most` pairs end it without a decision. With `goal` "better" a
    candidate that is only not worse goes on being compared.
    """

    alpha: float = 0.05
    margin: float = 0.05
    goal: Literal["better", "not worse"] = "not worse"
    most: int = 2000

    def verdict(self, pairs: Pairs) -> Verdict | None:
        """The decision, None while it is open."""
        enough = -math.log(self.alpha)
        if log_capital(pairs) >= enough:
            return "better"
        if log_capital(pairs.turned) >= enough:
            return "worse"
        if self.goal == "not worse" and log_capital(pairs, -self.margin) >= enough:
            return "not worse"
        return "no decision" if pairs.n >= self.most else None

    def expected(self, pairs: Pairs) -> int | None:
        """Pairs that it takes in all if wins, losses and ties go on as they have, None where they point to no
        decision before `most`. Before the first difference one of each is assumed."""
        rates = [max(count, 0.5) for count in (pairs.wins, pairs.losses)]
        total = sum(rates) + max(pairs.ties, 0.5)
        wins, losses, ties = (value / total for value in (*rates, max(pairs.ties, 0.5)))
        enough = -math.log(self.alpha)

        def decided(n: int) -> bool:
            up = _log_capital(n * wins, n * losses, n * ties, 0.0)
            down = _log_capital(n * losses, n * wins, n * ties, 0.0)
            even = _log_capital(n * wins, n * losses, n * ties, -self.margin)
            return up >= enough or down >= enough or (self.goal == "not worse" and even >= enough)

        if not decided(self.most):
            return None
        low, high = pairs.n, self.most
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if decided(middle) else (middle + 1, high)
        return low
