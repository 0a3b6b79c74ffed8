"""The whole way of a correction: a record is imported, judged wrong, corrected, and trained on."""

import json
from pathlib import Path

import pytest

from enactor.cli import main
from enactor.curate import Row, read_rows
from enactor.curate.rows import Action
from enactor.serve.label import Desk

RECIPE = """
gather: {traces: [log], labelled: [labelled.jsonl]}
counts: {simple: 8, loop: 6, multi: 0, status: 0, recovery: 0, prerequisite: 0, emergency: 0, chat: 0,
         refuse: 0, ask: 0, followup: 0, correction: 0, protest: 0}
"""
WRONG, RIGHT = "KILL_LOOP Cow none 12", "KILL_LOOP giant_frogs none twelve"


def record(number: int, message: str, command: str) -> list[dict[str, object]]:
    """A made-up turn as a bot's conversation log has it."""
    base = {"request_id": f"r{number}"}
    at = f"2030-01-02T10:{number:02}"
    asked = {"user_id": 1, "username": "u", "message": message, "task_type": "loop_command"}
    arguments = {"tool": "send_command", "arguments": {"command": command}}
    return [
        {"type": "request", **base, "timestamp": f"{at}:00", "account_id": "acct", **asked},
        {
            "type": "tool_call",
            **base,
            "timestamp": f"{at}:01",
            **arguments,
            "result": {"dispatched": True},
            "success": True,
        },
        {"type": "response", **base, "timestamp": f"{at}:02", "response": "On it.", "tool_calls_count": 1},
    ]


@pytest.fixture
def corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log of three imported requests, the first of which was corrected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENACTOR_SETTINGS", raising=False)
    turns = [
        record(1, "twelve of the giant frogs, please, by hand", WRONG),
        record(2, "slay 20 goblins", "KILL_LOOP Goblin none 20"),
        record(3, "get rid of 30 imps", "KILL_LOOP Imp none 30"),
    ]
    lines = [json.dumps(line) for turn in turns for line in turn]
    (tmp_path / "conversations_2030-01-02.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["ingest", "conversations_2030-01-02.jsonl", "--training-log", "log"]) == 0
    desk = Desk(tmp_path / "log")
    entry = next(e for e in desk.queue("ann", "todo", 10)["entries"] if "frogs" in e["message"])
    desk.label({"trace": entry["id"], "annotator": "ann", "rating": 1, "calls": RIGHT})
    assert main(["label", "rows", "--training-log", "log", "--out", "labelled.jsonl"]) == 0
    (tmp_path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def built(folder: Path) -> list[Row]:
    return [row for side in ("train", "test") for row in read_rows(folder / "data" / f"{side}.jsonl")]


def test_a_correction_takes_the_place_of_its_record(
    corrected: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "mine.yaml", "--out", "data"]) == 0
    assert "corrected by a person: 1" in capsys.readouterr().out
    [row] = [row for row in built(corrected) if "giant frogs, please" in row.message]
    assert row.say == (Action("send_command", {"command": RIGHT}),)
    assert row.expect == (Action("send_command", {"command": "KILL_LOOP Giant_frog none 12"}),)
    assert RIGHT in "".join(segment.text for segment in row.segments() if segment.train)


def test_corrections_come_before_other_records(corrected: Path) -> None:
    """Where the mix has room for one row of the kind, it is the corrected one, whatever the seed."""
    recipe = RECIPE.replace("loop: 6", "loop: 1")
    (corrected / "mine.yaml").write_text(recipe, encoding="utf-8")
    for seed in range(4):
        assert main(["build", "mine.yaml", "--out", "data", "--seed", str(seed)]) == 0
        [row] = [row for row in read_rows(corrected / "data" / "train.jsonl") if row.kind == "loop"]
        assert "label" in row.meta


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"message": "hi"}\n', "labelled.jsonl:1: not a row"),
        (b"\xff\xfe\n", "labelled.jsonl:1: not a row"),
        (b'["a list"]\n', "labelled.jsonl:1: not a row"),
    ],
)
def test_a_file_that_holds_no_rows_is_told(
    corrected: Path, capsys: pytest.CaptureFixture[str], content: bytes, told: str
) -> None:
    (corrected / "labelled.jsonl").write_bytes(content)
    assert main(["build", "mine.yaml", "--out", "data"]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("key", "value"), [("kind", "poem"), ("template", "mine")])
def test_a_row_without_a_place_in_the_mix_is_told(
    corrected: Path, capsys: pytest.CaptureFixture[str], key: str, value: str
) -> None:
    path = corrected / "labelled.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), key: value}) + "\n", "utf-8")
    assert main(["build", "mine.yaml", "--out", "data"]) == 1
    assert f"'{value}'" in capsys.readouterr().err
