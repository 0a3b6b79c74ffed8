"""Numbers that nobody said are left out."""

import pytest

from enactor.agent.said import in_order, leave_out_unsaid, numbers_as_said, numbers_in
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
        ("GOTO 3293 3305 3", "walk to 3293 3305", "GOTO 3293 3305"),
        ("GOTO 3293 3305 3", "walk to 3293, 3305, 3", None),
        ("KILL_LOOP Guard none 300", "as many guards please", None),
        (
            "KILL_LOOP Giant_frog none 1",
            "Can you start a kill loop on Giant_frog?",
            "KILL_LOOP Giant_frog none",
        ),
        ("KILL_LOOP Giant_frog none 1", "just grind giant frog", "KILL_LOOP Giant_frog none"),
        ("KILL_LOOP Giant_frog none 1", "just one giant frog", None),
        ("KILL_LOOP Wolf none 300", "third time asking", None),
        ("ZOOM 900", "zoom in", None),
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


@pytest.mark.parametrize(
    ("lines", "message", "mended"),
    [
        (["KILL_LOOP Cow none 30"], "kill three hundred cows", ["KILL_LOOP Cow none 300"]),
        (["GOTO 3305 3295"], "run to 3293 3305", ["GOTO 3293 3305"]),
        (
            ["MINE_ORE tin 5", "MINE_ORE copper 1000"],
            "mine 5 tin; mine 10 copper",
            ["MINE_ORE tin 5", "MINE_ORE copper 10"],
        ),
        (["KILL_LOOP Cow none fifty"], "kill 50 cows", None),
        (["KILL_LOOP Cow none 1,000"], "kill 2000 cows", ["KILL_LOOP Cow none 2000"]),
        (["ZOOM 900"], "zoom in by 2", None),
        (["KILL_LOOP Cow none 300"], "0 cows killed", None),
        (["KILL_LOOP Cow none 5"], "kill 50 cows with 2 others", None),
        (["KILL_LOOP Cow Trout"], "take trout and slay 120 cows", ["KILL_LOOP Cow Trout 120"]),
        (["MINE_ORE gold", "BANK_OPEN"], "mine 4 golds n bank it", ["MINE_ORE gold 4", "BANK_OPEN"]),
        (["MINE_ORE gold"], "mine some gold", None),
        (["BANK_WITHDRAW lobsters all"], "get 4 lobsters out of the bank", ["BANK_WITHDRAW lobsters 4"]),
        (["MINE_ORE gold"], "go 2 gold rocks", None),
        (["KILL_LOOP Cow none"], "kill cows for 5 minutes", None),
        (["BANK_OPEN", "KILL_LOOP Cow none"], "1. bank 2. cow loop", None),
        (["KILL_LOOP Cow none 300"], "another 50 of those", None),
        (
            ["BURY_ALL", "KILL_LOOP cows none", "GOTO lumbridge"],
            "bones in the ground, then 2 cows, then back to lumbridge",
            ["BURY_ALL", "KILL_LOOP cows none 2", "GOTO lumbridge"],
        ),
        (
            ["MINE_ORE iron", "MINE_ORE tin 2", "MINE_ORE copper"],
            "get 2 iron then 2 tin then 2 copper from the rocks",
            ["MINE_ORE iron 2", "MINE_ORE tin 2", "MINE_ORE copper 2"],
        ),
        (
            ["BANK_WITHDRAW lobsters 4", "KILL_LOOP giant_frogs lobster"],
            "withdraw 4 lobsters, kill 5 giant frogs eating lobster",
            ["BANK_WITHDRAW lobsters 4", "KILL_LOOP giant_frogs lobster 5"],
        ),
        (["SMELT_BAR steel"], "melt the ore 4 steel bars", None),
        (["FISH_DRAYNOR_LOOP banking"], "train fishing to 51 at draynor, bank it", ["FISH_DRAYNOR_LOOP 51"]),
        (["FISH_DRAYNOR_LOOP draynor"], "do the draynor fishing loop", ["FISH_DRAYNOR_LOOP"]),
        (["FISH_DRAYNOR_LOOP fifty"], "fish at draynor to level fifty", None),
        (["FISH_DRAYNOR_LOOP draynor"], "fish 5 or 6 rounds", None),
        (["GE_SELL 2/3_cake"], "sell 2/3 cake on the ge", None),
        (["WAIT 8", "KILL_LOOP giant_spiders none"], "wait 8 seconds + giant spiders", None),
        (["GOTO 2900 3448 0"], "go to 2900,3448 on plane 0", None),
    ],
)
def test_numbers_are_those_of_the_message(lines: list[str], message: str, mended: list[str] | None) -> None:
    calls = tuple(tool_call("send_command", {"command": line}) for line in lines)
    got = numbers_as_said(calls, message, BEFORE)
    if mended is None:
        assert got == calls
    else:
        assert [call.parsed for call in got] == [{"command": line} for line in mended]
        assert {call.origin for call, before in zip(got, calls, strict=True) if call != before} == {
            "repaired"
        }


def test_the_rounds_of_a_routine_are_those_of_the_message() -> None:
    (got,) = numbers_as_said(
        (tool_call("run_routine", {"routine_path": "iron", "loops": 5}),), "fifty rounds of the iron routine"
    )
    assert got.parsed == {"routine_path": "iron", "loops": 50}


def test_numbers_come_in_the_order_of_the_message() -> None:
    assert in_order("a dozen cows, then 1,200 frogs and three hundred. one rat, 2k imps") == [
        12,
        1200,
        300,
        2000,
    ]


def walks(*places: str):
    return tuple(tool_call("send_command", {"command": f"GOTO {place}"}) for place in places)


@pytest.mark.parametrize(
    ("message", "places", "line"),
    [
        ("go to x=2969, y=3220, z=0 buddy", ("x2969", "y3220", "0 0 0"), "GOTO 2969 3220 0"),
        ("go to x: 2969 y: 3220", ("x2969",), "GOTO 2969 3220"),
        ("walk to 3222/3218 plane 1", ("3222/3218",), "GOTO 3222 3218 1"),
    ],
)
def test_pieces_of_one_tile_are_one_walk(message: str, places: tuple[str, ...], line: str) -> None:
    (made,) = numbers_as_said(walks(*places), message)
    assert made.parsed == {"command": line}
    assert made.origin == "repaired"


@pytest.mark.parametrize(
    ("message", "places"),
    [
        ("go to 3222 3218", ("3222 3218 0",)),
        ("go to 3222 3218, then 3093 3244", ("3222 3218", "3093 3244")),
        ("go to varrock then 3222 3218", ("varrock", "3222 3218")),
        ("go 20 north", ("north 20",)),
    ],
)
def test_walks_that_are_whole_stay(message: str, places: tuple[str, ...]) -> None:
    assert numbers_as_said(walks(*places), message) == walks(*places)
