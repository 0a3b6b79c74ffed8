"""`enactor build` by recipe, and `enactor pairs`."""

import json

import pytest

from enactor.cli import main
from enactor.curate import read_rows
from enactor.curate.pairs import Pair

RECIPE = """
counts: {simple: 8, loop: 6, multi: 4, status: 2, recovery: 0, prerequisite: 0, emergency: 0, chat: 2,
         refuse: 0, ask: 0, followup: 0, correction: 0, protest: 0}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENACTOR_SETTINGS", raising=False)
    (tmp_path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def test_a_recipe_is_built_and_told(folder, capsys):
    assert main(["build", "mine.yaml", "--out", "data", "--seed", "3"]) == 0
    told = capsys.readouterr().out
    assert "certificate:" in told
    assert "passes" in told
    assert len(list(read_rows(folder / "data" / "train.jsonl"))) == 22
    manifest = json.loads((folder / "data" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["config"]["seed"] == 3
    assert manifest["config"]["name"] == "mine"


def test_recorded_requests_are_shown_with_their_reasons(folder, capsys):
    from enactor.trace import TraceStore
    from enactor.trace.values import Trace

    TraceStore(folder / "log").append(Trace("eat it", "Eaten.", "claimed", "claimed"))
    (folder / "log" / "training_2026-01-01.jsonl").write_bytes(b"no row\n")
    assert main(["build", "mine.yaml", "--out", "data", "--traces", "log"]) == 0
    told = capsys.readouterr().out
    assert "rows of the log that cannot be read, no JSON object: 1" in told
    assert "recorded requests: 1 read, 0 kept" in told
    assert "executed: 'eat it' [] (the turn was claimed)" in told


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        (["mine.yaml", "--rows", "50"], "put the counts into the recipe"),
        (["--traces", "log"], "needs a recipe"),
        (["nothing.yaml"], "no recipe nothing.yaml: name a YAML file or one of"),
        (["mine.yaml", "--traces", "nowhere"], "no traces at nowhere"),
    ],
)
def test_what_is_wrong_is_told_with_its_cure(folder, capsys, options, cure):
    assert main(["build", *options]) == 1
    assert cure in capsys.readouterr().err


def test_pairs_are_written_and_counted(folder, capsys):
    assert main(["pairs", "--out", "pairs.jsonl", "--scale", "0.05"]) == 0
    told = capsys.readouterr().out
    lines = (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    assert told.startswith(f"{len(lines)} pairs written to pairs.jsonl")
    assert "claimed" in told
    assert all(Pair.from_json(json.loads(line)).texts() for line in lines)


def test_a_suite_that_leaks_is_not_evaluated(folder, capsys):
    assert main(["build", "mine.yaml", "--out", "data"]) == 0
    manifest = json.loads((folder / "data" / "manifest.json").read_text(encoding="utf-8"))
    manifest["certificate"]["templates"] = 3
    (folder / "data" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    capsys.readouterr()
    assert main(["eval", "--rows", "data/test.jsonl"]) == 1
    assert "3 phrasings or conversations stand in both splits" in capsys.readouterr().err
