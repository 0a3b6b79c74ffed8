"""Files, kinds, the store and the command line."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from enactor.cli import main
from enactor.errors import EnactorError
from enactor.ingest import KINDS, default_paths, ingest, kind_of, sources
from enactor.ingest.finish import Row
from enactor.ingest.read import read_source
from enactor.ingest.said import what_was_said
from enactor.ingest.write import Writer
from enactor.trace import Feedback, Trace, TraceStore, to_row, trace_hash

CHAT = {
    "messages": [
        {"role": "user", "content": "stop"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "send_command", "arguments": "{}"}}]},
    ]
}
SESSION = {"type": "user", "uuid": "1", "message": {"role": "user", "content": "hi"}}
TALK = {"type": "request", "request_id": "1", "timestamp": "2030-01-02T10:15:30", "message": "hi"}
FOREIGN = {
    "id": "1015302233",
    "timestamp": "2030-01-02T10:15:33",
    "source": "discord",
    "input": {
        "user_message": "go",
        "task_type": "simple_command",
        "game_state": None,
        "history_summary": None,
    },
    "expected_actions": [],
    "execution_trace": {
        "tool_calls": [
            {
                "tool": "send_command",
                "args": {"command": "STOP"},
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
        "human_rating": 4,
        "user_feedback": None,
    },
}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (json.dumps(CHAT), "chat"),
        (json.dumps(SESSION), "session"),
        (json.dumps({"type": "summary", "summary": "x", "leafUuid": "y"}), "session"),
        (json.dumps(TALK), "conversation"),
        (json.dumps(FOREIGN), "training"),
        (json.dumps(to_row(Trace("a", "b", "answered", "answered"))), "training"),
        ("# Command log for 2030-01-02\ncommands:\n", "commands"),
        ('- timestamp: "x"\n  command: "STOP"\n', "commands"),
        ("{torn\nnothing\n" + json.dumps(TALK), "conversation"),
        ("hello", None),
        ("", None),
        ("{}", None),
    ],
)
def test_the_kind_is_told_by_the_content(desk: Any, content: str, kind: str | None) -> None:
    assert kind_of(desk.write("anything.txt", content)) == kind


def test_the_name_helps_where_no_line_does(desk: Any) -> None:
    assert kind_of(desk.write("conversations_2030-01-02.jsonl", "{torn")) == "conversation"
    assert kind_of(desk.write("commands_2030-01-02.yaml", "torn")) == "commands"


def test_rows_of_other_machines(desk: Any) -> None:
    own = Trace("one", "x", "executed", "executed", timestamp="2030-01-02T03:04:05+00:00", player="p1:ab")
    path = desk.write(
        "training_2030-01-02.jsonl", [to_row(own), FOREIGN, FOREIGN, {"input": {}}, {"quality": {}}]
    )
    report = desk.ingest()
    assert (report.turns, report.added, report.known, report.ratings) == (5, 2, 1, 1)
    assert report.refused.total() == 2
    mine, other = desk.traces()
    assert mine == own
    assert other.outcome == "executed"
    assert other.meta["origin"]["line"] == 2
    store = TraceStore(desk.store)
    assert store.feedback()[trace_hash(other)].rating == 4
    [origin] = [json.loads(line) for line in (desk.store / "origins.jsonl").read_text().splitlines()]
    assert origin["trace"] == trace_hash(own)
    assert (origin["file"], origin["line"], origin["kind"]) == (str(path), 1, "training")
    again = desk.ingest()
    assert (again.added, again.known, again.ratings) == (0, 3, 0)


def test_what_was_said_of_rows_elsewhere_is_taken_over(desk: Any) -> None:
    other = TraceStore(desk.folder)
    traces = [Trace(text, "x", "executed", "executed", timestamp="2030-01-02T03:04:05") for text in "ab"]
    ids = [other.append(trace) for trace in traces]
    other.add_feedback(Feedback(ids[0], 2))
    other.add_feedback(Feedback(ids[0], 5, "better"))
    assert (desk.ingest().ratings, desk.ingest().ratings) == (1, 0)
    assert {key: said.rating for key, said in TraceStore(desk.store).feedback().items()} == {ids[0]: 5}


def test_a_row_that_a_migration_took_is_known(desk: Any) -> None:
    from enactor.serve.migrate import migrate

    desk.write("training_2030-01-02.jsonl", [FOREIGN])
    migrate(desk.folder, desk.store)
    assert desk.ingest().known == 1


def test_every_kind_at_once_is_idempotent(desk: Any) -> None:
    desk.write("a.jsonl", [CHAT])
    desk.write("b.jsonl", [SESSION])
    desk.write("c.jsonl", [TALK])
    desk.write("training_2030-01-02.jsonl", [FOREIGN])
    desk.write("commands_2030-01-02.yaml", 'commands:\n  - timestamp: "x"\n    command: "STOP"\n')
    first, second = desk.ingest(), desk.ingest()
    assert set(first.kinds) == set(KINDS)
    assert (second.turns, second.added, second.known) == (first.turns, 0, first.added)
    assert second.refused == first.refused


def test_two_imports_at_once_double_nothing(desk: Any) -> None:
    desk.write("a.jsonl", [CHAT | {"timestamp": "2030-01-02T00:00:00"}])
    desk.write("training_2030-01-02.jsonl", [FOREIGN])
    writers = [Writer(TraceStore(desk.store)) for _ in range(2)]
    for writer in writers:
        for source in sources([desk.folder], desk.store):
            for batch in read_source(source, None, writer.store, writer.known):
                assert all(writer.add(item) for item in batch.items if isinstance(item, Row))
    for writer in writers:
        writer.flush()
    assert [writer.overtaken for writer in writers] == [0, 2]
    assert len(desk.traces()) == 2
    assert desk.ingest().known == 2


def test_a_torn_tail_that_gave_way_hides_no_row_of_others(desk: Any) -> None:
    record = desk.write("a.jsonl", [CHAT | {"timestamp": "2030-01-02T00:00:00"}])
    day = desk.store / "training_2030-01-02.jsonl"
    desk.ingest(record)
    day.write_bytes(b"{" + b"0" * (day.stat().st_size - 10))
    late = Writer(TraceStore(desk.store, readonly=True))
    assert desk.ingest(record).added == 1
    [source] = sources([record], desk.store)
    for batch in read_source(source, None, late.store, late.known):
        assert all(late.add(item) for item in batch.items if isinstance(item, Row))
    late.flush()
    assert (late.overtaken, len(desk.traces())) == (1, 1)


def test_rows_that_were_removed_meanwhile_hide_none(desk: Any) -> None:
    chats = [CHAT | {"timestamp": f"2030-01-02T00:00:{n:02}"} for n in range(9)]
    desk.ingest(desk.write("a.jsonl", chats))
    writer = Writer(TraceStore(desk.store))
    day = desk.store / "training_2030-01-02.jsonl"
    day.write_bytes(day.read_bytes().splitlines(keepends=True)[0])
    [source] = sources([desk.write("training_2030-01-02.jsonl", [FOREIGN])], desk.store)
    for batch in read_source(source, None, writer.store, writer.known):
        assert all(writer.add(item) for item in batch.items if isinstance(item, Row))
    writer.flush()
    assert len(desk.traces()) == 2


def test_the_kind_can_be_given(desk: Any) -> None:
    path = desk.write("a.txt", [CHAT])
    assert desk.ingest(path, kind="conversation").refused == {"unknown type of line": 1}
    with pytest.raises(EnactorError, match="no kind 'other'"):
        ingest(sources([path], desk.store), desk.store, kind="other")  # type: ignore[arg-type]


def test_a_file_is_read_once(desk: Any) -> None:
    path = desk.write("a.jsonl", [CHAT])
    (desk.folder / "sub").mkdir()
    (desk.folder / "sub" / "link.jsonl").symlink_to(path)
    desk.write("user_feedback.jsonl", "{}")
    desk.write("notes.txt", "x")
    assert desk.ingest(desk.folder, path, desk.folder / "sub").files == 1


def test_a_store_inside_the_folder_is_left_alone(desk: Any) -> None:
    desk.write("a.jsonl", [CHAT])
    store = desk.folder / "store"
    assert ingest(sources([desk.folder], store), store).added == 1
    assert ingest(sources([desk.folder], store), store).files == 1


def test_paths_that_cannot_be_used(desk: Any) -> None:
    with pytest.raises(EnactorError, match="does not exist"):
        sources([desk.folder / "gone"], desk.store)
    fifo = desk.folder / "pipe"
    os.mkfifo(fifo)
    with pytest.raises(EnactorError, match="neither a file nor a folder"):
        sources([fifo], desk.store)
    assert sources([desk.folder], desk.store) == []
    with pytest.raises(EnactorError, match="no records found"):
        default_paths([desk.folder / "gone"])


def test_a_store_that_cannot_be_written(desk: Any) -> None:
    path = desk.write("a.jsonl", [CHAT])
    with pytest.raises(EnactorError, match="cannot be used"):
        ingest(sources([path], path / "store"), path / "store")


def test_a_torn_tail_of_the_store_is_set_aside(desk: Any) -> None:
    desk.write("c.jsonl", [CHAT | {"timestamp": "2030-01-02T00:00:00"}])
    desk.store.mkdir()
    (desk.store / "training_2030-01-02.jsonl").write_bytes(b'{"id": "h1:')
    assert desk.ingest().added == 1
    assert len(desk.traces()) == 1


@pytest.mark.parametrize(
    ("message", "following", "later", "verdict"),
    [
        ("kill frogs", "You didn't execute it", 10, "disputed"),
        ("kill frogs", "kill frogs!", 10, "disputed"),
        ("kill frogs", "??", 10, "disputed"),
        ("kill frogs", "thx", None, "confirmed"),
        (
            "kill frogs",
            "it works now, next go fishing at the swamp until the inventory is full",
            10,
            "confirmed",
        ),
        ("kill frogs", "You didn't execute it", 10_000, None),
        (
            "kill frogs",
            "now go and cook all the raw fish that you have in the bank, no rush with it",
            10,
            None,
        ),
        ("kill frogs", "where am I?", 10, None),
        ("kill frogs", "", 10, None),
    ],
)
def test_next_words(message: str, following: str, later: float | None, verdict: str | None) -> None:
    found = what_was_said(message, following, later)
    assert (found[0] if found else None) == verdict


# -- the command line ---------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_what_is_promised(
    desk: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = desk.write("a.jsonl", [CHAT]), desk.write("b.jsonl", [SESSION, {"torn": 1}])
    arguments = ["ingest", str(one), str(two), "--store", str(desk.store), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "files": 2,
        "lines": 3,
        "turns": 2,
        "added": 1,
        "known": 0,
        "refused": {"no tool call": 1},
    }
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["known"] == 1
    assert main(["ingest", str(two), "--store", str(desk.store)]) == 0
    assert "1 refused: no tool call" in capsys.readouterr().out


def test_refusals_are_listed(desk: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk.write("b.jsonl", [SESSION])
    store = ["--store", str(desk.store)]
    assert main(["ingest", "--list-refused", *store]) == 0
    assert "nothing was refused" in capsys.readouterr().err
    for _ in range(2):
        assert main(["ingest", str(path), *store, "--list-refused", "--json"]) == 0
        told = capsys.readouterr()
        assert f"{path}:1: no tool call" in told.err
        json.loads(told.out)
    assert main(["ingest", "--list-refused", *store]) == 0
    assert capsys.readouterr().out == f"{path}:1: no tool call\n"


def test_what_is_no_record_is_told(desk: Any, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", str(desk.store)]
    assert main(["ingest", str(desk.write("x.jsonl", "hello")), *store, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["refused"] == {"unknown kind of file": 1}
    assert "say which with --kind" in told.err
    desk.write("a.jsonl", [CHAT])
    assert main(["ingest", str(desk.folder), *store, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["refused"] == {"unknown kind of file": 1}
    assert "x.jsonl" in told.err
    assert main(["ingest", str(desk.folder / "gone"), *store]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["ingest", str(desk.folder), "--kind", "other"]) == 2


def test_the_usual_places_and_the_setting(
    desk: Any, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home / ".claude" / "projects" / "-home-me"
    place.mkdir(parents=True)
    (place / "s.jsonl").write_text(json.dumps(SESSION))
    store = ["--store", str(desk.store), "--json"]
    assert main(["ingest", *store]) == 0
    assert json.loads(capsys.readouterr().out)["files"] >= 1
    desk.write("a.jsonl", [CHAT])
    monkeypatch.setenv("ENACTOR_RECORDS", os.pathsep.join((str(desk.folder), str(place))))
    assert main(["ingest", *store]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 2
    monkeypatch.delenv("ENACTOR_RECORDS")
    (home / "enactor.toml").write_text(f'records = ["{desk.folder.as_posix()}"]')
    assert main(["ingest", *store]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 1
    assert main(["ingest", *store, "--records", str(place)]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 1
