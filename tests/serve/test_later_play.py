"""Tasks for later from the player's words to the deed, over a restart of the chat."""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from terminal_parts import _closed as _closed
from terminal_parts import player

from enactor.models import ScriptedEngine
from enactor.serve.core.account import SharedTasks
from enactor.serve.terminal import Terminal
from enactor.sim import Simulator

COOP = {
    "location": [3235, 3295, 0],
    "health": [30, 30],
    "skills": {"attack": 14, "strength": 40, "defence": 40},
}


def chat(game: Simulator, tasks: SharedTasks, *turns: list[dict[str, Any]]) -> tuple[Terminal, io.StringIO]:
    texts = ["\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in turn) for turn in turns]
    one = player(ScriptedEngine(texts), game=game, tasks=tasks)
    shown = io.StringIO()
    return Terminal(one, False, Console(file=shown, highlight=False, width=200)), shown


def send(line: str) -> dict[str, Any]:
    return {"name": "send_command", "arguments": {"command": line}}


def defer(condition: str, command: str) -> dict[str, Any]:
    return {"name": "defer", "arguments": {"condition": condition, "command": command}}


def test_until_a_level_then_stop(tmp_path: Path) -> None:
    game = Simulator(seed=1, start=COOP)
    path = tmp_path / "later.json"
    turn = [send("KILL_LOOP chickens none"), defer("level:attack>=15", "STOP")]
    view, shown = chat(game, SharedTasks(path), turn)
    view.run(["kill chickens til your attack is 15"])
    assert "Later (1): STOP, when level attack >=15." in shown.getvalue()
    again, shown = chat(game, SharedTasks(path))  # the chat is left and opened anew
    again.run(["/later", *["/wait 600"] * 12])
    assert "1: when level:attack:>=15 do STOP" in shown.getvalue()
    assert "Now STOP, as asked." in shown.getvalue()
    state = again.player.observe()
    assert state.active_loop is None
    assert state.skills is not None
    assert state.skills["attack"] == 15
    assert list(again.player.tasks) == []


def test_when_full_bank_all_of_it(tmp_path: Path) -> None:
    start = {"location": [3092, 3245, 0], "health": [30, 30], "inventory": ["Logs"] * 26}
    game = Simulator(seed=1, start=start)
    turn = [defer("inventory_full", "GOTO bank; BANK_OPEN; BANK_DEPOSIT_ALL")]
    view, shown = chat(game, SharedTasks(tmp_path / "later.json"), turn)
    view.run(["bank it all once you're full", "/wait 60"])
    assert "as asked" not in shown.getvalue()
    game._world.player.pack.add("Tuna", 2)
    view.run(["/wait 60"])
    assert "Now GOTO bank" in shown.getvalue()
    assert view.player.observe().inventory == ()
    assert view.player.traces[-1].outcome == "executed"


def test_time_passes_for_a_task_while_nothing_runs() -> None:
    game = Simulator(seed=1, start=COOP)
    view, shown = chat(game, SharedTasks(), [defer("after:10_minutes", "GOTO east 5")])
    view.run(["in 10 mins go 5 east", "/wait 300"])
    assert "as asked" not in shown.getvalue()
    view.run(["/wait 600"])
    assert "Now GOTO east 5, as asked." in shown.getvalue()
    assert 600 <= game.seconds < 640


def test_the_first_command_that_fails_ends_a_task(tmp_path: Path) -> None:
    game = Simulator(seed=1, start={"location": [3197, 3169, 0], "health": [30, 30], "inventory": ["Tuna"]})
    view, shown = chat(game, SharedTasks(), [defer("no_combat", "CHOP_TREE; EAT")])
    view.run(["after the fight chop a tree and eat"])
    trace = view.player.traces[-1]
    assert [step.result.status for step in trace.steps] == ["blocked", "blocked"]
    assert "axe" in shown.getvalue()
    assert "Not tried: EAT" in shown.getvalue()
