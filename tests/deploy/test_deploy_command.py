"""`enactor deploy` and `enactor models`: what is made, refused, promoted and told, on a tiny model."""

import json
from pathlib import Path

import pytest

from enactor.cli import main
from enactor.models import Card, Gate, Registry, known_sha256, merge


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_files_are_made_and_listed(base: Path, adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--adapter", str(adapter), "--base", str(base), "--name", "tiny"]) == 0
    told = capsys.readouterr().out
    for name in ("tiny-f16.gguf", "tiny-q8_0.gguf", "tiny-q4_k_m.gguf", "Modelfile", "chat_template.jinja"):
        assert f"runs/deploy/tiny/{name}" in told


def test_too_few_prompts_are_refused_and_the_model_is_kept(
    base: Path,
    adapter: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--adapter", str(adapter), "--base", str(base), "--name", "tiny", "--prompts", "1"]
    assert main(["deploy", "embedded", *options, "--promote", "--context", "512"]) == 1
    told = capsys.readouterr()
    assert "not fit for use" in told.out, told.err
    assert "fewer than 200" in told.out
    card = Registry().card("tiny")
    assert card.training["recipe"]["name"] == "demo"
    assert (card.data, card.world) == ("t1:abc", "w1:x")
    assert main(["models", "promote", "tiny"]) == 1
    assert "fewer than 200" in capsys.readouterr().err
    assert Registry().current() is None


def test_models_are_promoted_shown_and_taken_back(
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Registry().add(
        merge(base, None, tmp_path / "x.gguf"),
        Card(
            "one",
            training={"base": {"name": "tiny", "sha256": known_sha256(base)}},
            metrics={"executed": "95.5% [93, 97] of 312"},
            gates={"parity": Gate(True, "no loss on 200 prompts")},
        ),
    )
    assert main(["models", "show"]) == 0
    assert "nothing is promoted" in capsys.readouterr().out
    assert main(["models", "promote", "one", "--reason", "it is better"]) == 0
    assert main(["models"]) == 0
    assert "in use" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("one"))
    assert main(["models", "show"]) == 0
    shown = capsys.readouterr().out
    for part in ("it is better", "95.5% [93, 97] of 312", "passed: no loss on 200 prompts", "tiny ("):
        assert part in shown
    assert main(["models", "show", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gates"]["parity"]["passed"] is True
    assert main(["models", "path", "default"]) == 0
    assert "registry/models/one/model.gguf" in capsys.readouterr().out
    assert main(["models", "rollback"]) == 0
    assert "the shipped adapter is in use again" in capsys.readouterr().out
    assert main(["models", "rollback"]) == 1
    assert main(["models", "promote"]) == 1
    assert "needs a model's name" in capsys.readouterr().err
    assert main(["models", "remove", "one"]) == 0
    assert main(["models", "show", "one"]) == 1
