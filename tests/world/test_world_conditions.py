"""Conditions over a state: every atom, and what is no atom."""

import pytest

from enactor.sim import Simulator
from enactor.world import CommandError, GameState, parse_condition

START = {
    "location": [3222, 3218, 0],
    "inventory": ["Tuna", "Tuna", "Coins x150"],
    "quests": {"Cook's Assistant": 1},
}
STATE = GameState.from_plugin(Simulator(0, START).observe())
HOLD = (
    *("idle", "no_dialogue", "plane:0", "location:3224,3216", "has_item:tuna", "has_item:COINS"),
    *("no_item:Lobster", "inventory_count:3", "inventory_count:<=3", "inventory_count:>2"),
    *("tutorial_progress:1000", "tutorial_progress:>=999", "varp:29:1", "varp:29:==1", "varp:29:<2"),
    *("level:hitpoints:>=10", "level:Attack:<99", "health:>50%", "health:>=1", "client:running"),
    *("idle and plane:0", "has_item:Tuna and inventory_count:3"),
)
FAIL = (
    *("dialogue", "plane:1", "location:3226,3218", "has_item:Lobster", "no_item:Tuna", "inventory_count:>3"),
    *("tutorial_progress:<1000", "varp:29:0", "varp:4711:0", "varbit:29:1", "varbit:1:>=0"),
    *("level:attack:>99", "health:<10%", "client:stopped", "inventory_full", "idle and plane:1"),
)
WRONG = (
    *("", "idle:1", "inventory_count:==3", "tutorial_progress:==1000", "varp:29", "varp:x:1", "varbit::1"),
    *(
        "has_item:",
        "plane:x",
        "location:1",
        "hp:3",
        "level:cheese:>3",
        "level:attack",
        "health:5",
        "client:asleep",
        "idle and ",
    ),
)


@pytest.mark.parametrize("text", HOLD)
def test_holds(text: str) -> None:
    assert parse_condition(text)(STATE)


@pytest.mark.parametrize("text", FAIL)
def test_does_not_hold(text: str) -> None:
    assert not parse_condition(text)(STATE)


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(CommandError, match="Invalid condition"):
        parse_condition(text)


def test_a_state_without_variables_matches_none() -> None:
    assert not parse_condition("tutorial_progress:<=1000")(GameState())
    assert not parse_condition("varp:281:>=0")(GameState.from_plugin({"vars": {"varps": None}}))
