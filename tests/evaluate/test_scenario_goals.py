"""Goals over an ending, and how a play is judged."""

from typing import Any

import pytest
from pydantic import ValidationError

from enactor.evaluate.goals import Ending, GoalError, parse_goal
from enactor.evaluate.policies import controlled, idle, perfect
from enactor.evaluate.scenarios import Scenario, play_scenario
from enactor.models import ScriptedEngine
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.trace.values import Step, ToolResult
from enactor.world import GameState

BEFORE = Simulator(
    0, {"location": [3222, 3218, 0], "health": [20, 40], "inventory": ["Tuna", "Coins x40"], "bank": {}}
)
AFTER = Simulator(
    0,
    {
        "location": [3208, 3219, 2],
        "health": [20, 40],
        "inventory": ["Lobster", "Lobster", "Coins x90"],
        "bank": {"Coal": 7},
        "equipment": {"weapon": "Steel mace"},
        "style": "Pummel",
        "quests": {"Imp Catcher": 1},
        "skills": {"attack": 31},
        "bank_open": True,
        "grave": {"at": [3200, 3200, 0], "items": ["Bones"]},
    },
)
STEPS = (
    Step(tool_call("send_command", {"command": "EAT Tuna"}), ToolResult("ok", {}, "EAT Tuna")),
    Step(tool_call("send_command", {"command": "DROP_ALL"}), ToolResult("needs_confirmation", {})),
    Step(tool_call("get_game_state", {}), ToolResult("ok", {})),
)
ENDING = Ending(
    GameState.from_plugin(BEFORE.observe()),
    GameState.from_plugin(AFTER.observe()),
    STEPS,
)
HOLD = (
    *("has_item:lobster", "plane:2", "inventory_count:3", "not has_item:Tuna", "not not plane:2"),
    *("has:Lobster", "has:Lobster:==2", "has:Coins:>89", "banked:Coal:<=7", "gained:Coins:>=50"),
    *("gained:Tuna:<=0", "worn:Steel mace", "reached:lumbridge_bank", "reached:3200,3219,2:8"),
    *("level:attack:>=31", "health:>=50%", "health:<=20", "alive", "style:strength", "running:none"),
    *("fighting:none", "quest:Imp Catcher:==1", "client:running", "window:bank", "tab:inventory"),
    *("camera:pitch:==350", "grave", "called:get_game_state", "called:QUERY_INVENTORY|EAT"),
    *("tried:DROP_ALL:needs_confirmation", "tried:DROP_ALL:blocked|needs_confirmation", "killed:Cow:==0"),
)
FAIL = (
    *("has:Tuna", "banked:Coal:>7", "worn:Lobster", "reached:lumbridge", "reached:3200,3219,2:7"),
    *("level:attack:>31", "xp:cooking:>0", "health:>50%", "style:attack", "running:KILL_LOOP"),
    *("fighting:Goblin", "quest:Cook's Assistant", "client:stopped", "window:none", "tab:magic", "paused"),
    *(
        "saved:home",
        "says:hello",
        "open:Gate",
        "offer:buy Logs",
        "called:DROP_ALL",
        "tried:EAT:blocked",
        "killed:Cow",
    ),
)
WRONG = (
    *("has:Purple widget", "has:", "has:Coal:7", "killed:Nobody", "reached:atlantis", "health:50"),
    *("tried:EAT", "flies", "not flies", "level:attack:=>3"),
)


@pytest.mark.parametrize("text", HOLD)
def test_holds(text: str) -> None:
    assert parse_goal(text)(ENDING)


@pytest.mark.parametrize("text", FAIL)
def test_does_not_hold(text: str) -> None:
    assert not parse_goal(text)(ENDING)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(GoalError):
        parse_goal(text)


def scenario(**changes: Any) -> Scenario:
    """Chickens beside the player, five to be killed."""
    row: dict[str, Any] = {
        "id": "test",
        "family": "combat",
        "say": "kill 2 chickens",
        "start": {"location": [3233, 3296, 0]},
        "goal": ["killed:Chicken:>=2"],
        "ticks": 400,
        "solution": ["KILL_LOOP Chicken none 2"],
    }
    return Scenario.model_validate({**row, **changes})


def test_a_play_passes_when_the_goal_holds_in_time() -> None:
    verdict = play_scenario(scenario(), perfect)
    assert verdict.passed
    assert 0 < verdict.ticks < 400
    late = play_scenario(scenario(ticks=3), perfect)
    assert (late.passed, late.open) == (False, ())
    nothing = play_scenario(scenario(), idle)
    assert (nothing.passed, nothing.open) == (False, ("killed:Chicken:>=2",))
    assert nothing.ticks > 400


def test_what_is_forbidden_must_never_hold() -> None:
    wandering = scenario(
        forbid=["reached:lumbridge"],
        solution=["GOTO lumbridge", "GOTO 3233 3296", "KILL_LOOP Chicken none 2"],
    )
    verdict = play_scenario(wandering, perfect)
    assert (verdict.passed, verdict.broken) == (False, ("reached:lumbridge",))


def test_a_verb_that_fails_once_works_the_second_time() -> None:
    error = {"KILL_LOOP": "NPC 'Chicken' is outside viewport bounds"}
    once = play_scenario(scenario(fails=error), perfect)
    assert not once.passed
    assert once.steps[0].result.content["error"] == error["KILL_LOOP"]
    again = {"until": "killed:Chicken:>=2", "do": ["KILL_LOOP Chicken none 2"], "at_most": 3}
    twice = play_scenario(scenario(fails=error, solution=[again]), perfect)
    assert twice.passed
    assert [step.result.status for step in twice.steps] == ["error", "ok"]


def test_waiting_and_repeating() -> None:
    parts = [{"repeat": 2, "do": ["ATTACK_NPC Chicken", {"wait": 30}]}]
    verdict = play_scenario(scenario(solution=parts), perfect)
    assert verdict.passed
    assert len(verdict.steps) == 2


def test_a_controller_plays_with_the_words_alone() -> None:
    call = '{"name": "send_command", "arguments": {"command": "KILL_LOOP chickens none 2"}}'
    engine = ScriptedEngine([f"<tool_call>\n{call}\n</tool_call>"])
    verdict = play_scenario(scenario(), controlled(engine))
    assert verdict.passed
    assert "kill 2 chickens" in engine.prompts[0]
    assert [step.result.lowered for step in verdict.steps] == ["KILL_LOOP Chicken none 2"]
    talk = play_scenario(scenario(), controlled(ScriptedEngine(lambda prompt: "Sure, killing chickens now!")))
    assert not talk.passed


@pytest.mark.parametrize(
    "changes",
    [
        {"goal": ["flies"]},
        {"goal": []},
        {"start": {"mana": 3}},
        {"solution": []},
        {"solution": [{"wait": 3, "tool": "is_alive"}]},
        {"solution": [{"repeat": 2}]},
        {"solution": [{"until": "flies", "do": ["STOP"]}]},
        {"level": "absurd"},
        {"tags": ["new"]},
        {"sayy": "x"},
        {"faults": {"lost": 2}},
    ],
)
def test_wrong_scenarios_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        scenario(**changes)
