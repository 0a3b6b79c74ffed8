"""What a message does beside what it asks for."""

import json

import pytest

from enactor.agent import Controller, Toolbox
from enactor.agent.speech_acts import forbids, protests
from enactor.models import ScriptedEngine
from enactor.sim import Simulator
from enactor.trace.values import Message


@pytest.mark.parametrize(
    ("message", "before", "expected"),
    [
        ("dont explain just do", "Killing 5 frogs now!", True),
        ("you didn't do anything", "Killing 5 frogs now!", True),
        ("nothing happened", "Killing 5 frogs now!", True),
        ("you never sent it", "Killing 5 frogs now!", True),
        ("don't do that", "I could kill 5 frogs.", False),
        ("do not start the loop", "I could kill 5 frogs.", False),
        ("never run there", "I could run there.", False),
        ("don't just do it", "I could kill 5 frogs.", False),
        ("don't talk to him", "There is a guard.", False),
        ("just do it", "Which item do you mean?", False),
    ],
)
def test_a_protest_is_told_from_a_prohibition(message: str, before: str, expected: bool) -> None:
    history = (Message("user", "kill 5 frogs"), Message("assistant", before))
    assert protests(message, history) is expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("please don't kill any cows", True),
        ("you needn't open the bank", True),
        ("dont go near goblins", True),
        ("hold off on cooking the stew", True),
        ("hold off on cooking, sell it", False),
        ("never drop my tinderbox", True),
        ("don\u2019t eat the lobsters!", True),
        ("don't bank it, drop it all", False),
        ("don't eat until you are below 10", False),
        ("don't kill more than 10 cows", False),
        ("dont go there but to varrock", False),
        ("don't just stand there", False),
        ("dont stop", False),
        ("never mind, kill cows", False),
        ("kill cows, don't bank", False),
    ],
)
def test_what_only_forbids(message: str, expected: bool) -> None:
    assert forbids(message) is expected


def test_what_is_forbidden_is_not_done() -> None:
    call = {"name": "send_command", "arguments": {"command": "KILL_LOOP Cow none"}}
    answers = [f"<tool_call>\n{json.dumps(call)}\n</tool_call>", "All right, I won't."]
    simulator = Simulator(start={"location": [3253, 3266, 0], "health": [30, 30]})
    trace = Controller(ScriptedEngine(answers), Toolbox(simulator)).handle("please don't kill any cows")
    assert trace.steps == ()
    assert trace.outcome == "answered"
