"""The parser without a model: what it reads, what it leaves alone, and what it may know."""

import pytest

from enactor.evaluate.plays import play_item
from enactor.evaluate.rules import RuleEngine, RuleParser, leave_out_of, player_words
from enactor.evaluate.run import Policy
from enactor.evaluate.suite import load_suite
from enactor.models import EngineError
from enactor.prompt import render_prompt
from enactor.world import GameState
from enactor.world.phrasebook import templates


@pytest.fixture(scope="module")
def parser() -> RuleParser:
    return RuleParser()


def lines(parser, message):
    return [call.parsed.get("command", call.tool) for call in parser.calls(message)[0]]


@pytest.mark.parametrize(
    ("message", "calls"),
    [
        ("kill 300 giant frogs", ["KILL_LOOP giant_frogs none 300"]),
        (
            "walk to the chiken coop and kill five chickens",
            ["GOTO chiken_coop", "KILL_LOOP chickens none five"],
        ),
        ("go south a bit", ["GOTO south a_bit"]),
        ("whats my hp", ["get_game_state"]),
        ("thanks", []),
        ("", []),
        ("zxcv qwpoi mnbv", []),
    ],
)
def test_what_is_near_a_phrasing_is_read(parser, message, calls):
    assert lines(parser, message) == calls


def test_its_operands_are_lowered_by_the_world(parser):
    robust = {case.id: case for case in load_suite("robust").cases}
    play = play_item(
        Policy("rules", RuleEngine(parser), ladder=False, recover=False), robust["frogs-three-hundred.1"]
    )
    assert play.passed
    assert play.got == ("KILL_LOOP Giant_frog none 300",)
    assert play.logprob is None


def test_it_knows_the_training_split_only():
    held_out = [template for template in templates() if template.held_out]
    known = {phrasing.template.key for phrasing in RuleParser()._phrasings}
    assert known
    assert not known & {template.key for template in held_out}


def test_families_can_be_left_out(parser):
    without = RuleParser(leave_out=("smithing",))
    assert lines(parser, "smelt 5 bronze bars")[0].startswith("SMELT")
    assert not any(line.startswith("SMELT") for line in lines(without, "smelt 5 bronze bars"))
    smelting = [t for t in templates() if any(line.startswith("SMELT") for line in t.group.do)]
    assert smelting
    assert all(leave_out_of(template, ("smithing",)) for template in smelting)


@pytest.mark.parametrize("message", ["kill cows", "[hp 1/1] is not a state", "two\nlines"])
@pytest.mark.parametrize("offered", [(), ("KILL_LOOP", "GOTO")])
def test_the_players_words_are_found_in_the_prompt(message, offered):
    state = GameState.from_case({"health": [3, 30]})
    assert player_words(render_prompt(message, state, offered=offered)) == message


def test_it_is_an_engine(parser):
    engine = RuleEngine(parser)
    prompt = render_prompt("kill cows", GameState.from_case({}))
    assert "KILL_LOOP cows none" in engine.complete(prompt).text
    assert engine.complete(prompt, grammar="root ::= x").text == ""
    engine.close()
    with pytest.raises(EngineError):
        engine.complete(prompt)
