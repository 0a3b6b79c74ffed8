"""Messages of several tasks, cut where one task ends."""

import pytest

from enactor.agent.clauses import assumed, clauses, opened_once
from enactor.prompt import tool_call
from enactor.world import GameState


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("go to the bank then deposit everything", ("go to the bank", "deposit everything")),
        ("mine 5 tin; mine 10 copper", ("mine 5 tin", "mine 10 copper")),
        ("1. bank everything\n2. chop logs", ("bank everything", "chop logs")),
        ("kill 10 cows and go to lumbridge", ("kill 10 cows", "go to lumbridge")),
        ("go to draynor, fish some shrimp", ("go to draynor", "fish some shrimp")),
        ("what are your levels and experience", ("what are your levels and experience",)),
        ("kill 20 cows", ("kill 20 cows",)),
        ("drop the jug and the pot", ("drop the jug and the pot",)),
        ("hey bot, kill 20 cows", ("hey bot, kill 20 cows",)),
        ("when you are full then bank everything", ("when you are full then bank everything",)),
        ("deposit all, go to varrock", ("deposit all", "go to varrock")),
        ("bank it all, but climb the ladder first", ("bank it all, but climb the ladder first",)),
        ("thanks, and then good night", ("thanks, and then good night",)),
        ("", ("",)),
        (";;;", (";;;",)),
    ],
)
def test_a_message_is_cut_between_its_tasks(message: str, parts: tuple[str, ...]) -> None:
    assert clauses(message) == parts


def test_no_message_is_cut_into_more_than_can_be_carried_out() -> None:
    message = "; ".join(["kill 5 cows"] * 50)
    assert clauses(message) == (message,)


def test_earlier_clauses_are_shown_as_done() -> None:
    calls = (tool_call("send_command", {"command": "KILL_LOOP giant_frogs none 5"}),)
    turn, result = assumed(calls, GameState())
    assert turn.tool_calls == calls
    assert '"command": "KILL_LOOP Giant_frog none 5"' in result.content


def test_the_bank_is_opened_once() -> None:
    def lines(*said: str, is_open: bool = False) -> list[str]:
        calls = [tool_call("send_command", {"command": line}) for line in said]
        return [str((call.parsed or {})["command"]) for call in opened_once(calls, is_open=is_open)]

    assert lines("BANK_OPEN", "BANK_WITHDRAW Lobster 3", "BANK_OPEN", "BANK_WITHDRAW Coins 100") == [
        "BANK_OPEN",
        "BANK_WITHDRAW Lobster 3",
        "BANK_WITHDRAW Coins 100",
    ]
    walked = ("BANK_OPEN", "BANK_DEPOSIT_ALL", "GOTO varrock", "BANK_OPEN")
    assert lines(*walked) == list(walked)
    closed = ("BANK_OPEN", "BANK_CLOSE", "BANK_OPEN")
    assert lines(*closed) == list(closed)
    assert lines("BANK_OPEN", "BANK_DEPOSIT_ALL", is_open=True) == ["BANK_DEPOSIT_ALL"]
    assert lines("BANK_OPEN", is_open=True) == ["BANK_OPEN"]
    away = ("GOTO varrock", "BANK_OPEN")
    assert lines(*away, is_open=True) == list(away)
