"""`enactor serve` and `enactor serve mcp` as commands: options, and what cannot be, with its cure."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from enactor.cli import main


@pytest.fixture(autouse=True)
def _own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--http", "--port", "99999999"], "--port"),
        (["--http", "--host", "no.such.host.invalid"], "cannot listen"),
        (["--http", "--token-file", "nosuch"], "token file"),
        (["--backend", "live", "--game-folder", "nosuch"], "nosuch"),
        (["--patience", "0"], "--patience"),
    ],
)
def test_what_cannot_be_is_told_with_its_cure(
    options: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "mcp", *options]) in (1, 2)
    told = capfd.readouterr()
    assert word in told.err
    assert told.out == ""


def test_a_port_that_is_taken(capfd: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "mcp", "--http", "--port", port]) == 1
        assert "choose another" in capfd.readouterr().err


def test_a_weak_token_file_is_refused(tmp_path: Path, capfd: Any) -> None:
    for text in ("", "short", "two words of sixteen letters", "ä" * 20):
        (tmp_path / "token").write_text(text)
        assert main(["serve", "mcp", "--http", "--port", "0", "--token-file", str(tmp_path / "token")]) == 1
        assert "16 ASCII characters" in capfd.readouterr().err


def test_without_the_extra_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    from enactor.serve.mcp import config

    monkeypatch.setattr(config, "find_spec", lambda name: None)
    assert main(["serve", "mcp"]) == 1
    assert "pip install 'enactor[mcp]'" in capfd.readouterr().err


def test_services_are_listed(capfd: Any) -> None:
    assert main(["serve", "--help"]) == 0
    assert "mcp" in capfd.readouterr().out
    assert main(["serve"]) == 2
    assert main(["serve", "nosuch"]) == 2
    assert "no part 'nosuch'" in capfd.readouterr().err
    assert main(["serve", "mcp", "--help"]) == 0
    assert "--token-file" in capfd.readouterr().out


def test_nothing_of_this_is_imported_without_need() -> None:
    code = "import enactor.serve.mcp, sys; print('mcp' in sys.modules, 'uvicorn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
