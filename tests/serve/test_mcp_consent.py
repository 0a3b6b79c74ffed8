"""The player's yes over the protocol: who is asked what, and what counts as an answer."""

from typing import Any

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from mcp_clients import ERAS, Player, call, calls, do, held, play

from enactor.sim import Simulator


@pytest.fixture(params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_cannot_be_undone_is_asked(era: str) -> None:
    simulator, player = Simulator(), Player(True)
    before = held(simulator)

    async def part(client: Client) -> None:
        assert "confirm" not in {tool.name for tool in (await client.list_tools()).tools}
        assert (await do(client, "DROP_ALL"))["status"] == "ok"

    play(part, calls(simulator), era, player)
    assert held(simulator) < before
    assert len(player.asked) == 1
    assert "Tuna" in player.asked[0]


@pytest.mark.parametrize("answer", [False, "decline", "cancel", "accept"])
def test_anything_but_a_yes_is_a_no(era: str, answer: bool | str) -> None:
    simulator = Simulator()
    before = held(simulator)

    async def part(client: Client) -> None:
        found = await do(client, "DROP_ALL")
        assert (found["status"], found["error"]) == ("blocked", "the player did not say yes")

    play(part, calls(simulator), era, Player(answer))
    assert held(simulator) == before


def test_a_yes_is_for_the_question_that_was_asked(era: str) -> None:
    """What is lost changes while the player thinks: he is asked again."""
    simulator = Simulator()

    class Slow(Player):
        async def __call__(self, context: Any, params: Any) -> Any:
            if not self.asked:
                simulator.send("DROP_ITEM Tuna")
            return await super().__call__(context, params)

    player = Slow(True, True)

    async def part(client: Client) -> None:
        assert (await do(client, "DROP_ALL"))["status"] == "ok"

    play(part, calls(simulator), era, player)
    assert ["3 Tuna" in question for question in player.asked] == [True, False]


def test_a_yes_that_was_made_up_is_refused() -> None:
    """The state of the second round is sealed; without it, an answer answers nothing."""
    simulator = Simulator()
    before = held(simulator)
    yes = {"really": types.ElicitResult(action="accept", content={"really": True})}

    async def part(client: Client) -> None:
        with pytest.raises(MCPError, match="requestState"):
            await client.call_tool(
                "send_command", {"command": "DROP_ALL"}, input_responses=yes, request_state="DROP_ALL"
            )
        await client.call_tool("send_command", {"command": "DROP_ALL"}, input_responses=yes)

    player = Player(False)
    play(part, calls(simulator), ERAS[1], player)
    assert len(player.asked) == 1
    assert held(simulator) == before


def test_a_client_that_cannot_ask_gets_a_token_for_once(era: str) -> None:
    simulator = Simulator()
    before = held(simulator)

    async def part(client: Client) -> None:
        found = await do(client, "DROP_ALL")
        assert found["status"] == "needs_confirmation"
        assert "Tuna" in found["question"]
        assert "confirm" in found["how_to_confirm"]
        assert held(simulator) == before
        assert (await call(client, "confirm", token=found["confirmation_token"]))["status"] == "ok"
        assert held(simulator) < before
        again = await call(client, "confirm", token=found["confirmation_token"])
        assert again["status"] == "error"

    play(part, calls(simulator), era)


def test_a_token_is_for_the_question_it_came_with() -> None:
    simulator = Simulator()

    async def part(client: Client) -> None:
        first = await do(client, "DROP_ALL")
        simulator.send("DROP_ITEM Tuna")
        second = await call(client, "confirm", token=first["confirmation_token"])
        assert second["status"] == "needs_confirmation"
        assert second["question"] != first["question"]

    play(part, calls(simulator))


def test_tokens_can_be_switched_off() -> None:
    async def part(client: Client) -> None:
        assert "confirm" not in {tool.name for tool in (await client.list_tools()).tools}
        found = await do(client, "DROP_ALL")
        assert found["status"] == "needs_confirmation"
        assert "confirmation_token" not in found

    play(part, calls(tokens=False))


def test_stopping_the_client_in_the_middle_of_work_is_asked() -> None:
    player = Player(False)

    async def part(client: Client) -> None:
        await do(client, "GOTO chicken_coop")
        await do(client, "KILL_LOOP chicken none 100")
        assert (await call(client, "stop_runelite"))["status"] == "blocked"
        assert (await call(client, "check_health"))["client_running"] is True

    play(part, calls(loop_window_s=6.0), player=player)
    assert "KILL_LOOP" in player.asked[0]


@pytest.mark.parametrize("option", ["read_only", "dry_run"])
def test_nothing_acts_and_nobody_is_asked(option: str) -> None:
    simulator, player = Simulator(), Player()
    before = simulator.snapshot()

    async def part(client: Client) -> None:
        for command in ("DROP_ALL", "GOTO chicken_coop", "KILL_LOOP cow none 3"):
            found = await do(client, command)
            assert found["dispatched"] is False
            assert found["status"] == ("blocked" if option == "read_only" else "ok")
        await call(client, "stop_runelite")
        assert (await call(client, "get_game_state", fields=["health"]))["status"] == "ok"

    play(part, calls(simulator, **{option: True}), player=player)
    assert simulator.snapshot() == before
