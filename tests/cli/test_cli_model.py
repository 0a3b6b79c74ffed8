"""The doors over the real model, from the command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.models import default_adapter, merged_model, pull

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def model() -> Path:
    """Without an adapter; what it says is of no account here."""
    try:
        return merged_model(pull(), None)
    except EnactorError as error:
        pytest.skip(f"no base weights: {error}")


def start(tmp_path: Path, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "enactor", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "ENACTOR_TRAINING_LOG": str(tmp_path / "log")},
    )


def test_predict_from_the_command_line(model: Path, tmp_path: Path) -> None:
    cases = [{"id": "a", "message": "GOTO east 20"}, {"id": "b", "message": "hello there"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    running = start(
        tmp_path,
        "predict",
        "--in",
        "in.jsonl",
        "--out",
        "out.jsonl",
        "--model",
        model,
        "--json",
        "--traces",
        "t",
    )
    told, complaint = running.communicate(timeout=120)
    assert running.returncode == 0, complaint
    assert json.loads(told)["cases"] == 2
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        "a",
        "b",
    ]
    assert list((tmp_path / "t").glob("training_*.jsonl"))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_scripted_chat_with_130(model: Path, tmp_path: Path) -> None:
    running = start(
        tmp_path, "chat", "--model", model, "--json", "--say", "GOTO east 5", "--say", "tell me a long story"
    )
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["outcome"] == "executed"
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in complaint
    assert len(list((tmp_path / "log").glob("training_*.jsonl"))) == 1


def test_the_shipped_model_answers_within_ten_seconds(tmp_path: Path) -> None:
    try:
        merged_model(pull(), default_adapter())
    except EnactorError as error:
        pytest.skip(str(error))
    running = start(tmp_path, "chat", "--json", "--say", "go a bit east")
    told, complaint = running.communicate(timeout=10)
    assert running.returncode == 0, complaint
    assert json.loads(told)["outcome"] == "executed"
