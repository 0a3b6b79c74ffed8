"""Where messages are cut, and what is offered for a message of several tasks."""

import pytest

from enactor.world import offers
from enactor.world.cards import OFFERED, OFFERED_MORE
from enactor.world.joints import pieces_between


@pytest.mark.parametrize(
    ("message", "pieces"),
    [
        ("kill 20 cows", ["kill 20 cows"]),
        ("bank it all, then go to varrock", ["bank it all", "go to varrock"]),
        ("1. chop oaks 2. light a fire", ["chop oaks", "light a fire"]),
        ("- open the bank\n- take 5 tuna out", ["open the bank", "take 5 tuna out"]),
        ("stop and eat -> then run", ["stop", "eat", "run"]),
        ("go to 3222, 3218", ["go to 3222", "3218"]),
        (" ,, ; ", []),
        ("", []),
    ],
)
def test_a_message_is_cut_at_every_joint(message, pieces):
    assert pieces_between(message) == pieces


def test_every_task_of_a_list_is_offered_its_command():
    message = "bank everything, teleport to varrock, kill 20 goblins, light a fire and show me my levels"
    offered = offers().offer(message)
    wanted = {"BANK_OPEN", "TELEPORT", "KILL_LOOP", "LIGHT_FIRE", "get_game_state"}
    assert wanted <= {*offered}
    assert OFFERED < len(offered) <= OFFERED_MORE
    assert len(set(offered)) == len(offered)


def test_a_message_of_one_task_is_offered_no_more_than_before():
    assert len(offers().offer("kill 300 giant frogs")) <= OFFERED
