"""Numbers that nobody said are left out."""

import pytest

from enactor.agent.said import leave_out_unsaid, numbers_in
from enactor.prompt import tool_call
from enactor.trace.values import Message

BEFORE = (Message("user", "kill 300 frogs"),)


@pytest.mark.parametrize(
    ("line", "message", "kept"),
    [
        ("KILL_LOOP Zombie none 300", "now zombies", "KILL_LOOP Zombie none"),
        ("KILL_LOOP Zombie none 300", "three hundred zombies", None),
        ("KILL_LOOP Zombie none 300", "the same with zombies", None),
        ("KILL_LOOP Zombie none 1", "kill a zombie", None),
        ("KILL_LOOP Cow none 2000", "kill 2k cows", None),
        ("MINE_ORE coal 12", "mine a dozen coal", None),
        ("GE_BUY Rope 50 5", "buy 50 ropes", "GE_BUY Rope 50"),
        ("GOTO 3222 3218 0", "go to lumbridge", None),
        ("BANK_WITHDRAW Coins 500", "get my coins", None),
    ],
)
def test_a_number_that_can_go_goes(line: str, message: str, kept: str | None) -> None:
    call = tool_call("send_command", {"command": line})
    got = leave_out_unsaid(call, message, BEFORE)
    if kept is None:
        assert got is call
    else:
        assert got.parsed == {"command": kept}
        assert got.origin == "repaired"


def test_other_calls_and_bad_ones_stay_as_they_are() -> None:
    for call in (
        tool_call("get_game_state", {"fields": ["health"]}),
        tool_call("send_command", {"command": "FLY 12"}),
        tool_call("send_command", {"command": ""}),
    ):
        assert leave_out_unsaid(call, "hello") is call


def test_numbers_are_read_in_digits_and_words() -> None:
    assert {1200, 50, 12} <= numbers_in(["1,200 frogs", "fifty cows and a dozen rats"])
