"""The command line: exit codes, one line for an error, options from the types."""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from enactor.cli import COMMANDS, main
from enactor.trace import Trace, TraceStore, trace_hash


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine, and nothing written outside the test's folder."""
    for name in list(os.environ):
        if name.startswith("ENACTOR_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))
    monkeypatch.chdir(tmp_path)


def enactor(*arguments: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "enactor", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(name in told and summary in told for name, (_, summary) in COMMANDS.items())
    assert all(len(line) <= 80 for line in told.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"usage: enactor {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("enactor 0.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chatt"], "did you mean `enactor chat`?"),
        (["predict"], "--in, --out"),
        (["predict", "--in", "x", "--out", "y", "--slots", "0", "--threads", "a"], "--threads: "),
        (["predict", "--in", "x", "--out", "y", "--slots", "0", "--threads", "a"], "--slots: "),
        (["models", "push"], "invalid choice: 'push'"),
        (["traces", "list", "--last", "0"], "--last: "),
        (["chat", "--mdoel", "base"], "unrecognized arguments: --mdoel"),
    ],
)
def test_bad_usage_is_code_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chat", "--model", "no-such-model", "--say", "hi"], "no model named 'no-such-model'"),
        (["chat", "--model", "gone.gguf", "--say", "hi"], "no model file at gone.gguf"),
        (["predict", "--in", "gone.jsonl", "--out", "p.jsonl"], "no cases at gone.jsonl"),
        (["migrate", "gone"], "no training log at gone"),
        (["models", "pull", "--source", "gone.whl"], "gone.whl"),
        (["models", "pull", "gpt-9"], "known are smollm2-135m"),
    ],
)
def test_a_mistake_is_one_line_and_code_1(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    complaint = capsys.readouterr().err
    assert told in complaint
    assert complaint.startswith("enactor: ")
    assert complaint.count("\n") == 1


def test_a_corrupt_model_is_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF\x03\0\0\0rest")
    assert main(["chat", "--model", "bad.gguf", "--say", "hi"]) == 1
    assert "damaged or cut-off" in capsys.readouterr().err


def test_bad_settings_stop_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENACTOR_SLOTS", "many")
    assert main(["models"]) == 1
    assert "ENACTOR_SLOTS" in capsys.readouterr().err


def test_a_log_that_cannot_be_made_is_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["chat", "--training-log", str(tmp_path / "file" / "log"), "--say", "hi"]) == 1
    assert "The trace store" in capsys.readouterr().err


def test_a_closed_pipe_is_quiet() -> None:
    running = enactor("commands")
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    assert "Traceback" not in running.stderr.read()
    assert running.wait(20) in (0, 141)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_is_code_130_without_a_traceback() -> None:
    code = (
        "import sys, time, types; from enactor.cli import COMMANDS, main\n"
        "waiting = types.ModuleType('waiting')\n"
        "waiting.COMMAND = lambda *a: (print('on', flush=True), time.sleep(30))\n"
        "sys.modules['waiting'] = waiting; COMMANDS['wait'] = ('waiting', '')\n"
        "sys.exit(main(['wait']))"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "on\n"
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "interrupted" in complaint
    assert "Traceback" not in complaint


def test_commands_tell_of_one_verb_a_family_and_a_slip(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["commands", "kill_loop"]) == 0
    assert "KILL_LOOP <npc> <food>" in capsys.readouterr().out
    assert main(["commands", "camera"]) == 0
    assert "CAMERA_RESET" in capsys.readouterr().out
    assert main(["commands", "KILL_LOP"]) == 1
    assert "KILL_LOOP" in capsys.readouterr().err


def test_traces_are_counted_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["traces"]) == 0
    assert "nothing recorded yet" in capsys.readouterr().err
    store = TraceStore(tmp_path / "log")
    store.append(Trace("one", "x", "executed", "executed", timestamp="2026-01-02T03:04:05+00:00"))
    trace = Trace("two", "x", "asked", "asked", timestamp="2026-01-03T03:04:05+00:00")
    store.append(trace)
    assert main(["traces"]) == 0
    assert "2026-01-03       1  asked 1" in capsys.readouterr().out
    assert main(["traces", "list", "--last", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split() == ["2026-01-03T03:04:05", trace_hash(trace)[3:11], "asked", "two"]


def test_migrate_says_where_the_store_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    TraceStore(tmp_path / "old").append(Trace("one", "x", "executed", "executed"))
    assert main(["migrate", "old", "--to", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["added"] == 1


def test_doctor_finds_the_missing_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    weights = next(finding for finding in told["findings"] if finding["name"] == "weights")
    assert weights["level"] == "missing"
    assert weights["cure"] == "enactor models pull smollm2-135m"


def test_config_types_name_only_real_settings() -> None:
    from enactor.settings import Settings

    for module, _ in COMMANDS.values():
        command = import_module(module).COMMAND
        if hasattr(command, "settings"):
            assert set(command.settings) <= set(Settings.model_fields)
