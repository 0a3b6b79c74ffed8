"""Scores: a policy that answers from the rows is perfect, one that does nothing gets nothing."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.curate import BuildConfig, build
from enactor.curate.rows import Action
from enactor.evaluate import Policy, Rate, cases_of, evaluate, quantile
from enactor.evaluate.cases import Case
from enactor.models import ScriptedEngine
from enactor.prompt import render_prompt
from enactor.world import GameState, offers


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return build(BuildConfig(rows=10, test_rows=150, out=tmp_path_factory.mktemp("data"))).test


def answer_key(rows):
    answers = {}
    for row, case in zip(
        (r for r in rows if r.expect or not (r.say or r.failed)), cases_of(rows), strict=True
    ):
        state, offered = GameState.from_case(case.state), offers().offer(row.message)
        prompt = render_prompt(row.message, state, row.history, offered=offered)
        turn = next(segment.text for segment in row.segments() if segment.train)
        answers[prompt] = turn.removesuffix("<|im_end|>")
    return answers


def test_the_rows_own_answers_score_full_marks(rows):
    answers = answer_key(rows)
    cases = cases_of(rows)
    report = evaluate(Policy("key", ScriptedEngine(lambda prompt: answers[prompt]), recover=False), cases)
    assert report.verb.value > 0.99
    assert report.operands.value > 0.95
    assert report.complete.value > 0.97
    assert report.quiet.value == 1.0
    assert report.origins.keys() <= {"raw", "direct"}


def test_doing_nothing_scores_nothing(rows):
    report = evaluate(Policy("none", ScriptedEngine(lambda prompt: "ok"), ladder=False), cases_of(rows))
    assert report.executed.value < 0.05  # what the player typed or a bare "stop" goes through without a model
    assert report.complete.value < 0.05
    assert report.quiet.value == 1.0


def test_claiming_is_not_doing(rows):
    engine = ScriptedEngine(lambda prompt: "Started it! Killing them all now.")
    report = evaluate(Policy("liar", engine, ladder=False), cases_of(rows))
    assert report.complete.value < 0.05
    assert report.outcomes["claimed"] > 0.5 * report.n


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("expected", [("BANK_DEPOSIT_ALL",), ("BANK_OPEN", "BANK_DEPOSIT_ALL")])
def test_opening_an_open_bank_is_neither_right_nor_wrong(opened, expected):
    state = {"location": [3092, 3245, 0], "inventory": ["Bones x3"], "health": [10, 10], "bank_open": True}
    lines = ["BANK_OPEN", "BANK_DEPOSIT_ALL"] if opened else ["BANK_DEPOSIT_ALL"]
    blocks = [{"name": "send_command", "arguments": {"command": line}} for line in lines]
    engine = ScriptedEngine(
        lambda prompt: "\n".join(f"<tool_call>\n{json.dumps(block)}\n</tool_call>" for block in blocks)
    )
    expect = tuple(Action("send_command", {"command": line}) for line in expected)
    for policy in (Policy("ladder", engine), Policy("raw", engine, ladder=False)):
        (score,) = evaluate(policy, [Case("c", "bank it all", state, expect)]).scores
        assert score.verb, policy.name
        assert score.complete, policy.name


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_holds_the_rate(hits, n):
    rate = Rate(min(hits, n), n)
    low, high = rate.interval
    assert 0 <= low <= rate.value + 1e-12
    assert rate.value <= high + 1e-12
    assert high <= 1


def test_wilson_against_a_published_value():
    # Newcombe (1998), Statist. Med. 17, 857, table I: 81 of 263 gives 0.2553 to 0.3662 (method 3).
    low, high = Rate(81, 263).interval
    assert low == pytest.approx(0.2553, abs=5e-5)
    assert high == pytest.approx(0.3662, abs=5e-5)


def test_quantiles():
    values = [random.Random(0).random() for _ in range(101)]
    assert quantile(values, 0.5) == sorted(values)[50]
    assert quantile([1, 2], 0.5) == 1.5
