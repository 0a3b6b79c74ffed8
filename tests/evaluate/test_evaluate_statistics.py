"""Intervals, paired tests and calibration against scipy, statsmodels and values worked by hand."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as known_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from enactor.evaluate.calibration import calibrate, pass_hat
from enactor.evaluate.paired import bootstrap_mean, compare_means, compare_shares, holm, mcnemar
from enactor.evaluate.stats import Rate


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (81, 263), (980, 1000)])
def test_wilson_is_scipys(hits, n):
    known = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert Rate(hits, n).interval == pytest.approx((known.low, known.high), abs=1e-6)


def test_wilson_is_statsmodels():
    assert Rate(17, 60).interval == pytest.approx(proportion_confint(17, 60, method="wilson"), abs=1e-6)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 0), (2, 11), (9, 9), (40, 61)])
def test_mcnemar_is_statsmodels_exact(only_first, only_second):
    known = known_mcnemar([[7, only_first], [only_second, 3]], exact=True).pvalue
    assert mcnemar(only_first, only_second) == pytest.approx(min(1.0, known))
    if only_first + only_second:
        test = stats.binomtest(only_first, only_first + only_second)
        assert mcnemar(only_first, only_second) == pytest.approx(test.pvalue)


@pytest.mark.parametrize("seed", range(8))
def test_holm_is_statsmodels(seed):
    rng = random.Random(seed)
    values = [round(rng.random() ** 3, rng.choice((1, 6))) for _ in range(1 + 2 * seed)]  # some of them equal
    named = {str(at): value for at, value in enumerate(values)}
    known = multipletests(values, method="holm")[1]
    assert list(holm(named).values()) == pytest.approx(list(known))


def test_the_bootstrap_of_a_mean_is_scipys():
    rng = np.random.default_rng(3)
    values = rng.exponential(2.0, 80)
    known = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=rng
    ).confidence_interval
    assert bootstrap_mean(list(values)) == pytest.approx((known.low, known.high), rel=0.03)


def test_the_paired_bootstrap_is_near_the_paired_t_test():
    rng = np.random.default_rng(5)
    first = rng.normal(0, 1, 120)
    second = first + rng.normal(0.15, 1, 120)
    found = compare_means(list(first), list(second))
    known = stats.ttest_rel(second, first)
    low, high = known.confidence_interval()
    assert found.difference == pytest.approx(float(np.mean(second - first)))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.04)
    assert found.p == pytest.approx(known.pvalue, abs=0.04)


def test_equal_policies_are_not_told_apart():
    flags = [random.Random(1).random() < 0.5 for _ in range(50)]
    found = compare_shares(flags, flags)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert (found.only_first, found.only_second) == (0, 0)


def test_whole_clusters_are_drawn():
    """Four copies of each answer are no more evidence than one."""
    values = [float(i % 3 == 0) for i in range(40)]
    once = bootstrap_mean(values)
    copied = [value for value in values for _ in range(4)]
    clusters = [str(i) for i in range(40) for _ in range(4)]
    assert bootstrap_mean(copied, clusters) == pytest.approx(once, abs=0.03)
    assert bootstrap_mean(copied)[1] - bootstrap_mean(copied)[0] < 0.7 * (once[1] - once[0])


def test_nothing_gives_no_figure():
    assert all(map(math.isnan, bootstrap_mean([])))
    assert compare_means([], []).n == 0
    assert calibrate([]).n == 0
    assert holm({}) == {}


def test_an_honest_model_is_calibrated():
    rng = random.Random(2)
    answers = [(math.log(p), rng.random() < p) for p in (rng.uniform(0.05, 1) for _ in range(20_000))]
    found = calibrate(answers)
    assert found.error < 0.02
    assert found.brier == pytest.approx(sum((math.exp(a) - b) ** 2 for a, b in answers) / len(answers))
    assert found.curve[-1] == (1.0, pytest.approx(1 - sum(b for _, b in answers) / len(answers)))
    assert [c for c, _ in found.curve] == sorted(c for c, _ in found.curve)


def test_the_curve_by_hand():
    # Surest first: right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2.
    found = calibrate([(-0.1, True), (-0.2, False), (-0.3, True), (-0.4, False)])
    assert [risk for _, risk in found.curve] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.chance == 0.5
    assert found.best == pytest.approx(calibrate([(-i, i < 2) for i in range(4)]).area)
    tied = calibrate([(-0.1, True), (-0.1, False)])
    assert [risk for _, risk in tied.curve] == [0.5, 0.5]


@given(st.integers(0, 8), st.integers(1, 8))
def test_pass_hat_counts_the_draws(successes, k):
    """Against counting every choice of k of eight trials."""
    from itertools import combinations

    trials = [True] * successes + [False] * (8 - successes)
    draws = list(combinations(trials, k))
    assert pass_hat(successes, 8, k) == pytest.approx(sum(all(draw) for draw in draws) / len(draws))


def test_pass_hat_needs_its_trials():
    with pytest.raises(ValueError, match="needs 4 trials"):
        pass_hat(2, 3, 4)
