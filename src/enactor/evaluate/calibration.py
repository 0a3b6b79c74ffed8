"""Does the model know when it is right? Its log-probability of what it wrote against whether it was right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10
_FEWEST = 10  # answers in a bin: fewer make the error look larger than it is


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: their number, mean probability and the share that was right."""

    n: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`error` is the expected calibration error, `brier` the mean squared error of the probability, `area`
    that under the risk–coverage curve: less is better. It is `chance`, the share of wrong answers, where the
    probability says nothing, and `best` where every right answer is surer than every wrong one. `curve` has
    (coverage, risk) after each answer, the surest first."""

    n: int
    error: float
    brier: float
    area: float
    chance: float
    best: float
    bins: tuple[Bin, ...]
    curve: tuple[tuple[float, float], ...]


def calibrate(answers: Sequence[tuple[float, bool]]) -> Calibration:
    """From (log-probability of the whole answer, whether it was right).

    The error is that of Naeini et al. (2015, AAAI 29), on bins with equally many answers (ten, fewer for
    under a hundred answers); the curve and its area are those of El-Yaniv and Wiener (2010, JMLR 11) and
    Geifman et al. (2019, ICLR). Answers of one log-probability stand together: the curve takes them at once,
    at their mean risk.
    """
    ranked = sorted(((math.exp(min(lp, 0.0)), right) for lp, right in answers), key=lambda one: -one[0])
    n = len(ranked)
    if not n:
        return Calibration(0, math.nan, math.nan, math.nan, math.nan, math.nan, (), ())
    count = max(1, min(BINS, n // _FEWEST))
    groups = [ranked[n * i // count : n * (i + 1) // count] for i in range(count)]
    bins = tuple(
        Bin(len(group), sum(p for p, _ in group) / len(group), sum(r for _, r in group) / len(group))
        for group in groups
        if group
    )
    curve = _curve(ranked)
    right = sum(one for _, one in ranked)
    return Calibration(
        n=n,
        error=sum(b.n * abs(b.confidence - b.right) for b in bins) / n,
        brier=sum((p - right) ** 2 for p, right in ranked) / n,
        area=sum(risk for _, risk in curve) / n,
        chance=1 - right / n,
        best=sum((count - right) / count for count in range(right + 1, n + 1)) / n,
        bins=bins,
        curve=curve,
    )


def _curve(ranked: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float], ...]:
    """(coverage, risk) with ties at their expected order: each answer of a tie counts the tie's mean risk."""
    risks: list[float] = []
    at = 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        wrong = sum(not right for _, right in ranked[at:end]) / (end - at)
        risks += [wrong] * (end - at)
        at = end
    curve = []
    total = 0.0
    for count, risk in enumerate(risks, 1):
        total += risk
        curve.append((count / len(ranked), total / count))
    return tuple(curve)


def pass_hat(successes: int, trials: int, k: int) -> float:
    """The chance that k trials all pass: C(successes, k) / C(trials, k), the unbiased estimate of τ-bench
    (Yao et al. 2024). Raises ValueError for fewer than k trials."""
    if trials < k:
        raise ValueError(f"pass^{k} needs {k} trials, and there are {trials}")
    return math.comb(successes, k) / math.comb(trials, k)
