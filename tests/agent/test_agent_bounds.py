"""A request ends: bounds on calls and time, circles, and the player's interruption at any time."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from enactor.agent import Controller, DeferredTasks, Toolbox
from enactor.agent.routines import routines
from enactor.models import ScriptedEngine
from enactor.prompt import tool_call
from enactor.sim import Simulator

START = {"location": [3197, 3169, 0], "health": [30, 30], "inventory": ["Tuna"]}


def turn(*commands: str) -> str:
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in commands]
    return "\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in calls)


def controller(*commands: str, game: Simulator | None = None, **options: Any) -> Controller:
    box = Toolbox(game or Simulator(seed=1, start=START))
    return Controller(ScriptedEngine([turn(*commands)] * 2), box, **options)


def test_a_request_makes_so_many_calls_and_says_what_is_left_out() -> None:
    walks = [f"GOTO {3198 + n} 3169 0" for n in range(5)]
    trace = controller(*walks, max_calls=3).handle("walk about")
    assert [s.result.status for s in trace.steps] == ["ok"] * 3 + ["blocked"] * 2
    assert "a request may make 3 calls" in trace.reply
    assert "Not tried: GOTO 3202 3169 0" in trace.reply


def test_a_request_takes_so_long() -> None:
    trace = controller("WAIT 30000", "WAIT 31000", "WAIT 32000", limit_s=50).handle("wait a while")
    assert [s.result.status for s in trace.steps] == ["ok", "ok", "blocked"]
    assert "the 50 seconds of a request are over" in trace.reply


def test_a_call_that_changes_nothing_is_not_made_for_ever() -> None:
    trace = controller(*["LIST_OBJECTS 5", "QUERY_INVENTORY"] * 3).handle("look around")
    assert [s.result.status for s in trace.steps] == ["ok"] * 4 + ["blocked"] * 2
    assert "the same 2 times and changed nothing" in trace.reply


def test_going_to_and_fro_is_no_circle() -> None:
    trace = controller(*["GOTO 3200 3169 0", "GOTO 3197 3169 0"] * 3).handle("run to and fro")
    assert [s.result.status for s in trace.steps] == ["ok"] * 6


def test_a_routine_that_changes_nothing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "idle.yaml").write_text("name: Idle\nsummary: Nothing.\nsteps: [QUERY_INVENTORY]\n")
    monkeypatch.setattr("enactor.agent.routines.user_folder", lambda: tmp_path)
    routines.cache_clear()
    box = Toolbox(Simulator(seed=1, start=START))
    result = box.call(tool_call("run_routine", {"routine_path": "idle", "loops": 5000}))
    routines.cache_clear()
    assert result.status == "error"
    assert "after 2 of 5000 times" in result.content["error"]


class Slow(Simulator):
    """A game in which the player interrupts while a command runs."""

    def __init__(self, event: threading.Event) -> None:
        super().__init__(seed=1, start=START)
        self.event, self.waits = event, 0

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        self.waits += 1
        if self.waits == 3:
            self.event.set()
        return super().settle(limit_s)


def test_an_interruption_ends_a_wait_and_stops_what_runs() -> None:
    event = threading.Event()
    game = Slow(event)
    box = Toolbox(game, interrupt=event)
    engine = ScriptedEngine([turn("KILL_LOOP Giant_frog none 300", "GOTO 3200 3169 0")] * 2)
    trace = Controller(engine, box, recover=False).handle("kill frogs, then walk")
    assert [s.result.status for s in trace.steps] == ["error", "blocked"]
    assert "interrupted by the player" in trace.reply
    assert box.observe().active_loop is None
    assert game.waits < 6


def test_an_interruption_ends_a_wait_for_a_condition_and_a_routine() -> None:
    event = threading.Event()
    box = Toolbox(Slow(event), interrupt=event)
    args = {"command": "LIST_OBJECTS 5", "await_condition": "plane:3", "timeout_ms": 600_000}
    assert "interrupted" in box.call(tool_call("send_and_await", args)).content["error"]
    again = box.call(tool_call("run_routine", {"routine_path": "frog_grind", "loops": 50}))
    assert "interrupted" in again.content["error"]


def test_tasks_for_later_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    game = Simulator(seed=1, start=START)
    call = {"name": "defer", "arguments": {"condition": "after:10_minutes", "command": "GOTO east 5; EAT"}}
    engine = ScriptedEngine([f"<tool_call>\n{json.dumps(call)}\n</tool_call>"])
    Controller(engine, Toolbox(game, later=DeferredTasks(path))).handle("in ten minutes go east and eat")
    tasks = DeferredTasks(path)  # another process
    box = Toolbox(game, later=tasks)
    from enactor.agent.deferred import game_time

    assert tasks.take_due(box.observe(), game_time(box.observe())) == ()
    game.advance(601)
    (due,) = tasks.take_due(box.observe(), game_time(box.observe()))
    trace = Controller(ScriptedEngine([]), box).handle(due.typed)
    assert [s.result.lowered for s in trace.steps] == ["GOTO 3202 3169 0", "EAT"]
    assert {s.call.origin for s in trace.steps} == {"direct"}
    assert list(DeferredTasks(path)) == []
