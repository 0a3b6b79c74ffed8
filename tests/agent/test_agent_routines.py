"""Routines with conditions and repeats, in the simulator; what is wrong in one stops it before it starts."""

from pathlib import Path

import pytest

from enactor.agent import Toolbox
from enactor.agent.routines import Action, read_routine, routines
from enactor.errors import EnactorError
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.trace.values import ToolResult

FILL = """
name: Fill up on shrimps
summary: Fish until full, cook if there is anything to cook.
steps:
  - GOTO draynor_fishing
  - {do: FISH shrimp, until: "inventory_count:>=5"}
  - {do: EAT, if: "health:<50%"}
  - do: [GOTO east 2, GOTO west 2]
    times: 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "routines"
    folder.mkdir()
    monkeypatch.setattr("enactor.agent.routines.user_folder", lambda: folder)
    routines.cache_clear()
    yield folder
    routines.cache_clear()


def run(game: Simulator, name: str) -> ToolResult:
    return Toolbox(game).call(tool_call("run_routine", {"routine_path": name}))


def test_a_routine_waits_for_conditions_and_repeats(own: Path) -> None:
    (own / "fill.yaml").write_text(FILL, encoding="utf-8")
    game = Simulator(0, {"location": [3090, 3230, 0], "inventory": ["Small fishing net"]})
    result = run(game, "fill")
    assert (result.status, result.content["message"]) == ("ok", "Fill up on shrimps: done 1 times")
    held = game.observe()["player"]["inventory"]["used"]
    assert held >= 5
    assert game.observe()["active_loop"] is None


def test_the_step_that_fails_is_named(own: Path) -> None:
    (own / "fill.yaml").write_text(FILL, encoding="utf-8")
    result = run(Simulator(0, {"location": [3090, 3230, 0], "inventory": ["Tuna"]}), "fill")
    assert result.status == "blocked"
    assert result.content["step"] == 2
    assert "FISH shrimp" in result.content["error"]


def test_blocks_and_plain_lines_are_read_alike() -> None:
    routine = read_routine("one", FILL)
    assert routine.steps[0] == Action("GOTO draynor_fishing")
    assert routine.steps[1] == Action("FISH shrimp", until="inventory_count:>=5", times=100)
    assert routine.steps[3] == Action(block=(Action("GOTO east 2"), Action("GOTO west 2")), times=3)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("[DANCE]", "step 1"),
        ("[{do: STOP, if: rich}]", "Invalid condition"),
        ("[{do: STOP, times: 0}]", "`times`"),
        ("[{do: STOP, while: idle}]", "unknown while"),
        ("[{do: [STOP, JUMP]}]", "step 1, step 2"),
        ("[{if: idle}]", "list of commands"),
        ("[]", "list of commands"),
    ],
)
def test_a_bad_step_stops_the_routine_before_it_starts(steps: str, says: str) -> None:
    with pytest.raises(EnactorError, match=says):
        read_routine("bad", f"name: Bad\nsteps: {steps}\n")
