"""The bridge over real files, with the simulator in the plugin's place."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bridge_plugin import FAST, Played, text_of

from enactor.bridge import BridgeConfig, LiveBackend
from enactor.errors import EnactorError
from enactor.sim import Simulator
from enactor.world import Backend, CommandError

Play = Callable[..., Played]
FROGS = {"location": [3197, 3169, 0], "health": [60, 60], "inventory": ["Lobster"] * 20}


def test_a_command_is_answered_and_seen(play: Play, bridge: LiveBackend) -> None:
    play(start={"inventory": ["Bronze axe", "Tuna x3"]})
    backend: Backend = bridge
    assert backend.name == "live"
    answer = backend.send("QUERY_INVENTORY")
    assert (answer["status"], answer["command"]) == ("success", "QUERY_INVENTORY")
    assert answer["result"]["used"] == 4
    state = backend.observe()
    assert state["player"]["inventory"]["used"] == 4
    assert state["client"]["running"]
    assert state["client"]["freshness"] == "fresh"
    assert not bridge.mailbox.command.exists()


def test_the_state_seen_is_newer_than_the_last_action(play: Play, bridge: LiveBackend) -> None:
    play(start={"inventory": ["Bronze sword", "Tuna", "Tuna"]})
    for item in ("Tuna", "Tuna"):
        before = bridge.observe()["player"]["inventory"]["used"]
        assert bridge.send(f"DROP_ITEM {item}")["status"] == "success"
        assert bridge.observe()["player"]["inventory"]["used"] == before - 1


def test_settle_waits_for_arrival_and_returns_the_last_response(play: Play, bridge: LiveBackend) -> None:
    play(start={"location": [3222, 3218, 0]})
    first = bridge.send("GOTO 3236 3218 0")
    assert first["result"] == {"message": "GOTO started"}
    last = bridge.settle(60)
    assert last["result"]["message"] == "Arrived"
    assert bridge.observe()["player"]["location"] == {"x": 3236, "y": 3218, "plane": 0}
    assert bridge.settle(0.5)["result"]["message"] == "Arrived"


def test_a_loop_runs_on_until_stop(play: Play, bridge: LiveBackend) -> None:
    played = play(start=FROGS)
    assert bridge.send("KILL_LOOP Giant_frog none 500")["status"] == "success"
    assert bridge.settle(0.2)["status"] == "running"
    assert bridge.observe()["active_loop"]["command"] == "KILL_LOOP Giant_frog none 500"
    ends: list[Any] = []
    waiting = threading.Thread(target=lambda: ends.append(bridge.settle(30)))
    waiting.start()
    time.sleep(0.05)
    assert bridge.send("QUERY_NPCS")["status"] == "success"  # a read interrupts nothing
    assert waiting.is_alive()
    assert bridge.send("STOP")["result"]["message"] == "Stopped KILL_LOOP"
    waiting.join(2)
    assert ends[0]["status"] == "error"
    assert ends[0]["error"] == "sleep interrupted"
    assert bridge.settle(1)["command"] == "STOP"
    assert played.game.book[-1] == "STOP"


def test_the_bridge_and_the_simulator_answer_alike(play: Play, bridge: LiveBackend) -> None:
    lines = [
        "QUERY_INVENTORY",
        "GOTO 3230 3218 0",
        "NO_SUCH_VERB",
        "DROP_ITEM Tuna",
        "BANK_WITHDRAW Coins 5",
        "STOP",
    ]
    play()
    sim = Simulator()
    for line in lines:
        there, here = bridge.send(line), sim.send(line)
        assert (there["status"], there["command"], there["error"]) == (
            here["status"],
            here["command"],
            here["error"],
        )
        assert bridge.settle(60)["status"] == sim.settle(60)["status"]


def test_only_the_own_account_is_read(play: Play, tmp_path: Path, bridge: LiveBackend) -> None:
    play(account="main")
    assert (tmp_path / "manny_main_state.json").exists()
    with LiveBackend(folder=tmp_path, account="main", **FAST) as other:
        assert other.send("QUERY_INVENTORY")["status"] == "success"
    missed = bridge.send("QUERY_INVENTORY")
    assert missed["delivered"] is False
    assert missed["command_file"] == str(tmp_path / "manny_command.txt")
    with pytest.raises(EnactorError, match="account id"):
        LiveBackend(folder=tmp_path, account="../me")


def test_polling_does_the_same(play: Play, tmp_path: Path) -> None:
    play(start={"location": [3222, 3218, 0]})
    with LiveBackend(folder=tmp_path, notices=False, **FAST) as bridge:
        assert bridge.send("GOTO 3230 3218 0")["status"] == "success"
        assert bridge.settle(60)["result"]["message"] == "Arrived"


def test_what_is_not_consumed_is_withdrawn(tmp_path: Path, bridge: LiveBackend, play: Play) -> None:
    missed = bridge.send("DROP_ALL")
    assert (missed["delivered"], missed["dispatched"], missed["status"]) == (False, False, "error")
    assert "not consumed" in missed["error"]
    assert list(tmp_path.iterdir()) == []
    assert play().game.book == []


def test_a_leftover_of_others_is_removed_and_never_run(bridge: LiveBackend, play: Play) -> None:
    old = bridge.mailbox.command
    old.write_text("DROP_ALL --rid=deadbeef\n")
    os.utime(old, (time.time() - 60, time.time() - 60))
    answers: list[Any] = []
    sending = threading.Thread(target=lambda: answers.append(bridge.send("QUERY_INVENTORY")))
    sending.start()
    while "QUERY_INVENTORY" not in text_of(old):
        time.sleep(0.001)
    old.unlink()
    sending.join()
    assert answers[0]["status"] == "timeout"
    assert play().game.book == []


def test_a_line_is_one_command(bridge: LiveBackend, play: Play) -> None:
    played = play()
    bridge.send("QUERY_INVENTORY\nDROP_ALL --rid=abc")
    assert played.game.book == ["QUERY_INVENTORY DROP_ALL"]
    assert bridge.send("  ")["delivered"] is False


def test_post_waits_for_delivery_only(bridge: LiveBackend, play: Play) -> None:
    play()
    assert bridge.post("STOP")["dispatched"] is True


def test_conditions_are_awaited(bridge: LiveBackend, play: Play) -> None:
    play(start={"location": [3222, 3218, 0]})
    bridge.send("GOTO 3236 3218 0")
    assert bridge.await_condition("location:3236,3218", 10)
    assert not bridge.await_condition("plane:2", 0.05)
    with pytest.raises(CommandError):
        bridge.await_condition("weather:fine", 1)


def test_the_age_of_the_state_has_a_meaning(bridge: LiveBackend, play: Play) -> None:
    play().end()
    state = bridge.mailbox.state
    for age, freshness, running in (
        (1, "fresh", True),
        (7, "late", True),
        (20, "disconnected", True),
        (45, "frozen", False),
    ):
        os.utime(state, (time.time() - age, time.time() - age))
        client = bridge.observe()["client"]
        assert (client["freshness"], client["running"]) == (freshness, running)
    assert bridge.health() == "dead"
    state.unlink()
    assert bridge.observe() == {"client": {"running": False, "freshness": "missing"}}


def test_a_frozen_client_ends_the_waiting(bridge: LiveBackend, play: Play) -> None:
    played = play(start=FROGS)
    bridge.send("KILL_LOOP Giant_frog none 500")
    played.end()
    old = time.time() - 60
    os.utime(bridge.mailbox.state, (old, old))
    assert "frozen" in bridge.settle(5)["error"]


def test_the_log_is_the_clients(bridge: LiveBackend, play: Play) -> None:
    play(start={"location": [3222, 3218, 0]})
    bridge.send("GOTO 3226 3218 0")
    bridge.settle(10)
    time.sleep(0.1)
    assert any("[COMMAND] GOTO 3226 3218 0" in line for line in bridge.logs())
    assert bridge.logs(grep="nothing of the kind") == []
    assert bridge.logs(level="ERROR") == []


def test_nobody_there_stops_what_runs(tmp_path: Path, play: Play) -> None:
    played = play(start=FROGS)
    with LiveBackend(folder=tmp_path, unattended_s=0.4, **FAST) as bridge:
        bridge.send("KILL_LOOP Giant_frog none 500")
        time.sleep(0.2)
        bridge.attend()
        time.sleep(0.3)
        assert bridge.observe()["active_loop"]
        time.sleep(0.4)
        assert played.game.book[-1] == "STOP"
        assert bridge.observe()["active_loop"] is None
        refused = bridge.send("GOTO 3222 3218 0")
        assert refused["dispatched"] is False
        assert "say something" in refused["error"]
        assert bridge.send("QUERY_INVENTORY")["status"] == "success"
        bridge.attend()
        assert bridge.send("GOTO 3222 3218 0")["status"] == "success"


def test_without_a_command_line_the_client_cannot_be_started(bridge: LiveBackend) -> None:
    with pytest.raises(EnactorError, match="client_command"):
        bridge.client("start")


SERVE = (
    "from enactor.sim.serve import ServeConfig, run; "
    "run(ServeConfig(folder='{folder}', account='{account}', poll_s=0.01, speed=20))"
)


def test_the_client_is_started_and_stopped(tmp_path: Path) -> None:
    line = f'{sys.executable} -c "{SERVE}"'
    with LiveBackend(
        folder=tmp_path, account="alt", client_command=line, client_timeout_s=20, **FAST
    ) as bridge:
        assert bridge.client("stop")["success"] is False
        assert bridge.client("start") == {"success": True, "message": "The client is running"}
        assert bridge.send("QUERY_INVENTORY")["status"] == "success"
        assert bridge.client("start")["message"] == "The client is already running"
        assert bridge.client("stop")["success"]
        assert bridge.observe()["client"]["running"] is False
        assert bridge.send("QUERY_INVENTORY")["delivered"] is False


def test_a_client_that_cannot_start_says_so(tmp_path: Path) -> None:
    options = {**FAST, "client_timeout_s": 5}
    with LiveBackend(
        folder=tmp_path, client_command=f'{sys.executable} -c "raise SystemExit(3)"', **options
    ) as bridge:
        assert "exit code 3" in bridge.client("start")["error"]
    with LiveBackend(
        folder=tmp_path, client_command=f'{sys.executable} -c "raise SystemExit(4)" {{action}}', **options
    ) as bridge:
        assert "exit code 4" in bridge.client("stop")["error"]
    with (
        LiveBackend(folder=tmp_path, client_command="/no/such/client", **options) as bridge,
        pytest.raises(EnactorError, match="correct"),
    ):
        bridge.client("start")


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(EnactorError, match="speling"):
        LiveBackend(folder=tmp_path, speling=1)
    with pytest.raises(EnactorError, match="no folder"):
        LiveBackend(folder=tmp_path / "nowhere")
    config = BridgeConfig(folder=tmp_path)
    assert (config.spacing_s, config.delivery_s, config.frozen_s) == (0.7, 1.5, 30.0)
