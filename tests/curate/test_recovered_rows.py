"""A step that the controller made good is recorded as the model's, with what it came to."""

import json

import pytest

from enactor.agent import Controller, Toolbox
from enactor.curate.draft import draft_of
from enactor.models import ScriptedEngine
from enactor.sim import Simulator

START = {"location": [3092, 3245, 0], "health": [30, 30], "inventory": ["Tuna"]}


@pytest.mark.parametrize(
    ("said", "trained"),
    [
        (["BANK_DEPOSIT_ALL"], ["BANK_DEPOSIT_ALL"]),
        (["BANK_DEPOSIT_ALL", "BANK_CLOSE"], ["BANK_DEPOSIT_ALL", "BANK_CLOSE"]),
        (["BANK_OPENN"], ["BANK_OPEN"]),
    ],
)
def test_only_the_models_own_calls_are_trained(said: list[str], trained: list[str]) -> None:
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in said]
    text = "\n".join(f"<tool_call>\n{json.dumps(one)}\n</tool_call>" for one in calls)
    box = Toolbox(Simulator(seed=1, start=START))
    trace = Controller(ScriptedEngine([text] * 2), box).handle("put it all in the bank")
    assert any(step.call.origin == "recovered" for step in trace.steps)
    draft = draft_of(trace)
    assert [action.args["command"] for action in draft.say] == trained
    assert {step.result.status for step in draft.steps} == {"ok"}
    assert draft.failed == ()
