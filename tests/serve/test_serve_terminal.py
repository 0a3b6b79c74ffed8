"""The terminal over a real controller and simulator, with a scripted model; Ctrl-C; what changed."""

import io
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from terminal_parts import STATE, player
from terminal_parts import _closed as _closed

from enactor.errors import EnactorError
from enactor.models import Completion, ScriptedEngine
from enactor.serve.cancellable import CancellableEngine
from enactor.serve.changes import changes
from enactor.serve.keyboard import completer, given, typed
from enactor.serve.play import Player
from enactor.serve.slash import COMMANDS
from enactor.serve.terminal import Terminal
from enactor.sim import Simulator
from enactor.trace import TraceStore
from enactor.world import GameState, Stack


def turn(*lines: str) -> str:
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in lines]
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


def terminal(one: Player, as_json: bool = False) -> tuple[Terminal, io.StringIO]:
    shown = io.StringIO()
    return Terminal(one, as_json, Console(file=shown, highlight=False, width=80)), shown


def test_a_request_shows_calls_answer_and_change(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    view, shown = terminal(player(ScriptedEngine([turn("GOTO east a_bit")]), store))
    assert view.run(["walk a bit east"])
    lines = shown.getvalue().splitlines()
    assert lines[0] == "  → GOTO 3229 3218 0"
    assert lines[1].startswith("Done: GOTO 3229 3218 0")
    assert lines[2] == "  moved 7 tiles east to 3229, 3218"
    assert lines[3].startswith("  executed, ")
    (kept,) = store.iterate()
    assert (kept.message, kept.outcome) == ("walk a bit east", "executed")


def test_what_did_not_come_from_the_strict_parser_says_so() -> None:
    view, shown = terminal(player(ScriptedEngine([])))
    view.run(["GOTO east 5"])
    assert "(direct)" in shown.getvalue()


def test_a_failed_request_is_no_success() -> None:
    view, shown = terminal(player(ScriptedEngine([])))
    assert not view.run(["KILL_LOOP Zzyzx none 3"])
    assert "failed" in shown.getvalue()


def test_a_loop_runs_on_and_its_gains_are_shown() -> None:
    game = Simulator(start={**STATE, "location": [3259, 3268, 0]})
    one = player(ScriptedEngine([]), game=game)
    view, shown = terminal(one)
    assert view.run(["KILL_LOOP Cow none 50", "/wait 60"])
    lines = shown.getvalue().splitlines()
    assert "began KILL_LOOP Cow none 50" in shown.getvalue()
    assert any(line.startswith("  1 min later: ") and " xp" in line for line in lines)
    assert " xp" in lines[-1]


def test_json_is_one_line_a_request_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    view, shown = terminal(player(ScriptedEngine(["Hello!"])), as_json=True)
    view.run(["hi", "/state", "/nonsense", "GOTO east 5"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["outcome"] for row in rows] == ["answered", "executed"]
    assert rows[1]["calls"][0]["args"] == {"command": "GOTO 3227 3218 0"}
    assert rows[1]["changes"] == ["moved 5 tiles east to 3227, 3218"]
    assert shown.getvalue() == ""


def test_slash_commands(tmp_path: Path) -> None:
    view, shown = terminal(player(ScriptedEngine(["Hello!"])))
    view.run(
        ["/trace", "/help", "/state", "/wait soon", "/nonsense", "hi", "/trace json", "/quit", "not reached"]
    )
    told = shown.getvalue()
    assert "No request yet." in told
    assert "/wait SECONDS" in told
    assert "[hp 30/35 | inv 5/28: " in told
    assert "/wait 60" in told
    assert "No command /nonsense" in told
    assert '"user_message": "hi"' in told


def test_a_yes_carries_out_what_was_asked() -> None:
    view, shown = terminal(player(ScriptedEngine([])))
    view.run(["DROP_ALL", "yes"])
    assert "(yes / no)" in shown.getvalue()
    assert view.player.observe().held("Tuna") == 0


def test_dry_run_and_read_only_change_nothing() -> None:
    view, shown = terminal(player(ScriptedEngine([]), dry_run=True))
    view.run(["GOTO east 5"])
    assert "Would send GOTO 3227 3218 0" in shown.getvalue()
    assert "moved" not in shown.getvalue()
    view, shown = terminal(player(ScriptedEngine([]), read_only=True))
    assert not view.run(["GOTO east 5"])
    assert "only reads" in shown.getvalue()


@pytest.mark.parametrize("words", ["", "   ", "x" * 10_000, "\x00\x1b[31m", "<|im_start|>system", "a; b; c"])
def test_odd_messages_are_answered(words: str) -> None:
    view, _ = terminal(player(ScriptedEngine(lambda prompt: "Ok.")))
    view.run([words])


def test_bytes_of_the_command_line_that_are_no_utf8() -> None:
    (line,) = given([os.fsdecode(b"kill \xff cows")])
    assert line.encode("utf-8")


def test_no_colour_and_pipes_have_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = io.StringIO()
    view = Terminal(player(ScriptedEngine([])), out=Console(file=shown, force_terminal=True, highlight=False))
    view.run(["GOTO east 5"])
    assert "\x1b[3" not in shown.getvalue()


def test_what_players_write_does_not_steer_the_terminal() -> None:
    view, shown = terminal(player(ScriptedEngine([])))
    view.run(["KILL_LOOP \x1b[2Jcow none 3"])
    assert "cow" in shown.getvalue()
    assert "\x1b" not in shown.getvalue()


class Waiting:
    """An engine that decodes until it is cancelled, then gives half a turn."""

    name = "waiting"

    def __init__(self, text: str) -> None:
        self.text = text
        self.cancelled = threading.Event()

    def complete(self, prompt: str, **options: Any) -> Completion:
        assert self.cancelled.wait(20)
        return Completion(self.text, stopped=False, cancelled=True)

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.cancel()


def interrupt(after: float) -> threading.Timer:
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_the_reply_and_carries_nothing_out(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    one = player(Waiting(turn("GOTO east 5")), store)
    view, shown = terminal(one)
    interrupt(0.3)
    view.run(["go east", "/state"])
    assert "Cancelled." in shown.getvalue()
    assert one.observe().location == (3222, 3218, 0)
    (kept,) = store.iterate()
    assert (kept.message, kept.outcome, kept.meta["cancelled"]) == ("go east", "failed", True)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_script() -> None:
    view, _ = terminal(player(Waiting("")))
    interrupt(0.3)
    with pytest.raises(KeyboardInterrupt):
        view.run(["one", "two"], scripted=True)


def test_after_a_cancel_the_next_request_is_taken() -> None:
    engine = CancellableEngine(ScriptedEngine(["Ok."]))
    engine.cancel()
    with pytest.raises(EnactorError):
        engine.complete("x")
    engine.resume()
    assert engine.complete("x").text == "Ok."


@pytest.mark.model
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_the_real_decoding() -> None:
    from enactor.models import LlamaEngine, merged_model, pull

    try:
        path = merged_model(pull(), None)
    except EnactorError as error:
        pytest.skip(f"no base weights: {error}")
    with LlamaEngine(path, threads=1, context=2048) as engine:
        one = player(engine)
        interrupt(0.4)
        played = one.say("write a very long story about a goblin")
    assert played.trace.meta.get("cancelled")
    assert played.trace.reply == "Cancelled."


def test_an_engine_that_fails_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(EnactorError, match="the script"):
        player(ScriptedEngine([])).say("hi")


HERE = GameState(
    location=(3200, 3200, 0),
    health=(10, 10),
    inventory=(Stack("Tuna"), Stack("Tuna"), Stack("Coins", 5)),
    bank={"Logs": 5},
    equipment={"weapon": "Iron scimitar"},
    skills={"attack": 3},
    experience={"attack": 300},
)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, []),
        ({"location": (3200, 3210, 0)}, ["moved 10 tiles north to 3200, 3210"]),
        ({"location": (3199, 3199, 0)}, ["moved 1 tile south-west to 3199, 3199"]),
        ({"location": (3200, 3200, 1)}, ["went to plane 1"]),
        ({"health": (7, 10)}, ["health 10 -> 7"]),
        ({"inventory": (Stack("Tuna"), Stack("Coins", 1005))}, ["-1 Tuna", "+1,000 Coins"]),
        ({"bank": {}}, ["bank -5 Logs"]),
        ({"equipment": {"shield": "Wooden shield"}}, ["weapon: nothing", "shield: Wooden shield"]),
        ({"skills": {"attack": 4}, "experience": {"attack": 400}}, ["attack +100 xp, level 4"]),
        ({"in_combat": "Cow"}, ["fighting Cow"]),
        ({"active_loop": "KILL_LOOP Cow none 5"}, ["began KILL_LOOP Cow none 5"]),
        ({"client_running": False}, ["the client is down"]),
        ({"location": None, "inventory": None, "health": None}, []),
    ],
)
def test_changes_are_told_in_words(after: dict[str, Any], told: list[str]) -> None:
    assert changes(HERE, replace(HERE, **after)) == told


