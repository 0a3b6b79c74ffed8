"""`enactor chat` as a program: words on the command line and in a pipe, what stdout holds, the exit code.

The model is one that is out of reach: typed commands need none, and a request to it fails with a message.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def chat(folder: Path, *arguments: str, words: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    named = ("--model", "ollama:nobody", "--endpoint", "http://127.0.0.1:9/v1", "--engine-timeout", "1")
    return subprocess.run(
        [sys.executable, "-m", "enactor", "chat", *named, "--training-log", str(folder / "log"), *arguments],
        input=words,
        capture_output=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "NO_COLOR": "1"},
    )


def test_words_of_the_command_line_as_json(tmp_path: Path) -> None:
    done = chat(
        tmp_path, "--json", "--say", "GOTO east 5", "--say", "/state", "--say", "DROP_ALL", "--say", "no"
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [row["outcome"] for row in rows] == ["executed", "asked", "answered"]
    assert rows[0]["calls"][0]["args"] == {"command": "GOTO 3227 3218 0"}
    assert b"[hp 30/30" in done.stderr
    assert len((next((tmp_path / "log").glob("training_*.jsonl"))).read_text().splitlines()) == 3


def test_a_pipe_with_the_terminals_own_commands(tmp_path: Path) -> None:
    lines = ("GOTO east 5", "/map", "/rate good", "/trace", "/scenario boat_without_the_fare", "/state")
    done = chat(tmp_path, words="\n".join(lines).encode())
    told = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert "moved 5 tiles east" in told
    assert "@ you, at 3227, 3218, 0" in told
    assert "Rated 5 of 5." in told
    assert "at 3093, 3250, plane 0" in told
    assert "\x1b" not in told


@pytest.mark.parametrize("words", ["walk east", "KILL_LOOP Zzyzx none 3"])
def test_what_fails_is_told_and_counts(tmp_path: Path, words: str) -> None:
    done = chat(tmp_path, "--say", words)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stdout or done.stderr
