"""The sequential test against exact enumeration, a closed form and its bounds; the drift alarm."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.deploy.drift import PageHinkley
from enactor.deploy.sequential import Pairs, Plan, bounds, log_capital


@pytest.mark.parametrize("mean", [0.0, -0.05, 0.1, -0.3])
@pytest.mark.parametrize(("wins", "losses"), [(0.3, 0.3), (0.1, 0.1), (0.5, 0.5), (0.05, 0.4)])
def test_the_capital_is_a_fair_game_at_the_most_under_the_hypothesis(
    mean: float, wins: float, losses: float
) -> None:
    """Its expectation over all sequences of seven pairs, with a mean difference of `mean` or less."""
    wins = min(wins, losses + mean)  # the difference is mean at the most
    if wins < 0:
        wins, losses = 0.0, -mean
    chances = {1: wins, -1: losses, 0: 1 - wins - losses}
    expected = 0.0
    for sequence in itertools.product(chances, repeat=7):
        chance = math.prod(chances[step] for step in sequence)
        pairs = Pairs(sequence.count(1), sequence.count(-1), sequence.count(0))
        expected += chance * math.exp(log_capital(pairs, mean))
    assert expected <= 1 + 1e-9


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (12, 3), (40, 20), (3, 9)])
def test_at_zero_it_is_robbins_mixture_on_the_discordant_pairs(wins: int, losses: int) -> None:
    """The uniform mixture over winning chances above one half in closed form: a binomial tail."""
    n = wins + losses
    tail = sum(math.comb(n + 1, k) for k in range(wins + 1))
    exact = math.log(tail / ((n + 1) * math.comb(n, wins)))
    assert log_capital(Pairs(wins, losses, 100)) == pytest.approx(exact, abs=0.01)
    assert log_capital(Pairs(wins, losses, 0)) == log_capital(Pairs(wins, losses, 1000))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_the_bounds_hold_the_mean_and_narrow(wins: int, losses: int, ties: int) -> None:
    pairs = Pairs(wins, losses, ties)
    low, high = bounds(pairs)
    if not pairs.n:
        assert (low, high) == (-1.0, 1.0)
        return
    assert -1 <= low <= pairs.difference <= high <= 1
    wide = bounds(pairs, 0.01)
    assert wide[0] <= low + 1e-9
    assert wide[1] >= high - 1e-9


def test_verdicts() -> None:
    plan = Plan()
    assert plan.verdict(Pairs()) is None
    assert plan.verdict(Pairs(8, 0, 0)) == "better"
    assert plan.verdict(Pairs(0, 8, 0)) == "worse"
    assert plan.verdict(Pairs(2, 2, 400)) == "not worse"
    assert Plan(goal="better").verdict(Pairs(2, 2, 400)) is None
    assert Plan(goal="better", most=404).verdict(Pairs(2, 2, 400)) == "no decision"
    assert plan.verdict(Pairs(20, 20, 160)) is None


def test_pairs_count_what_was_right() -> None:
    pairs = Pairs()
    for candidate, incumbent in ((True, False), (False, True), (True, True), (False, False), (True, False)):
        pairs = pairs.with_pair(candidate, incumbent)
    assert pairs == Pairs(2, 1, 2)
    assert pairs.difference == pytest.approx(0.2)
    assert math.isnan(Pairs().difference)


def test_the_expected_number_is_where_it_would_be_decided() -> None:
    plan = Plan(goal="better")
    seen = Pairs(6, 2, 42)
    expected = plan.expected(seen)
    assert expected is not None
    assert seen.n < expected < plan.most
    times = expected / seen.n
    then = Pairs(round(6 * times), round(2 * times), round(42 * times))
    assert log_capital(then) == pytest.approx(math.log(20), abs=0.7)
    assert plan.expected(Pairs(3, 3, 44)) is None
    assert plan.expected(Pairs()) is None
    assert Plan().expected(Pairs(0, 0, 30)) is not None


def test_false_decisions_are_rare() -> None:
    """300 comparisons of equal models, looked at after each of 300 requests: at most 5% decide for better."""
    rng = random.Random(4)
    plan, wrong = Plan(goal="better", most=301), 0
    for _ in range(300):
        pairs = Pairs()
        for _ in range(300):
            draw = rng.random()
            if draw > 0.2:
                pairs = pairs.with_pair(True, True)
                continue
            pairs = pairs.with_pair(draw < 0.1, draw >= 0.1)
            if log_capital(pairs) >= math.log(20):
                wrong += 1
                break
    assert plan.verdict(Pairs()) is None
    assert wrong / 300 < 0.06


def test_drift_alarms_after_a_rise_and_not_before() -> None:
    rng = random.Random(0)
    test = PageHinkley()
    for _ in range(400):
        test = test.seen(rng.random() < 0.08)
    assert not test.alarm
    assert test.n == 400
    assert test.mean == pytest.approx(0.08, abs=0.04)
    for index in range(200):
        test = test.seen(rng.random() < 0.4)
        if test.alarm:
            assert index < 100
            break
    assert test.alarm


def test_drift_waits_for_enough_values() -> None:
    test = PageHinkley(threshold=1, least=30)
    for value in [0] * 10 + [1] * 19:
        test = test.seen(value)
    assert test.rise > 1
    assert not test.alarm
    assert test.seen(1).alarm
