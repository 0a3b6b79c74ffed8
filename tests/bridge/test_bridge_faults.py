"""What goes wrong on the plugin's side comes out as what it was, and nothing is lost, doubled or swapped."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from bridge_plugin import FAST, POLL_S, SPEED, Bookkeeper, Played
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from enactor.bridge import LiveBackend
from enactor.sim.faults import Faults
from enactor.sim.plugin_files import PluginFiles
from enactor.sim.serve import ServeConfig
from enactor.world import ipc

Play = Callable[..., Played]
FROGS = {"location": [3197, 3169, 0], "health": [60, 60], "inventory": ["Lobster"] * 20}
SHORT: dict[str, Any] = {
    "late_s": 0.7,
    "held_s": 0.4,
    "stale_s": 0.3,
    "disconnect_s": 0.3,
    "loop_s": 0.1,
}


def test_a_late_response_is_not_taken_for_the_next(play: Play, bridge: LiveBackend) -> None:
    played = play(Faults(late=1, **{**SHORT, "late_s": 0.6}))
    assert bridge.send("QUERY_NPCS")["status"] == "timeout"
    played.server.draw.faults = Faults()
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        answer = bridge.send("QUERY_NPCS 2")
        assert answer["echo"] == "QUERY_NPCS 2"
    assert played.game.book.count("QUERY_NPCS") == 2


def test_a_lost_response_is_a_timeout_of_something_done(play: Play, bridge: LiveBackend) -> None:
    played = play(Faults(lost=1), {"inventory": ["Tuna"]})
    answer = bridge.send("DROP_ITEM Tuna")
    assert (answer["timeout"], answer["status"]) == (True, "timeout")
    assert played.game.book == ["DROP_ITEM Tuna"]
    assert bridge.observe()["player"]["inventory"]["used"] == 0


def test_a_read_without_an_answer_is_sent_once_more(play: Play, tmp_path: Path) -> None:
    played = play(Faults(lost=1))
    played.server.draw.next = lambda line, *, loop: None if played.game.book else "lost"  # type: ignore[method-assign]
    with LiveBackend(folder=tmp_path, **{**FAST, "timeout_s": 10, "again_s": 0.05}) as bridge:
        assert bridge.send("QUERY_NPCS")["echo"] == "QUERY_NPCS"
    assert played.game.book == ["QUERY_NPCS"] * 2


def test_the_first_answer_counts_when_the_second_is_late(play: Play, tmp_path: Path) -> None:
    played = play(Faults(late=1, **{**SHORT, "late_s": 0.3}))
    with LiveBackend(folder=tmp_path, **{**FAST, "timeout_s": 10, "again_s": 0.2}) as bridge:
        assert bridge.send("QUERY_NPCS")["echo"] == "QUERY_NPCS"
        assert bridge.send("DROP_ITEM Tuna")["echo"] == "DROP_ITEM Tuna"
    assert played.game.book == ["QUERY_NPCS", "QUERY_NPCS", "DROP_ITEM Tuna"]


def test_what_runs_does_not_talk_over_an_answer(play: Play, bridge: LiveBackend, tmp_path: Path) -> None:
    """A client that looks every 50 ms still finds the answer to a read while a walk ends."""
    play(start={"location": [3222, 3218, 0]}, poll_s=0.001)
    for step in (3226, 3222) * 5:
        walk = bridge.send(f"GOTO {step} 3218 0")
        assert walk["status"] == "success"
        (tmp_path / "manny_command.txt").write_text("QUERY_NPCS --rid=slow\n")
        time.sleep(0.15)  # the walk of two ticks, 40 ms, is over
        found = ipc.read_json(bridge.mailbox.response)
        assert found is not None
        assert found[0]["request_id"] == "slow"
        assert bridge.settle(5)["result"]["message"] == "Arrived"


def test_a_lost_response_to_a_loop_shows_in_the_state(play: Play, bridge: LiveBackend) -> None:
    played = play(Faults(lost=1), FROGS)
    assert bridge.send("KILL_LOOP Giant_frog none 9")["status"] == "success"
    assert bridge.settle(0.1)["status"] == "running"
    assert played.server.draw.journal == [("KILL_LOOP Giant_frog none 9", "lost")]


def test_what_is_held_back_is_withdrawn_and_never_done(play: Play, bridge: LiveBackend) -> None:
    played = play(Faults(not_consumed=1, **SHORT))
    assert bridge.send("DROP_ALL")["delivered"] is False
    time.sleep(0.4)
    assert played.game.book == []


def test_a_resting_state_ages_while_commands_work(play: Play, bridge: LiveBackend) -> None:
    play(Faults(stale=1, **SHORT))
    bridge.send("QUERY_NPCS")
    before = bridge.mailbox.state.stat().st_mtime_ns
    assert bridge.send("QUERY_NPCS")["status"] == "success"
    time.sleep(0.1)
    assert bridge.mailbox.state.stat().st_mtime_ns == before


def test_a_disconnect_eats_commands_until_it_is_over(play: Play, bridge: LiveBackend) -> None:
    played = play(Faults(disconnect=1, **SHORT))
    assert bridge.send("DROP_ITEM Tuna")["status"] == "timeout"
    played.server.draw.faults = Faults()
    time.sleep(0.1)
    assert played.game.book == []
    assert bridge.send("QUERY_INVENTORY")["status"] == "success"


def test_a_response_of_another_account_is_not_ours(play: Play, bridge: LiveBackend, tmp_path: Path) -> None:
    play(Faults(wrong_account=1))
    assert bridge.send("QUERY_NPCS")["status"] == "timeout"
    ours = ipc.read_json(tmp_path / "manny_other_response.json")
    assert ours is not None
    assert ours[0]["echo"] == "QUERY_NPCS"


def test_a_loop_that_ends_early_says_so(play: Play, bridge: LiveBackend) -> None:
    play(Faults(loop_ends_early=1, **SHORT), FROGS)
    assert bridge.send("KILL_LOOP Giant_frog none 500")["status"] == "success"
    ended = bridge.settle(20)
    assert (ended["status"], ended["error"]) == ("error", "sleep interrupted")
    assert bridge.observe()["active_loop"] is None


def test_shares_are_checked() -> None:
    with pytest.raises(ValidationError, match="more than 1"):
        Faults(late=0.6, lost=0.6)
    with pytest.raises(ValidationError):
        ServeConfig.model_validate({"pol_s": 1})
    assert ServeConfig().poll_s == 0.5


# -- the property -----------------------------------------------------------------------------------

VERBS = ("QUERY_NPCS", "QUERY_INVENTORY", "KILL_LOOP Giant_frog none", "GOTO 3190 3170 0", "DROP_ITEM Tuna")
SILENT = {"late", "lost", "wrong_account", "disconnect"}
share = st.sampled_from([0.0, 0.05, 0.1])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    streams=st.lists(st.lists(st.sampled_from(VERBS), min_size=5, max_size=25), min_size=1, max_size=3),
    shares=st.fixed_dictionaries(
        dict.fromkeys(("late", "lost", "not_consumed", "stale", "disconnect", "wrong_account"), share)
    ),
    early=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 1000),
)
def test_nothing_is_lost_doubled_or_mismatched(
    streams: list[list[str]], shares: Mapping[str, float], early: float, seed: int
) -> None:
    """Several threads over one bridge: each line is unlike all others, and the plugin's book has each at most
    once (a read at most twice), just when the bridge says so."""
    short = {"late_s": 0.15, "held_s": 0.2, "stale_s": 0.1, "disconnect_s": 0.1, "loop_s": 0.02}
    faults = Faults(**shares, loop_ends_early=early, seed=seed, **short)
    answers: dict[str, Mapping[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        game = Bookkeeper(FROGS)
        server = PluginFiles(game, ipc.Mailbox(Path(folder)), poll_s=POLL_S, speed=SPEED, faults=faults)
        played = Played(game, server)
        options = {**FAST, "timeout_s": 0.1, "begin_s": 0.1, "delivery_s": 0.1}
        with LiveBackend(folder=folder, **options) as bridge:

            def one(number: int, stream: list[str]) -> None:
                for i, verb in enumerate(stream):
                    line = f"{verb} {number + 1}{i:03}"
                    answers[line] = bridge.send(line)

            threads = [threading.Thread(target=one, args=pair) for pair in enumerate(streams)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        played.end()
    book = Counter(game.book)
    silenced = {line for line, fault in server.draw.journal if fault in SILENT}
    assert len(answers) == sum(map(len, streams))
    for line, answer in answers.items():
        assert book[line] <= 1 + line.startswith("QUERY"), f"doubled: {line}"
        if answer.get("delivered") is False:
            assert book[line] == 0, f"done though withdrawn: {line}"
        elif answer["status"] == "timeout":
            assert line in silenced, f"lost: {line}"
        else:
            assert book[line] >= 1, f"answered though not done: {line}"
            assert answer["command"] == line.split()[0]
            assert answer.get("echo", line) == line, f"mismatched: {line}"


# -- the server as a program ------------------------------------------------------------------------


def test_the_server_ends_on_a_signal(tmp_path: Path) -> None:
    script = (
        "import sys; from enactor.sim.serve import ServeConfig, run; "
        "sys.exit(run(ServeConfig(folder=sys.argv[1], account='a', poll_s=0.01, lost=1)))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert str(tmp_path / "manny_a_command.txt") in process.stdout.readline()
    with LiveBackend(folder=tmp_path, account="a", **FAST) as bridge:
        while not bridge.mailbox.state.exists():
            time.sleep(0.01)
        assert bridge.send("DROP_ITEM Tuna")["status"] == "timeout"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert rest == "Faults: lost 1\n"
