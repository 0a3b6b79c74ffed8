"""Rows come back exactly, those of older versions too; what is no trace is refused by name."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.trace import (
    OUTCOMES,
    SCHEMA,
    Message,
    ReadReport,
    RowError,
    Step,
    ToolCall,
    ToolResult,
    Trace,
    TraceStore,
    canonical_json,
    content_hash,
    from_row,
    to_row,
)
from enactor.trace.migrations import MIGRATIONS, up_to_date

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(words, json_values, max_size=3)
calls = st.builds(
    ToolCall,
    words,
    words,
    st.none() | objects,
    st.none() | words,
    st.sampled_from(["raw", "repaired", "forced", "direct"]),
)
statuses = st.sampled_from(["ok", "error", "needs_confirmation", "blocked"])
results = st.builds(ToolResult, statuses, objects, st.none() | words, finite)
messages = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    words,
    st.lists(calls, max_size=2).map(tuple),
)
traces = st.builds(
    Trace,
    message=words,
    reply=words,
    outcome=st.sampled_from(OUTCOMES),
    model_outcome=st.sampled_from(OUTCOMES),
    steps=st.lists(st.builds(Step, calls, results), max_size=3).map(tuple),
    outputs=st.lists(words, max_size=2).map(tuple),
    history=st.lists(messages, max_size=3).map(tuple),
    state_before=st.none() | objects,
    state_after=st.none() | objects,
    timestamp=words,
    source=words,
    player=words,
    latency_ms=finite,
    prompt_tokens=st.integers(0, 10**6),
    completion_tokens=st.integers(0, 10**6),
    meta=objects,
)
SIMPLE = Trace("kill frogs", "On it.", "executed", "executed", timestamp="2030-01-02T03:04:05")


@settings(deadline=None)
@given(traces)
def test_a_trace_comes_back_from_its_row_exactly(trace: Trace) -> None:
    missing: Counter[str] = Counter()
    row = json.loads(canonical_json(to_row(trace)))
    assert from_row(row, missing) == trace
    assert not missing
    assert row["id"] == to_row(from_row(row))["id"]


def test_every_key_of_the_log_is_there() -> None:
    row = to_row(SIMPLE)
    assert set(row) == {
        *("schema", "id", "timestamp", "source", "input", "expected_actions", "execution_trace", "quality"),
        "enactor",
    }
    assert set(row["input"]) == {"user_message", "task_type", "game_state", "history_summary"}
    assert set(row["execution_trace"]) == {"tool_calls", "response", "state_after"}
    assert set(row["quality"]) == {
        *("success", "had_errors", "described_instead_of_executed", "human_rating"),
    }


def test_a_row_of_another_writer_is_read_and_what_it_lacks_counted() -> None:
    missing: Counter[str] = Counter()
    call = {"tool": "send_command", "args": {"command": "STOP"}, "result": {"dispatched": True}}
    trace = from_row({"input": {"user_message": "stop"}, "execution_trace": {"tool_calls": [call]}}, missing)
    assert trace.outcome == "executed"
    assert missing["quality"] == missing["input.game_state"] == missing["id"] == 1


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"input": {}},
        {"input": []},
        {"input": "x"},
        {"schema": 99},
        {"schema": "one"},
        {"schema": True},
        {"input": {"user_message": 3}},
        {"input": {"user_message": "a"}, "execution_trace": {"response": ["b"]}},
        {"input": {"user_message": "a"}, "execution_trace": {"tool_calls": [{"args": {}}]}},
        {"input": {"user_message": "a"}, "execution_trace": {"tool_calls": 3}},
        {"input": {"user_message": "a"}, "enactor": {}, "schema": 1},
        {**to_row(SIMPLE), "enactor": {**to_row(SIMPLE)["enactor"], "outcome": "shrugged"}},
    ],
)
def test_what_is_no_trace_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(RowError):
        from_row(row)


OLD = {
    "id": "1015302233",
    "timestamp": "2030-01-02T10:15:33",
    "source": "discord",
    "input": {
        "user_message": "Go to the bank",
        "task_type": "simple_command",
        "game_state": {"location": [3222, 3218, 0], "health": [9, 10], "inventory_used": 3},
        "history_summary": "2 prior messages",
    },
    "expected_actions": [{"tool": "send_command", "args": {"command": "BANK_OPEN"}}],
    "execution_trace": {
        "tool_calls": [
            {"tool": "get_game_state", "args": None, "result": "no plugin", "latency_ms": None},
            {"tool": "send_command", "args": {"command": "BANK_OPEN"}, "result": {"dispatched": True}},
        ],
        "response": "On the way.",
        "state_after": None,
    },
    "quality": {"success": True, "had_errors": False, "user_feedback": None, "human_rating": None},
}
"""A row as the program before this one wrote it: version 0."""


def test_a_row_of_version_0_becomes_one_of_today() -> None:
    kept = json.dumps(OLD)
    row = up_to_date(OLD)
    assert json.dumps(OLD) == kept
    assert row["schema"] == SCHEMA
    assert up_to_date(row) == row
    trace = from_row(OLD)
    assert trace == from_row(row)
    assert trace.outcome == "executed"
    assert [step.result.content for step in trace.steps] == [{"value": "no plugin"}, {"dispatched": True}]
    assert trace.state_before == OLD["input"]["game_state"]  # type: ignore[index]
    assert from_row(json.loads(canonical_json(to_row(trace)))) == trace


def test_migrations_run_in_order_from_the_version_of_the_row() -> None:
    """What a future version 3 does to rows of each version before it."""

    def renamed(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "where": row.pop("source")}

    def marked(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "where": row["where"].upper()}

    chain = (*MIGRATIONS, renamed, marked)
    first = json.loads(canonical_json(to_row(replace(SIMPLE, source="terminal"))))
    assert up_to_date(first, chain)["where"] == "TERMINAL"
    assert up_to_date(OLD, chain)["where"] == "DISCORD"
    second = {**renamed(dict(first)), "schema": 2}
    assert up_to_date(second, chain) == up_to_date(first, chain)
    assert up_to_date(first, chain)["schema"] == 3
    assert first["source"] == "terminal"
    with pytest.raises(RowError, match="newer than 1"):
        up_to_date(second)


def test_a_newer_row_in_the_log_is_counted_and_the_rest_read(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    path = tmp_path / "training_2030-01-02.jsonl"
    newer = {**json.loads(path.read_text()), "schema": SCHEMA + 1}
    path.write_text(path.read_text() + json.dumps(newer) + "\n" + json.dumps(OLD) + "\n")
    report = ReadReport()
    assert [t.message for t in store.iterate(report=report)] == ["kill frogs", "Go to the bank"]
    assert report.refused == {f"schema {SCHEMA + 1} is newer than {SCHEMA}": 1}


def test_the_hash_depends_on_the_value_and_not_on_its_writing() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": (1, 2), "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert content_hash({}).startswith("h1:")
    with pytest.raises(ValueError):
        canonical_json(float("nan"))
