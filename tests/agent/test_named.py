"""Names that nothing bears are put right from the player's words, or asked for."""

import pytest

from enactor.agent.named import names_as_said
from enactor.prompt import tool_call
from enactor.trace.values import Message
from enactor.world import GameState

STATE = GameState.from_case({"location": [3222, 3218, 0], "inventory": ["Tuna"]})
BEFORE = (
    Message("user", "take all snape grass out"),
    Message("assistant", "", (tool_call("send_command", {"command": "BANK_WITHDRAW Snape_grass all"}),)),
)


@pytest.mark.parametrize(
    ("line", "message", "mended"),
    [
        ("GOTO goto_keldagrimm", "use goto keldagrimm if you can", "GOTO keldagrimm"),
        ("GOTO ss_couthes", "please go to thessalias clotjes", "GOTO clotjes"),
        (
            "GE_SELECT_ITEM cgoose_mithril_scimitar",
            "cgoose mithril scimitar from the ge results",
            "GE_SELECT_ITEM mithril_scimitar",
        ),
        ("BANK_WITHDRAW item all", "no, withdraw it", "BANK_WITHDRAW Snape_grass all"),
        ("KILL_LOOP Giant_frog none", "kill giant frogs", None),
        ("GOTO lumbrige", "go to lumbrige", None),
        ("EAT", "eat", None),
        ("KILL_LOOP moss_crabs none", "train on the moss crabs", None),
        ("FLY away", "fly away", None),
    ],
)
def test_an_unknown_name_is_what_the_player_said(line: str, message: str, mended: str | None) -> None:
    call = tool_call("send_command", {"command": line})
    got, question = names_as_said(call, message, BEFORE, STATE)
    assert question is None
    if mended is None:
        assert got is call
    else:
        assert got.parsed == {"command": mended}
        assert got.origin == "repaired"


@pytest.mark.parametrize(
    ("line", "message", "question"),
    [
        ("BANK_CHECK ithin", "see if the bank has one", "Which item do you mean?"),
        ("KILL_LOOP em none 324", "like 324 of em", "Which creature or person do you mean?"),
        ("KILL_LOOP Zorblax none", "kill zorblaxes", None),  # the world's answer names what is near
    ],
)
def test_a_name_that_nobody_said_is_asked_for(line: str, message: str, question: str | None) -> None:
    call = tool_call("send_command", {"command": line})
    assert names_as_said(call, message, (), STATE) == (call, question)
