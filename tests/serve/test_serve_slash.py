"""The terminal's own commands over a real controller and simulator, without colour and in 80 columns."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from terminal_parts import _closed as _closed
from terminal_parts import player

from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.serve.core import Model
from enactor.serve.keyboard import completer
from enactor.serve.scene import scene
from enactor.serve.sketch import sketch
from enactor.serve.slash import COMMANDS, choices
from enactor.serve.staging import search, stage
from enactor.serve.terminal import Terminal
from enactor.sim import Simulator
from enactor.trace import TraceStore, trace_hash
from enactor.world import GameState


def view(
    answers: list[str] | None = None, store: TraceStore | None = None, **options: Any
) -> tuple[Terminal, io.StringIO]:
    one = player(ScriptedEngine(answers or []), store, Simulator(), **options)
    shown = io.StringIO()
    out = Console(file=shown, highlight=False, width=80, force_terminal=True, color_system=None)
    return Terminal(one, out=out), shown


def test_the_map_is_letters_in_80_columns() -> None:
    one, shown = view()
    one.run(["/map", "/map 8", "/map 3", "GOTO east 5"])
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    told = shown.getvalue()
    assert "@ you, at 3222, 3218, 0" in told
    assert "1 sign is 8 tiles" in told
    assert "Lumbridge" in told
    assert "/map 1|2|4|8|16|32" in told


def test_the_map_shows_where_one_goes_and_whom_one_fights() -> None:
    world = Simulator(start={"location": [3259, 3268, 0]})
    world.send("GOTO 3265 3268 0")
    seen = scene(GameState.from_plugin(world.observe()))
    assert seen["goal"] == [3265, 3268, 0]
    rows = sketch(seen)
    middle = rows[9]
    assert middle.index("X") - middle.index("@") == 12  # two columns a tile
    world.settle(60)
    world.send("KILL_LOOP Cow none 5")
    seen = scene(GameState.from_plugin(world.observe()))
    assert any(npc["target"] for npc in seen["npcs"])
    assert any("! Cow" in line for line in sketch(seen))
    world.client("stop")
    assert sketch(scene(GameState.from_plugin(world.observe())))[0].startswith("Nothing is seen")


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"player": None},
        {
            "player": {
                "nearby": {"npcs": [None, {"name": "Cow"}, {"name": 3, "location": {"x": 1, "y": "2"}}]}
            }
        },
        {"player": {"location": {"x": 1, "y": 2}, "inventory": {"items": ["Tuna x3", {"name": "Coins"}]}}},
        {"dialogue": {"open": True, "options": None, "text": 5}, "gravestone": {"active": True}},
        {"scenario": {"running": True, "currentTask": "GOTO x y z"}},
        {"scenario": {"running": True, "currentTask": "GOTO 99999999 1"}},
        {"client": {"running": False}},
    ],
)
def test_states_of_other_writers_are_shown_as_far_as_they_go(raw: dict[str, Any]) -> None:
    seen = scene(GameState.from_plugin(raw))
    json.dumps(seen)
    assert seen["goal"] is None
    sketch(seen)


def test_state_and_trace_are_for_people(tmp_path: Path) -> None:
    one, shown = view(["Hello!"])
    one.run(["/state skills", "hi", "/trace", "GOTO east 5", "/trace"])
    told = shown.getvalue()
    assert "wears Iron scimitar, Wooden shield" in told
    assert "near: " in told
    assert "attack 30" in told
    assert "said     hi" in told
    assert "wrote    Hello!" in told
    assert "outcome  answered" in told
    assert "[direct, ok]" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_request_is_rated_and_corrected(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    one, shown = view(["Hello!"], store, name="ann")
    one.run(["/rate good", "hi", "/rate", "/rate good nicely said", "/rate 2", "/fix", "/fix GOO east"])
    one.run(["/fix GOTO east 5; STOP"])
    told = shown.getvalue()
    assert "No request yet." in told
    assert "/rate good, /rate bad" in told
    assert "GOO" in told
    assert "Kept as a correction." in told
    identity = trace_hash(one.player.traces[0])
    lines = (tmp_path / "user_feedback.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [(event["trace"], event["rating"]) for event in events] == [
        (identity, 5),
        (identity, 2),
        (identity, None),
    ]
    assert [call["args"]["command"] for call in events[2]["label"]["calls"]] == ["GOTO east 5", "STOP"]


def test_without_a_log_it_says_so() -> None:
    one, shown = view(["Hello!"])
    one.run(["hi", "/rate good"])
    assert "the setting `log` is off" in " ".join(shown.getvalue().split())


def test_another_model_answers() -> None:
    opened = []

    def open_model(name: str) -> Model:
        if name == "none":
            raise EnactorError("no model named 'none'")
        opened.append(ScriptedEngine([f"I am {name}."], name=name))
        return Model(name, opened[-1])

    one, shown = view(["Hello!"], open_model=open_model)
    before = one.player.service.desk.model.engine
    one.run(["/model", "hi", "/model none", "/model other", "hi"])
    told = shown.getvalue()
    assert "scripted answers." in told
    assert "no model named 'none'" in told
    assert "I am other." in told
    assert one.player.traces[-1].meta["engine"] == "other"
    with pytest.raises(EnactorError, match="closed"):
        before.complete("x")
    one, shown = view()
    one.run(["/model other"])
    assert "one model only" in shown.getvalue()


def test_a_scenario_is_begun_and_its_goal_seen() -> None:
    one, shown = view()
    one.run(["/scenario boat fare", "/scenario boat_without_the_fare", "/scenario goal"])
    told = " ".join(shown.getvalue().split())
    assert "boat_without_the_fare (movement, hard)" in told
    assert "i wanna be on karamja" in told
    assert "Lacking:" in told
    assert one.player.observe().location == (3093, 3250, 0)
    for line in stage("boat_without_the_fare").scenario.solution:
        one.run([str(line)])
    assert "The task boat_without_the_fare is done." in shown.getvalue()
    one.run(["/scenario goal", "/scenario nothing_of_this_name"])
    told = " ".join(shown.getvalue().split())
    assert "No scenario is being played" in told
    assert "there is no scenario" in told
    assert len(search("")) > 200


def test_a_failed_engine_does_not_end_the_chat() -> None:
    one, shown = view([])
    assert one.run(["hi", "GOTO east 5"])
    assert "the script of" in shown.getvalue()
    assert "Done: GOTO 3227 3218 0" in shown.getvalue()
    with pytest.raises(EnactorError):
        view([])[0].run(["hi"], scripted=True)


def test_what_went_wrong_is_said_in_words_too() -> None:
    one, shown = view()
    one.run(["KILL_LOOP Zzyzx none 3", "DROP_ALL"])
    assert "[error]" in shown.getvalue()
    assert "[asks]" in shown.getvalue()
    assert "\x1b" not in shown.getvalue()


def test_the_help_fits_and_knows_every_command() -> None:
    one, shown = view()
    one.run(["/help"])
    told = shown.getvalue()
    assert all(name in told for name in COMMANDS)
    assert max(map(len, told.splitlines())) <= 80
    assert all(line.startswith("  /") for line in told.splitlines()[4:])  # none is wrapped


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("/sc", "/scenario"),
        ("/scenario boat", "boat_without_the_fare"),
        ("/model ba", "base"),
        ("/rate g", "good"),
        ("kill_l", "KILL_LOOP"),
        ("KILL_LOOP giant_f", "Giant_frog"),
        ("/when after:5m do KILL_LOOP giant_f", "Giant_frog"),
        ("/fix GOTO east 5; KILL_LOOP giant_f", "Giant_frog"),
        ("DROP_ITEM tin", "Tinderbox"),
    ],
)
def test_tab_completes(line: str, wanted: str) -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    game = Simulator()
    names = completer(
        lambda: GameState.from_plugin(game.observe()),
        tuple(COMMANDS),
        lambda name: choices(name, ("default", "base")),
    )
    found = {c.text: c.start_position for c in names.get_completions(Document(line), CompleteEvent())}
    assert wanted in found
    assert -found[wanted] == len(line) - max(line.rfind(" ") + 1, 0)


def test_tab_completes_names_in_words() -> None:
    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document

    found, *_ = completer().get_completions(Document("kill some giant f"), CompleteEvent())
    assert (found.text, found.start_position) == ("Giant frog", -len("giant f"))
    assert list(completer().get_completions(Document(""), CompleteEvent())) == []
    assert list(completer().get_completions(Document("kill "), CompleteEvent())) == []
