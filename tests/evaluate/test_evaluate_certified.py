"""What evaluation refuses, and what it labels."""

import json

import pytest

from enactor.curate.certificate import Certificate
from enactor.evaluate.certified import LeakageError, standing

GOOD = Certificate(
    train=90, test=10, novel=0, templates=0, near=0, novel_near=0, families=(), family_overlap=0
)
CONFIG = {"rows": 90, "test_rows": 10, "seed": 0, "leave_out": []}


def folder(path, certificate):
    manifest = {"config": CONFIG, "world": "w1:0", "train": {"hash": "h1:abc"}}
    if certificate:
        manifest["certificate"] = certificate.to_json()
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path / "test.jsonl"


def adapter(path, **provenance):
    path.mkdir()
    (path / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    return path


def test_a_failing_certificate_is_refused(tmp_path):
    leaking = Certificate(90, 10, 0, templates=2, near=0, novel_near=0, families=(), family_overlap=0)
    with pytest.raises(LeakageError, match="2 phrasings"):
        standing(folder(tmp_path, leaking))


def test_without_a_certificate_or_a_model_it_runs_uncertified(tmp_path):
    assert standing(tmp_path / "test.jsonl") == "uncertified"
    assert standing(folder(tmp_path, None)) == "uncertified"
    assert standing(folder(tmp_path, GOOD)) == "uncertified"


def test_a_model_of_that_data_set_is_certified(tmp_path):
    rows = folder(tmp_path, GOOD)
    assert standing(rows, adapter(tmp_path / "a", recipe={"data": CONFIG}, world="w1:0")) == "certified"
    assert standing(rows, adapter(tmp_path / "b", recipe={"data": CONFIG}, world="w1:1")) == "uncertified"
    assert standing(rows, adapter(tmp_path / "c", data={"hash": "h1:abc"})) == "certified"
    assert standing(rows, adapter(tmp_path / "d", data={"hash": "h1:def"})) == "uncertified"


def test_chance_nearness_is_allowed_up_to_the_limit():
    assert Certificate(90, 100, 0, 0, 5, 0, (), 0).problems == ()
    assert Certificate(90, 100, 0, 0, 6, 0, (), 0).problems
