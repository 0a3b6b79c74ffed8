"""The wheel, installed where the source tree is not."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.models import merged_model, pull

REPOSITORY = Path(__file__).parents[2]


def run(*command: object, cwd: Path, **more: str) -> str:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("ENACTOR_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**environment, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, REPOSITORY, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.mark.slow
def test_the_wheel_holds_every_data_file(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    source = REPOSITORY / "src"
    tracked = run("git", "ls-files", "src/enactor", cwd=REPOSITORY).split("\n")
    assert {str((REPOSITORY / name).relative_to(source)) for name in tracked if name} <= held


@pytest.mark.slow
@pytest.mark.model
def test_the_wheel_chats_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    try:
        model = merged_model(pull(), None)
    except EnactorError as error:
        pytest.skip(f"no base weights: {error}")
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    constraints = REPOSITORY / "constraints.txt"
    run(scripts / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel, cwd=tmp_path)
    told = run(
        *(scripts / "enactor", "chat", "--json", "--model", model),
        *("--say", "GOTO east 20", "--say", "hello"),
        cwd=tmp_path,
        HOME=str(tmp_path),
    )
    rows = [json.loads(line) for line in told.splitlines()]
    assert rows[0]["calls"][0]["args"] == {"command": "GOTO 3242 3218 0"}
    assert rows[1]["completion_tokens"] > 0
    absent = "import importlib.util as u; print([n for n in ('torch', 'transformers') if u.find_spec(n)])"
    assert run(scripts / "python", "-c", absent, cwd=tmp_path).strip() == "[]"
