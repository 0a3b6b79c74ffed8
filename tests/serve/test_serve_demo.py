"""The demo's stages: done once, done again when what they are made from changes; and its play."""

import io
import json

from rich.console import Console

from enactor.models import ScriptedEngine
from enactor.serve.demo import REQUESTS, play
from enactor.serve.flywheel import Stages


def quiet() -> Console:
    return Console(file=io.StringIO(), width=100)


def test_a_stage_is_redone_only_when_its_inputs_change_or_its_files_are_gone(tmp_path):
    made = []

    def stage(inputs, *needed):
        return Stages(tmp_path, quiet()).run("one", inputs, lambda: made.append(inputs) or len(made), *needed)

    file = tmp_path / "product"
    file.touch()
    assert stage("a", file) == 1
    assert stage("a", file) == 1
    assert stage("b", file) == 2
    file.unlink()
    assert stage("b", file) == 3
    assert made == ["a", "b", "b"]


def test_a_stage_that_fails_is_not_done(tmp_path):
    stages = Stages(tmp_path, quiet())
    for _ in range(2):
        try:
            stages.run("one", "a", lambda: 1 / 0)
        except ZeroDivisionError:
            continue
    assert not (tmp_path / "stages.json").exists()


def test_the_play_shows_words_calls_and_changes():
    call = {"name": "send_command", "arguments": {"command": "EAT tuna"}}
    engine = ScriptedEngine(lambda prompt: f"<tool_call>\n{json.dumps(call)}\n</tool_call>")
    console = quiet()
    play(engine, console)
    shown = console.file.getvalue()
    assert all(request in shown for request in REQUESTS)
    assert "→ EAT Tuna" in shown
    assert "-1 Tuna" in shown
