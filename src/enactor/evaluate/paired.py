"""Two policies on the same cases: what chance alone would do. And many such questions at once.

All p-values are two-sided. Resampling draws whole clusters (the paraphrases of one request) with a fixed
seed, so that the same plays give the same figures.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
_SEED = 20261122
_CHUNK = 500  # resamples at once: bounds the memory


@dataclass(frozen=True, slots=True)
class Paired:
    """How two policies differ on `n` cases: `difference` is the second's mean minus the first's with its 95%
    interval by the paired bootstrap. `only_first` and `only_second` count the cases that one alone got right
    (None for figures that are no shares). `p` is McNemar's, or the bootstrap's."""

    n: int
    difference: float
    low: float
    high: float
    p: float
    only_first: int | None = None
    only_second: int | None = None


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact test of McNemar (1947), Psychometrika 12, 153: the pairs that differ are binomial with one
    half under the null hypothesis. Two-sided, 1 for no such pairs."""
    n = only_first + only_second
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**n))


def compare_shares(
    first: Sequence[bool], second: Sequence[bool], clusters: Sequence[str] | None = None
) -> Paired:
    """Right or wrong on the same cases in the same order. Raises ValueError for unequal lengths."""
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    found = compare_means([float(a) for a in first], [float(b) for b in second], clusters)
    p = mcnemar(only_first, only_second)
    return Paired(found.n, found.difference, found.low, found.high, p, only_first, only_second)


def compare_means(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[str] | None = None
) -> Paired:
    """Any figure on the same cases in the same order. `p` is twice the smaller share of resamples on either
    side of no difference, with one added to both counts (Davison and Hinkley 1997, 4.2.3)."""
    differences = np.array([b - a for a, b in zip(first, second, strict=True)], np.float64)
    if not len(differences):
        return Paired(0, math.nan, math.nan, math.nan, 1.0)
    means = _resampled(differences, clusters)
    low, high = np.quantile(means, (0.025, 0.975))
    below = 1 + int((means <= 0).sum())
    above = 1 + int((means >= 0).sum())
    p = min(1.0, 2 * min(below, above) / (len(means) + 1))
    return Paired(len(differences), float(differences.mean()), float(low), float(high), p)


def bootstrap_mean(values: Sequence[float], clusters: Sequence[str] | None = None) -> tuple[float, float]:
    """The 95% percentile interval of a mean (Efron 1979); NaN for nothing."""
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(_resampled(np.array(values, np.float64), clusters), (0.025, 0.975))
    return float(low), float(high)


def bootstrap(values: Sequence[Any], statistic: Callable[[Sequence[Any]], float]) -> tuple[float, float]:
    """The 95% percentile interval of any statistic of independent values, by 1,000 resamples."""
    if not len(values):
        return math.nan, math.nan
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(1000):
        at = rng.integers(0, len(values), len(values))
        found.append(statistic([values[i] for i in at]))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-values adjusted for their number (Holm 1979, Scand. J. Statist. 6, 65), by the same names."""
    adjusted: dict[str, float] = {}
    worst = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p))
        adjusted[name] = worst
    return {name: adjusted[name] for name in p_values}


def _resampled(values: NDArray[np.float64], clusters: Sequence[str] | None) -> NDArray[np.float64]:
    """The means of resamples that draw clusters with replacement."""
    at = np.arange(len(values)) if clusters is None else np.unique(np.array(clusters), return_inverse=True)[1]
    sums = np.bincount(at, values).astype(np.float64)
    sizes = np.bincount(at).astype(np.float64)
    rng = np.random.default_rng(_SEED)
    means = []
    for start in range(0, RESAMPLES, _CHUNK):
        drawn = rng.integers(0, len(sums), (min(_CHUNK, RESAMPLES - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(means)