def test_many_items_are_summed_up() -> None:
    many = replace(HERE, inventory=tuple(Stack(f"Thing {n}") for n in range(20)))
    assert changes(HERE, many)[-1] == "16 other items"


def test_the_completion_offers_verbs_and_names() -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    def offered(line: str) -> list[str]:
        return [
            c.text
            for c in completer(commands=tuple(COMMANDS)).get_completions(Document(line), CompleteEvent())
        ]

    assert "KILL_LOOP" in offered("kill_l")
    assert "Giant_frog" in offered("KILL_LOOP giant_f")
    assert "/state" in offered("/st")


def test_typed_lines_end_with_ctrl_d_and_are_remembered(tmp_path: Path) -> None:
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input import create_pipe_input
    from prompt_toolkit.output import DummyOutput

    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("kill cows\r/state\rhalf\x03\x04")
        assert list(typed(tmp_path / "history")) == ["kill cows", "/state"]
    assert "+kill cows" in (tmp_path / "history").read_text()


def test_a_task_for_later_is_kept_listed_and_done() -> None:
    one = player(ScriptedEngine([]))
    view, shown = terminal(one)
    game = one.account.backend
    assert isinstance(game, Simulator)
    view.run(["/when after:90s do GOTO east 5", "/later"])
    game.advance(60)
    view.run(["/wait 1"])
    assert "do GOTO east 5" in shown.getvalue()
    assert one.traces == []
    game.advance(60)
    view.run(["/wait 1"])
    (trace,) = one.traces
    assert trace.steps[0].call.origin == "direct"
    assert trace.steps[0].result.lowered == "GOTO 3227 3218 0"
    assert "Now GOTO east 5, as asked." in shown.getvalue()
    view.run(["/later", "/cancel 1", "/when the moon is full do STOP"])
    assert "Nothing is to be done later." in shown.getvalue()
    assert "There is no task of that number" in shown.getvalue()
    assert "I cannot watch for 'the moon is full'" in " ".join(shown.getvalue().split())
