"""`enactor serve web` as a program: its address, a request over it, its end; and what it refuses to start.

The model is one that is out of reach: typed commands need none.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import httpx
import pytest

from enactor.cli import main

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
MODEL = ("--model", "ollama:nobody", "--endpoint", "http://127.0.0.1:9/v1", "--engine-timeout", "1")


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program and the address that it prints."""
    command = [sys.executable, "-m", "enactor", "serve", "web", *MODEL, "--port", "0", "--no-open"]
    command += ["--training-log", str(folder / "log"), "--state", str(folder / "state"), *arguments]
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as program:
        lines: Queue[str] = Queue()
        assert program.stdout is not None
        out = program.stdout
        threading.Thread(target=lambda: lines.put(out.readline()), daemon=True).start()
        try:
            found = re.search(r"http://\S+", lines.get(timeout=60))
            assert found, program.stderr and program.stderr.read()
            yield program, found[0]
        finally:
            program.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_serves_and_ends_at_ctrl_c_with_a_page_open(tmp_path: Path) -> None:
    with served(tmp_path, "--speed", "0") as (program, address), httpx.Client(base_url=address) as client:
        client.headers["Origin"] = address.rstrip("/")
        assert client.get("api/session").json()["model"] == "ollama:nobody"
        with client.stream("GET", "api/events", timeout=30) as stream:
            client.post("api/say", json={"message": "GOTO east 5"})
            for line in stream.iter_lines():
                if '"finished"' in line:
                    assert "GOTO 3227 3218 0" in line
                    break
            program.send_signal(signal.SIGINT)
            assert program.wait(20) == 0
        assert program.stderr is not None
        assert "Traceback" not in program.stderr.read()
    assert len(next((tmp_path / "log").glob("training_*.jsonl")).read_text().splitlines()) == 1


def test_a_token_is_made_and_stands_behind_the_hash(tmp_path: Path) -> None:
    with served(tmp_path, "--token", "new") as (_, address):
        page, _, token = address.partition("#token=")
        assert len(token) >= 16
        assert httpx.get(page).status_code == 200
        assert httpx.get(f"{page}api/session").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "0.0.0.0"), "can be reached from other machines"),
        (("--token", "short"), "too short"),
        (("--speed", "-1"), "--speed"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_it_does_not_start_unguarded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    given = ["serve", "web", *MODEL, "--port", "0", "--no-open", "--state", str(tmp_path), *arguments]
    try:
        code = main(given)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    assert code
    assert told in capsys.readouterr().err


def test_two_on_one_queue_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(tmp_path):
        given = ["serve", "web", *MODEL, "--port", "0", "--no-open", "--state", str(tmp_path / "state")]
        assert main([*given, "--training-log", str(tmp_path / "log")]) == 1
        assert "in use by another service" in capsys.readouterr().err
