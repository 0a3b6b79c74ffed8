"""`enactor traces` on a real store: counts, lists, shows, draws, forgets, and says what it could not read."""

import json
from pathlib import Path

import pytest

from enactor.cli import main
from enactor.trace import Feedback, Step, ToolCall, ToolResult, Trace, TraceStore, trace_hash, with_player

CALL = Step(
    ToolCall("send_command", '{"command": "EAT tuna"}', {"command": "EAT tuna"}),
    ToolResult("ok", {"dispatched": True}, "EAT Tuna", 3.0),
)
EATEN = Trace(
    "eat a tuna", "Done.", "executed", "executed", (CALL,), timestamp="2030-01-02T03:04:05", source="terminal"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TraceStore:
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))
    store = TraceStore(tmp_path / "log")
    store.append(with_player(EATEN, store, "me"))
    for n in range(3):
        hello = Trace(f"hello {n}", "Hi!", "answered", "answered", timestamp=f"2030-01-0{n + 3}T00:00:00")
        store.append(hello)
    return store


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["traces", *words]) == 0
    return capsys.readouterr().out


def test_counting_by_anything(store: TraceStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert "task                conversation 3, simple_command 1" in told(capsys)
    assert told(capsys, "count", "--by", "outcome").split() == [
        *("answered", "3", "75.0%", "executed", "1", "25.0%", "all", "4"),
    ]
    counts = json.loads(told(capsys, "--json", "--source", "terminal"))
    assert counts == {
        "total": 1,
        "day": {"2030-01-02": 1},
        "source": {"terminal": 1},
        "task": {"simple_command": 1},
        "outcome": {"executed": 1},
    }


def test_listing_what_fits(store: TraceStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        told(capsys, "list", "--since", "2030-01-03", "--contains", "HELLO", "--last", "2").count("\n") == 2
    )
    (row,) = map(json.loads, told(capsys, "list", "--task", "simple_command", "--json").splitlines())
    assert row["message"] == "eat a tuna"
    assert all(len(line) <= 80 for line in told(capsys, "list").splitlines())
    assert main(["traces", "list", "--outcome", "shrugged"]) == 2
    assert main(["traces", "list", "--since", "yesterday"]) == 2


def test_showing_one_by_the_beginning_of_its_id(
    store: TraceStore, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = next(trace_hash(trace) for trace in store.iterate() if trace.steps)
    store.add_feedback(Feedback(identity, 4, "quick"))
    for given in (identity, identity[:11], identity[3:11]):
        text = told(capsys, "show", given)
        assert "ok as EAT Tuna" in text
        assert "because   call: send_command EAT ok" in text
        assert "rating    4  quick" in text
    assert json.loads(told(capsys, "show", identity, "--json"))["quality"]["human_rating"] == 4
    assert main(["traces", "show", "h1:"]) == 1
    assert "say more of it" in capsys.readouterr().err
    assert main(["traces", "show", "ffffffffffffffff"]) == 1
    assert "traces list" in capsys.readouterr().err
    assert main(["traces", "show"]) == 1
    assert "needs the id" in capsys.readouterr().err


def test_drawing_fits_the_terminal(store: TraceStore, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "draw")
    assert [line for line in text.splitlines() if line.startswith("by ")] == [
        *("by day", "by source", "by task", "by outcome"),
    ]
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text
    for day in range(40):
        store.append(
            Trace("x", "", "failed", "failed", timestamp=f"2031-{1 + day // 20:02}-{1 + day % 20:02}")
        )
    assert "by month\n2030-01 " in told(capsys, "draw", "--by", "day")


def test_forgetting_a_player(store: TraceStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traces", "forget", "you"]) == 1
    assert "names count exactly" in capsys.readouterr().err
    assert told(capsys, "forget", "me").startswith("1 recorded requests of me were removed")
    assert not [trace for trace in store.iterate() if trace.steps]
    assert main(["traces"]) == 0
    assert "1 were removed on" in capsys.readouterr().err


def test_what_is_torn_or_unreadable_is_told(store: TraceStore, capsys: pytest.CaptureFixture[str]) -> None:
    with (store.folder / "training_2030-01-02.jsonl").open("ab") as file:
        file.write(b'no row\n{"schema": 1, "ha')
    assert main(["traces"]) == 0
    complaint = capsys.readouterr().err
    assert "a writer was stopped in the middle of a line: its 17 bytes are kept in" in complaint
    assert "1 lines cannot be read: no JSON object" in complaint
    assert main(["traces"]) == 0
    assert "1 torn lines are set aside" in capsys.readouterr().err
