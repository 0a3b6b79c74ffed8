"""The commands offered to a request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.world import COMMANDS, TOOLS, card, offers
from enactor.world.cards import OFFERED, REPLY, Offers
from enactor.world.phrasebook import Group, Template, choices, templates


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("kill 300 giant frogs", "KILL_LOOP"),
        ("kil 300 giant frgos", "KILL_LOOP"),
        ("buy one bronze warhammer on the ge", "GE_BUY"),
        ("deposit everything in the bank", "BANK_DEPOSIT_ALL"),
        ("how much hp do i have", "get_game_state"),
        ("thanks mate", REPLY),
        ("chop some trees", "CHOP_TREE"),
    ],
)
def test_the_right_command_is_offered(message: str, name: str) -> None:
    assert name in offers().offer(message)


def test_a_phrasing_that_is_left_out_has_no_say() -> None:
    group = Group("g", "f", "simple", ("wobble the jelly",), do=("EAT",))
    other = Group("h", "f", "simple", ("wobble a little",), do=("STOP",))
    index = Offers([Template(group, group.say[0]), Template(other, other.say[0])])
    assert index.offer("wobble the jelly") == ("EAT", "STOP")
    assert index.offer("wobble the jelly", without=Template(group, group.say[0]).key) == ("STOP",)


def test_words_that_nobody_said_offer_nothing() -> None:
    group = Group("g", "f", "simple", ("wobble",), do=("EAT",))
    assert Offers([Template(group, "wobble")]).offer("привет") == ()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_taken(message: str) -> None:
    offered = offers().offer(message)
    assert len(offered) == len(set(offered)) <= OFFERED
    assert all(name in COMMANDS or name in TOOLS or name == REPLY for name in offered)
    assert offered == offers().offer(message)


def test_no_held_out_phrasing_is_in_the_index() -> None:
    index = offers()
    kept = {template.key for template in templates() if template.held_out}
    assert kept
    assert not kept & {template.key for template in index.phrasings}


def test_cards_name_the_operands() -> None:
    assert card("KILL_LOOP") == "KILL_LOOP npc food kills"
    assert card("get_game_state") == "get_game_state fields"
    assert card(REPLY) == "reply"
    assert all(set(card(name)) & set("[]|") == set() for name in COMMANDS)


def test_choices_hold_every_word() -> None:
    assert choices("(go|walk) to (the|) bank") == ["go to the bank", "go to bank", "walk to the bank"]
