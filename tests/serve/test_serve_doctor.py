"""The doctor: what is there, what is missing, and that every complaint has a cure."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from enactor.models import base_path, find_base
from enactor.serve import doctor
from enactor.serve.doctor import EXTRAS, Finding, as_json, examine, healthy, report
from enactor.settings import Settings


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))


def finding(name: str, settings: Settings | None = None) -> Finding:
    return next(f for f in examine(settings or Settings()) if f.name == name)


def test_whatever_is_not_in_order_has_a_cure() -> None:
    assert all(f.cure or f.level == "ok" or f.name == "memory" for f in examine(Settings()))


def test_missing_weights_are_missing() -> None:
    assert finding("weights").level == "missing"
    assert not healthy(examine(Settings()))


def test_damaged_weights_are_found_out() -> None:
    path = base_path(find_base("smollm2-135m"))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF not really")
    assert "damaged" in finding("weights").found


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "file" / "cache"))
    found = finding("cache")
    assert found.level == "missing"
    assert "ENACTOR_CACHE" in found.cure


def test_a_client_is_needed_for_the_live_game_only() -> None:
    if finding("game client").level != "ok":
        assert finding("game client").level == "note"
        assert finding("game client", Settings(backend="live")).level == "missing"


def test_a_log_that_is_off_is_a_note(tmp_path: Path) -> None:
    assert finding("training log", Settings(log=False)).level == "note"
    assert finding("training log", Settings(training_log=tmp_path / "new" / "log")).level == "ok"


@pytest.mark.parametrize("extra", EXTRAS)
def test_extras_are_told_and_no_fault(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = healthy(examine(Settings()))
    first = EXTRAS[extra][1][0]
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == first else "1.0")
    found = finding(f"{extra} extra")
    assert (found.level, found.found) == ("note", f"not installed: without {first}")
    assert f"pip install 'enactor[{extra}]'" in found.cure
    assert healthy(examine(Settings())) == before
    monkeypatch.setattr(doctor, "_version", lambda name: "1.0")
    found = finding(f"{extra} extra")
    assert (found.level, found.cure) == ("ok", "")
    assert found.found.startswith(f"installed: {first} 1.0")


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = project["project"]["optional-dependencies"]
    for extra, (_, packages) in EXTRAS.items():
        assert {re.split(r"[<>=!~ ]", line)[0] for line in declared[extra]} == set(packages)


def test_both_forms_tell_the_same() -> None:
    findings = examine(Settings())
    told = json.loads(as_json(findings))
    assert [row["name"] for row in told["findings"]] == [f.name for f in findings]
    text = report(findings)
    assert all(f.name in text and f.cure in text for f in findings)


def test_the_doctor_writes_nothing_but_the_cache_folder(tmp_path: Path) -> None:
    examine(Settings(training_log=tmp_path / "log"))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert os.listdir(tmp_path / "cache") == []
