"""`enactor eval` from the command line, with the policy that needs no weights."""

import json

import pytest

from enactor.cli import main
from enactor.curate import BuildConfig, build
from enactor.evaluate.folder import read_plays


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_a_suite_is_played_once_and_reported_again(here, capsys):
    asked = ["eval", "robust", "--policy", "rules", "--limit", "6", "--out", "run", "--inspect", "--families"]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "passed" in told
    assert "rules (uncertified)" in told
    plays = here / "run" / "plays" / "rules.jsonl"
    assert len(list(read_plays(plays))) == 6
    first = plays.read_bytes()
    (here / "run" / "report.html").unlink()
    assert main(asked) == 0
    assert plays.read_bytes() == first
    assert (here / "run" / "report.html").is_file()
    assert len(list((here / "run" / "inspect").glob("*.json"))) == 1
    assert main([*asked, "--trials", "1"]) == 0
    assert {play.trial for play in read_plays(plays)} == {0, 1}


def test_a_slow_policy_plays_a_sample(here, capsys):
    asked = ["eval", "robust", "--policy", "rules", "--limit", "8", "--out", "run", "--sample"]
    assert main([*asked, "rules=3"]) == 0
    assert len(list(read_plays(here / "run" / "plays" / "rules.jsonl"))) == 3
    for wrong in ("rules", "rules=0", "rules=x", "base=3"):
        capsys.readouterr()
        assert main([*asked, wrong]) == 2
        assert "POLICY=N" in capsys.readouterr().err


def test_rows_and_own_cases(here, capsys):
    build(BuildConfig(rows=10, test_rows=12, out=here / "data"))
    assert main(["eval", "--rows", "data/test.jsonl", "--policy", "rules", "--out", "a"]) == 0
    head = json.loads((here / "a" / "run.json").read_text(encoding="utf-8"))
    assert head["suite"] == "rows"
    assert head["cases"] >= 8
    (here / "mine").mkdir()
    (here / "mine" / "a.jsonl").write_text('{"id": "x", "say": "thanks"}\n', encoding="utf-8")
    assert main(["eval", "real", "--cases", "mine", "--policy", "rules"]) == 0
    assert "100.0%" in capsys.readouterr().out
    assert len(list((here / "runs" / "eval").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["novel", "--policy", "shipped"], "was trained on all families"),
        (["hard", "--policy", "rules"], "no suite 'hard'"),
        (["real", "--policy", "rules"], "--cases FOLDER"),
        (["robust", "--policy", "rules+raw"], "`rules` has no model to change"),
        (["--rows", "none.jsonl"], "no rows at none.jsonl"),
    ],
)
def test_what_is_wrong_is_told_with_its_cure(here, capsys, arguments, told):
    assert main(["eval", *arguments]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["robust", "--rows", "x"], ["robust", "--cases", "x"]])
def test_one_source_is_named(here, capsys, arguments):
    assert main(["eval", *arguments]) == 2
    assert capsys.readouterr().err
