"""The ledger on made-up turns, and on the real records where they are there."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from enactor.trace.hashing import content_hash
from enactor.trace.ledger import judge, task_type
from enactor.trace.values import OUTCOMES, Step, ToolCall, ToolResult

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "ledger_cases.yaml").read_text(encoding="utf-8"))
REAL = Path(__file__).parents[3] / "shared" / "real"


def step(tool: str, command: str | None, status: Any = "ok", origin: Any = "raw") -> Step:
    arguments = {} if command is None else {"command": command}
    return Step(ToolCall(tool, json.dumps(arguments), arguments, origin=origin), ToolResult(status, {}))


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


def real_turns() -> Iterator[tuple[str, str, list[Step], str]]:
    for path in sorted(REAL.glob("conversations_*.jsonl")):
        turns: dict[str, list[dict[str, Any]]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            turns.setdefault(row["request_id"], []).append(row)
        for rows in turns.values():
            message = next((row["message"] for row in rows if row["type"] == "request"), None)
            if message is None:
                continue
            steps = []
            for row in rows:
                if row["type"] == "tool_call":
                    result = row["result"] if isinstance(row["result"], dict) else {}
                    bad = "error" in result or result.get("success") is False or result.get("found") is False
                    call = ToolCall(row["tool"], json.dumps(row["arguments"]), row["arguments"])
                    steps.append(Step(call, ToolResult("error" if bad else "ok", result)))
            reply = next((row["response"] for row in rows if row["type"] == "response"), "")
            calls = [[s.call.tool, s.call.arguments] for s in steps]
            yield content_hash([message, calls, reply]), message, steps, reply


# The hand's label and the ledger's differ here and are left so: a status report that ends in a real question,
# and advice that writes out the reads which it should have made.
KNOWN_MISSES = 2


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_the_real_turns_agree_with_their_labels() -> None:
    """Labels were given by reading the turns without the ledger's verdict, and are kept by content hash
    without the text. Turns in which the runner's notice replaced the model's text have none. The rules were
    written with these turns in view, so this guards against regressions; it measures nothing about unseen
    turns."""
    labels: dict[str, str] = json.loads((HERE / "ledger_labels.json").read_text(encoding="utf-8"))
    judged = {key: judge(m, [], s, r).outcome for key, m, s, r in real_turns() if key in labels}
    if not judged:
        pytest.skip("none of the labelled records is here")
    assert sum(labels[key] != outcome for key, outcome in judged.items()) <= KNOWN_MISSES
