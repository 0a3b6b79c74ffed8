"""An old log taken over: every line counted once, nothing lost, the originals untouched."""

import json
from pathlib import Path
from typing import Any

import pytest

from enactor.errors import EnactorError
from enactor.serve.migrate import UNREADABLE, migrate
from enactor.trace import TraceStore


def row(message: str, **more: Any) -> dict[str, Any]:
    """A row as the system before wrote it."""
    return {
        "id": "1015302233",
        "timestamp": "2025-01-02T10:15:33",
        "source": "discord",
        "input": {
            "user_message": message,
            "task_type": "simple_command",
            "game_state": None,
            "history_summary": None,
        },
        "expected_actions": [{"tool": "send_command", "args": {"command": "GOTO 3208 3220 2"}}],
        "execution_trace": {
            "tool_calls": [
                {
                    "tool": "send_command",
                    "args": {"command": "GOTO 3208 3220 2"},
                    "result": {"dispatched": True},
                    "latency_ms": 0,
                }
            ],
            "response": "On the way.",
            "state_after": None,
        },
        "quality": {
            "success": True,
            "had_errors": False,
            "described_instead_of_executed": False,
            "human_rating": None,
            **more,
        },
    }


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    lines = [json.dumps(row("go to the bank")), json.dumps(row("again", human_rating=4)), "{broken", "[]"]
    (folder / "training_2025-01-02.jsonl").write_text("\n".join(lines) + "\n")
    torn = json.dumps(row("torn"))[:-20].encode()
    (folder / "training_2025-01-03.jsonl").write_bytes(
        json.dumps(row("go to the bank")).encode()
        + b"\n\n\xff\n"
        + json.dumps({"input": {}}).encode()
        + b"\n"
        + torn
    )
    return folder


def test_every_line_is_added_known_or_refused(old: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in old.iterdir()}
    done = migrate(old, tmp_path / "new")
    assert (done.files, done.lines, done.added, done.known, done.ratings) == (2, 8, 2, 1, 1)
    assert done.refused == {
        "not JSON, or torn": 2,
        "no object": 1,
        "not UTF-8": 1,
        "no message of the player": 1,
    }
    assert done.added + done.known + done.refused.total() == done.lines
    assert {path: path.read_bytes() for path in old.iterdir()} == before
    store = TraceStore(tmp_path / "new")
    assert sorted(trace.message for trace in store.iterate()) == ["again", "go to the bank"]
    assert [feedback.rating for feedback in store.feedback().values()] == [4]


def test_a_second_run_adds_nothing(old: Path, tmp_path: Path) -> None:
    migrate(old, tmp_path / "new")
    kept = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    done = migrate(old, tmp_path / "new")
    assert (done.added, done.known, done.ratings) == (0, 3, 0)
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == kept


def test_unreadable_lines_are_kept_with_the_reason(old: Path, tmp_path: Path) -> None:
    migrate(old, tmp_path / "new")
    rows = [json.loads(line) for line in (tmp_path / "new" / UNREADABLE).read_text().splitlines()]
    assert len(rows) == 5
    assert {
        "file": "training_2025-01-02.jsonl",
        "line": 3,
        "reason": "not JSON, or torn",
        "text": "{broken",
    } in rows


def test_our_own_rows_keep_their_identity(tmp_path: Path) -> None:
    from enactor.trace import Trace
    from enactor.trace.codec import trace_hash

    trace = Trace("one", "x", "executed", "executed", timestamp="2026-01-02T03:04:05+00:00", player="p1:ab")
    TraceStore(tmp_path / "old").append(trace)
    migrate(tmp_path / "old", tmp_path / "new")
    assert TraceStore(tmp_path / "new").read(trace_hash(trace)) == trace


def test_what_cannot_be_migrated_is_told(old: Path, tmp_path: Path) -> None:
    with pytest.raises(EnactorError, match="no training log"):
        migrate(tmp_path / "gone", tmp_path / "new")
    with pytest.raises(EnactorError, match="the store already"):
        migrate(old, old)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnactorError, match="holds no training"):
        migrate(tmp_path / "empty", tmp_path / "new")
