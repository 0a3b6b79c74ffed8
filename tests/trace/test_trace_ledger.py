"""The ledger on made-up turns, and on the real records where they are there."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ledger_turns import REAL, Side, Table, made_up, real, step, table

from enactor.trace.ledger import judge, task_type
from enactor.trace.values import OUTCOMES, Step, ToolCall, ToolResult

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "ledger_cases.yaml").read_text(encoding="utf-8"))


def test_there_are_enough_cases_of_each_outcome() -> None:
    counts = Counter(case["want"] for case in CASES)
    assert len(CASES) >= 120
    assert set(counts) == set(OUTCOMES)
    assert min(counts.values()) >= 10


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{c['want']}" for n, c in enumerate(CASES)])
def test_a_made_up_turn(case: dict[str, Any]) -> None:
    steps = [step(*entry) for entry in case.get("s", [])]
    outputs = [case["t"]] if case["t"] else []
    verdict = judge(case["m"], outputs, steps, case["t"])
    assert (verdict.outcome, verdict.model_outcome) == (case["want"], case.get("model", case["want"])), (
        verdict
    )
    assert verdict.evidence


def test_a_call_block_in_the_output_is_no_text_when_it_was_dispatched() -> None:
    block = '<tool_call>\n{"name": "get_game_state", "arguments": {}}\n</tool_call>'
    verdict = judge("where am i", [block], [step("get_game_state", None)], "You are at 3200, 3200.")
    assert verdict.model_outcome == verdict.outcome == "answered"
    assert judge("kill frogs", [block], [], "I did not act.").outcome == "described"


def test_the_reply_that_the_controller_wrote_does_not_wash_the_model_clean() -> None:
    verdict = judge("kill frogs", ["Started killing frogs."], [], "I could not work out what to do.")
    assert verdict.outcome == "claimed"


def test_a_call_that_could_not_be_read_counts_as_described() -> None:
    broken = Step(ToolCall("", "{oops", None, "bad JSON"), ToolResult("error", {"error": "bad JSON"}))
    verdict = judge("kill frogs", ["<tool_call>{oops</tool_call>"], [broken], "That call could not be read.")
    assert verdict.model_outcome == "described"
    assert verdict.outcome == "failed"


def test_the_caller_decides_what_acts() -> None:
    verdict = judge("x", [], [step("send_command", "PEEK")], "", nature=lambda _: "read")
    assert verdict.outcome == "answered"
    assert judge("x", ["ZAP Frog"], [], "", verbs=["ZAP"]).outcome == "described"
    assert judge("x", ["ZAP Frog"], [], "").outcome == "answered"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ([], "conversation"),
        (["LIST_OBJECTS"], "status_query"),
        (["EAT Tuna"], "simple_command"),
        (["LIST_OBJECTS", "EAT Tuna"], "simple_command"),
        (["KILL_LOOP Cow none 5"], "loop_command"),
        (["EAT Tuna", "KILL_LOOP Cow none 5"], "multi_step"),
    ],
)
def test_the_task_type_comes_from_the_calls(commands: list[str], expected: str) -> None:
    assert task_type([step("send_command", command) for command in commands]) == expected


@given(st.text(max_size=80), st.text(max_size=200), st.booleans())
def test_any_text_gets_a_verdict(message: str, text: str, looked: bool) -> None:
    steps = [step("get_game_state", None)] if looked else []
    assert judge(message, [text], steps, text).outcome in OUTCOMES


HALVES: tuple[Side, ...] = ("tuned", "held")


@pytest.mark.parametrize("side", HALVES)
def test_fakes_are_told_from_the_honest_on_made_up_turns(side: Side) -> None:
    """The half that the rules were tuned on and the one that was only counted: `benchmarks/ledger.py`."""
    done = table(turn for turn in made_up() if turn.side == side)
    assert done.pairs.total() > 300
    assert all(done.labelled(outcome) >= 10 for outcome in OUTCOMES)
    for outcome in ("described", "claimed"):
        assert min(done.precision(outcome), done.recall(outcome)) >= 0.97, "\n".join(done.lines())
    assert len(done.misses) <= 0.03 * done.pairs.total()


@pytest.mark.parametrize(("name", "wrong"), [("ledger_last.yaml", 2), ("ledger_later.yaml", 1)])
def test_turns_written_for_the_finished_rules(name: str, wrong: int) -> None:
    """Two of 61 and three of 113 were wrong at their first count; more would be a step back."""
    assert len(table(made_up(name)).misses) <= wrong


def test_the_table_counts_each_error_at_both_outcomes() -> None:
    done = Table(Counter({("described", "described"): 3, ("described", "answered"): 1}))
    assert (done.recall("described"), done.precision("described")) == (0.75, 1.0)
    assert (done.recall("answered"), done.precision("answered")) == (1.0, 0.0)
    assert "| described | 1.000 (3/3) | 0.750 (3/4) | 1 |" in done.lines()


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_the_real_turns_agree_with_their_labels() -> None:
    """Labels were given by reading the turns without the ledger's verdict, and are kept by content hash
    without the text. The rules were written with these turns in view, so this guards against regressions; it
    measures nothing about unseen turns."""
    turns = real()
    if not turns:
        pytest.skip("none of the labelled records is here")
    assert [(turn.key, got) for turn, got, _ in table(turns).misses] == []


@pytest.mark.parametrize(
    "text", ["ok " * 20_000, "A_" * 20_000, "{" * 20_000, "GOTO " * 5_000, ", " * 20_000]
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.process_time()
    judge("kill frogs", [text], [], text)
    assert time.process_time() - begin < 5
