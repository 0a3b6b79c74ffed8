"""Rows come back exactly; the store keeps what it acknowledged, whatever happens to its writers."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.errors import EnactorError
from enactor.trace import (
    OUTCOMES,
    Feedback,
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
from enactor.trace.store import with_player

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
    "row", [{}, {"input": {}}, {"input": []}, {"schema": 99}, {"input": {"user_message": 3}}]
)
def test_what_is_no_trace_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(RowError):
        from_row(row)


def test_the_hash_depends_on_the_value_and_not_on_its_writing() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": (1, 2), "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
    assert content_hash({}).startswith("h1:")
    with pytest.raises(ValueError):
        canonical_json(float("nan"))


def test_append_iterate_and_read(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "new" / "folder")
    key = store.append(SIMPLE)
    store.append(Trace("hi", "Hello", "answered", "answered", timestamp="2030-01-03T00:00:00"))
    assert store.days() == ["2030-01-02", "2030-01-03"]
    assert [t.message for t in store.iterate()] == ["kill frogs", "hi"]
    assert [t.message for t in store.iterate(["2030-01-03"])] == ["hi"]
    assert store.read(key) == SIMPLE
    assert store.read("h1:none") is None


def test_a_timestamp_can_not_name_another_file(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "s")
    store.append(Trace("a", "", "failed", "failed", timestamp="../../evil"))
    assert len(store.days()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"s"}


def test_a_torn_tail_is_set_aside_and_reported(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    path = tmp_path / "training_2030-01-02.jsonl"
    with path.open("ab") as file:
        file.write(b'{"id": "half')
    ((aside, size),) = TraceStore(tmp_path).opened.torn
    assert aside.read_bytes() == b'{"id": "half'
    assert size == 12
    assert [t.message for t in store.iterate()] == ["kill frogs"]
    # Torn while a store is open: the next append sets it aside too.
    with path.open("ab") as file:
        file.write(b'{"other')
    store.append(SIMPLE)
    assert len(list(store.iterate())) == 2
    assert len(list(tmp_path.glob("*.torn"))) == 2


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    with (tmp_path / "training_2030-01-02.jsonl").open("ab") as file:
        file.write(b"garbage\n[1]\n{}\n\xff\xfe\n")
    report = ReadReport()
    assert len(list(store.iterate(report=report))) == report.rows == 1
    assert sum(report.refused.values()) == 4


def test_the_latest_feedback_wins(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    key = store.append(SIMPLE)
    store.add_feedback(Feedback(key, 2, "slow"))
    store.add_feedback(Feedback(key, 5))
    assert store.feedback()[key].rating == 5
    assert len((tmp_path / "user_feedback.jsonl").read_text().splitlines()) == 2
    with pytest.raises(EnactorError, match="1 to 5"):
        store.add_feedback(Feedback(key, 9))


def test_a_player_is_hashed_and_can_be_forgotten(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    mine = store.append(with_player(SIMPLE, store, "Zezima"))
    other = store.append(with_player(SIMPLE, store, "Bob"))
    store.add_feedback(Feedback(mine, 1))
    store.add_feedback(Feedback(other, 4))
    assert all(b"Zezima" not in path.read_bytes() for path in tmp_path.iterdir())
    assert stat.S_IMODE((tmp_path / ".salt").stat().st_mode) == 0o600
    assert TraceStore(tmp_path).player("Zezima") == store.player("Zezima")
    assert store.forget("Zezima") == 1
    assert [t.player for t in store.iterate()] == [store.player("Bob")]
    assert set(store.feedback()) == {other}
    assert store.forget("Zezima") == 0


def test_a_full_disk_is_an_error_with_a_cure_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 50:
            return write(handle, data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(EnactorError, match="free some space"):
        store.append(SIMPLE)
    monkeypatch.undo()
    assert len(list(store.iterate())) == 1
    assert not TraceStore(tmp_path).opened.torn


def test_a_folder_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnactorError, match="cannot be used"):
        TraceStore(tmp_path / "file" / "store")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a read-only file system")
def test_a_read_only_folder_names_its_cure() -> None:
    with pytest.raises(EnactorError, match="cannot be used"):
        TraceStore("/proc/enactor")


WRITER = """
import sys
from enactor.trace import Trace, TraceStore
store = TraceStore(sys.argv[1])
for n in range(int(sys.argv[3])):
    text = f"{sys.argv[2]}-{n}"
    store.append(Trace(text, "x" * 3000, "executed", "executed", timestamp="2030-01-02T00:00:00"))
    print(text, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Four writers, two of them killed in the middle: each acknowledged row is there once."""
    folder, count = tmp_path / "store", 150
    writers = []
    for name in "abcd":
        log = (tmp_path / name).open("wb")
        command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
        writers.append((name, subprocess.Popen(command, stdout=log), log))
    for name, process, _ in writers[:2]:
        deadline = time.monotonic() + 60
        while len((tmp_path / name).read_bytes().splitlines()) < 20 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    for _, process, log in writers:
        process.wait(timeout=120)
        log.close()
    assert [process.returncode for _, process, _ in writers] == [-9, -9, 0, 0]
    stored = Counter(trace.message for trace in TraceStore(folder).iterate())
    said = {n: (tmp_path / n).read_text().split("\n")[:-1] for n in "abcd"}
    acknowledged = [line for lines in said.values() for line in lines]
    assert len(said["c"]) == len(said["d"]) == count
    assert all(stored[row] == 1 for row in acknowledged)
    assert max(stored.values()) == 1
    # A writer killed between the write and its word may have one row more than it said.
    assert len(stored) - len(acknowledged) <= 2
