"""The model's tools for later, and the condition language behind them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enactor.agent import Controller, DeferredTasks, Toolbox
from enactor.agent.watching import understood
from enactor.models import ScriptedEngine
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.world import CommandError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SWAMP = {"location": [3197, 3169, 0], "health": [30, 30], "inventory": ["Tuna"], "skills": {"attack": 14}}


def ask(box: Toolbox, condition: str, command: str):
    return box.call(tool_call("defer", {"condition": condition, "command": command}))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("after:10_minutes", "after:600"),
        ("after:half_an_hour", "after:1800"),
        ("after:an_hour", "after:3600"),
        ("in:2 hours", "after:7200"),
        ("at:6pm", "at:18:00"),
        ("at:midnight", "at:00:00"),
        ("level:attack>=15", "level:attack:>=15"),
        ("level:atack >= fifteen", "level:attack:>=15"),
        ("str>=40", "level:strength:>=40"),
        ("level:combat>=15", "level:attack:>=15 and level:strength:>=15 and level:defence:>=15"),
        ("health<50%", "health:<50%"),
        ("hp<5", "health:<5"),
        ("health_below:50%", "health:<50%"),
        ("health under:20", "health:<20"),
        ("kills>=two_hundred", "kills:>=200"),
        ("item:raw_shrimp>=5", "item:Raw_shrimps:>=5"),
        ("item:Pestle_and_mortar>=2", "item:Pestle_and_mortar:>=2"),
        ("no_item:tunas", "no_item:Tuna"),
        ("location:draynor_bank", "location:3092,3245"),
        ("full", "inventory_full"),
        ("idle and inventory_count:>=20", "idle and inventory_count:>=20"),
    ],
)
def test_easy_forms_become_one(said: str, kept: str) -> None:
    assert understood(said) == kept
    assert understood(kept) == kept


@pytest.mark.parametrize(
    "said", ["", "price:Tuna>5", "level:luck>=3", "at:someday", "after:a_while", "item:qqqq>=1"]
)
def test_what_cannot_be_watched_is_refused(said: str) -> None:
    with pytest.raises(CommandError, match="I cannot watch for"):
        understood(said)


def test_a_task_is_kept_listed_and_cancelled(tmp_path: Path) -> None:
    box = Toolbox(Simulator(seed=1, start=SWAMP), later=DeferredTasks(tmp_path / "later.json"))
    kept = ask(box, "level:attack>=15", "STOP; GOTO bank; BANK_OPEN; BANK_DEPOSIT_ALL")
    assert kept.status == "ok"
    assert kept.content["command"].startswith("STOP; GOTO 3")  # how it would be lowered now
    assert ask(box, "after:10_minutes", "KILL_LOOP giant_frogs none 5").content["number"] == 2
    again = Toolbox(box.backend, later=DeferredTasks(tmp_path / "later.json"))
    listed = again.call(tool_call("list_deferred", {})).content["tasks"]
    assert [line.split(":")[0] for line in listed] == ["1", "2"]
    assert "GOTO bank" in listed[0]  # the nearest one is found when it is done
    assert again.call(tool_call("cancel_deferred", {"number": 1})).content["cancelled"] == [1]
    # the first of the list is number 2 now
    assert again.call(tool_call("cancel_deferred", {"number": 1})).content["cancelled"] == [2]
    assert again.call(tool_call("cancel_deferred", {})).status == "error"
    assert list(DeferredTasks(tmp_path / "later.json")) == []


@pytest.mark.parametrize(
    ("condition", "command", "says"),
    [
        ("price:Tuna>5", "STOP", "cannot watch"),
        ("idle", "KILL_LOOP qqqqqq none", "qqqqqq"),
        ("idle", "FLY", "FLY"),
        ("idle", "", "commands"),
        ("level:attack>=14", "STOP", "already"),
    ],
)
def test_what_cannot_be_kept_is_refused_plainly(condition: str, command: str, says: str) -> None:
    box = Toolbox(Simulator(seed=1, start=SWAMP))
    result = ask(box, condition, command)
    assert result.status == "error"
    assert says in result.content["error"]
    assert box.later is not None
    assert list(box.later) == []


def test_names_wait_while_the_client_is_off() -> None:
    box = Toolbox(Simulator(seed=1, start={**SWAMP, "client_running": False}))
    assert ask(box, "client:running", "KILL_LOOP giant_frogs none").status == "ok"


def test_where_nothing_is_watched_nothing_is_kept() -> None:
    box = Toolbox(Simulator(seed=1, start=SWAMP), later=None)
    assert "nothing is watched" in ask(box, "idle", "STOP").content["error"]


def test_counts_food_and_fights_are_seen() -> None:
    tasks = DeferredTasks()
    game = Simulator(seed=1, start=SWAMP)
    box = Toolbox(game, later=tasks)
    for condition in ("item:Tuna>=1", "kills>=2", "no_food", "no_combat"):
        assert ask(box, condition, "STOP").status == "ok"
    assert [t.number for t in tasks.take_due(box.observe(), NOW)] == [1, 4]
    box.call(tool_call("send_command", {"command": "KILL_LOOP Giant_frog none 3"}))
    for _ in range(200):
        game.settle(10)
        if done := tasks.take_due(box.observe(), NOW):
            break
    assert [t.condition for t in done] == ["kills:>=2"]


def test_a_time_of_day_is_the_next_one() -> None:
    tasks = DeferredTasks()
    here = NOW.astimezone()
    earlier = here.replace(hour=11, minute=0) if here.hour >= 12 else here.replace(hour=0, minute=0)
    task = tasks.ask(f"at:{earlier:%H:%M} do STOP", here)
    when = datetime.fromisoformat(task.condition.removeprefix("at:"))
    assert timedelta(hours=0) < when - NOW <= timedelta(days=1)
    assert when.astimezone().strftime("%H:%M") == f"{earlier:%H:%M}"


def test_the_model_defers_and_the_reply_says_so() -> None:
    call = {"name": "defer", "arguments": {"condition": "after:10_minutes", "command": "STOP"}}
    engine = ScriptedEngine([f"<tool_call>\n{json.dumps(call)}\n</tool_call>"])
    trace = Controller(engine, Toolbox(Simulator(seed=1, start=SWAMP))).handle("in 10 mins stop")
    assert trace.outcome == "executed"
    assert trace.reply == "Later (1): STOP, in 10 minutes."
