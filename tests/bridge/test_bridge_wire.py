"""The wire format by hand: a plugin made of file writes, and a client made of file writes."""

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from bridge_plugin import FAST, Played, text_of

from enactor.bridge import LiveBackend
from enactor.bridge.log import read_log
from enactor.world import ipc

Play = Callable[..., Played]


def answering(box: ipc.Mailbox, *responses: Callable[[str, str], dict[str, Any]]) -> threading.Thread:
    """A plugin that takes one command and publishes these responses to it, 20 ms apart."""

    def plugin() -> None:
        while not box.command.exists():
            time.sleep(0.002)
        line, rid = ipc.split_rid(box.command.read_text())
        box.command.unlink()
        for response in responses:
            ipc.publish_json(box.response, response(ipc.verb_of(line), rid or ""))
            time.sleep(0.02)

    thread = threading.Thread(target=plugin)
    thread.start()
    return thread


def test_the_command_file_is_a_line_with_a_request_id(tmp_path: Path, bridge: LiveBackend) -> None:
    seen: list[str] = []
    box = bridge.mailbox

    def plugin() -> None:
        while not box.command.exists():
            time.sleep(0.001)
        seen.append(box.command.read_text())
        box.command.unlink()

    thread = threading.Thread(target=plugin)
    thread.start()
    late = bridge.send("GOTO 3200 3200 0")
    thread.join()
    assert late["timeout"] is True
    assert late["error"] == "No response received within 300ms"
    line, _, rid = seen[0].partition(" --rid=")
    assert line == "GOTO 3200 3200 0"
    assert len(rid.strip()) == 8
    assert rid == rid.strip() + "\n"
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".tmp"]


def test_the_response_of_the_same_id_counts(bridge: LiveBackend) -> None:
    thread = answering(
        bridge.mailbox,
        lambda verb, rid: {
            "request_id": "0badf00d",
            "command": verb,
            "status": "error",
            "error": "not yours",
        },
        lambda verb, rid: {"request_id": rid, "command": verb, "status": "success", "result": {"n": 1}},
    )
    assert bridge.send("QUERY_NPCS")["result"] == {"n": 1}
    thread.join()


def test_without_an_id_the_verb_counts(bridge: LiveBackend) -> None:
    thread = answering(
        bridge.mailbox,
        lambda verb, rid: {"request_id": None, "command": "QUERY_INVENTORY", "status": "error"},
        lambda verb, rid: {"command": "query_npcs", "status": "success", "result": {"n": 2}},
    )
    assert bridge.send("QUERY_NPCS")["result"] == {"n": 2}
    thread.join()


def test_an_answer_from_before_never_counts(bridge: LiveBackend) -> None:
    ipc.publish_json(
        bridge.mailbox.response, {"request_id": None, "command": "QUERY_NPCS", "status": "success"}
    )
    thread = answering(bridge.mailbox)
    assert bridge.send("QUERY_NPCS")["status"] == "timeout"
    thread.join()


def test_a_torn_state_is_not_seen(bridge: LiveBackend) -> None:
    ipc.publish_json(bridge.mailbox.state, {"player": {"location": {"x": 1, "y": 2, "plane": 0}}})
    assert bridge.observe()["player"]["location"]["x"] == 1
    bridge.mailbox.state.write_text('{"player": {"loca')
    assert bridge.observe()["player"]["location"]["x"] == 1


def test_a_command_that_takes_time_may_show_in_the_state_first(bridge: LiveBackend) -> None:
    """Older plugins answer a walk when it is over."""
    box = bridge.mailbox
    ipc.publish_json(box.state, {"player": {"isMoving": False}, "scenario": {"currentTask": "Idle"}})

    def plugin() -> None:
        while not box.command.exists():
            time.sleep(0.002)
        rid = ipc.split_rid(box.command.read_text())[1]
        box.command.unlink()
        for moving in (*[True] * 25, False, False, False):
            if not moving:
                ipc.publish_json(
                    box.response,
                    {"request_id": rid, "command": "GOTO", "status": "success", "result": {"n": 3}},
                )
            ipc.publish_json(box.state, {"player": {"isMoving": moving}, "scenario": {"currentTask": "Idle"}})
            time.sleep(0.02)

    thread = threading.Thread(target=plugin)
    thread.start()
    assert bridge.send("GOTO 3200 3200 0")["result"]["message"] == "GOTO started, as the state shows"
    assert bridge.settle(5)["result"] == {"n": 3}
    thread.join()


def test_writes_are_spaced(tmp_path: Path, play: Play) -> None:
    play()
    with LiveBackend(folder=tmp_path, **{**FAST, "spacing_s": 0.1}) as bridge:
        begun = time.monotonic()
        for _ in range(4):
            bridge.send("QUERY_INVENTORY")
        assert time.monotonic() - begun >= 0.3


def test_a_fresh_command_of_another_controller_is_not_replaced(tmp_path: Path, bridge: LiveBackend) -> None:
    box = bridge.mailbox
    stop = threading.Event()

    def other() -> None:
        while not stop.is_set():
            box.command.write_text("WAIT 1 --rid=theirs00\n")
            stop.wait(0.02)

    thread = threading.Thread(target=other)
    thread.start()
    time.sleep(0.05)
    answer = bridge.send("QUERY_INVENTORY")
    stop.set()
    thread.join()
    assert answer["delivered"] is False
    assert "another controller" in answer["error"]
    assert "theirs00" in box.command.read_text()


def test_stop_takes_the_place_of_what_waits(bridge: LiveBackend) -> None:
    answers: dict[str, Any] = {}
    first = threading.Thread(target=lambda: answers.update(first=bridge.send("DROP_ALL")))
    first.start()
    while not bridge.mailbox.command.exists():
        time.sleep(0.002)
    stopping = threading.Thread(target=lambda: answers.update(stop=bridge.send("STOP")))
    stopping.start()
    while "STOP" not in text_of(bridge.mailbox.command):
        time.sleep(0.001)
    bridge.mailbox.command.unlink()
    first.join()
    stopping.join()
    assert answers["first"]["delivered"] is False
    assert "more urgent" in answers["first"]["error"]
    assert answers["stop"]["status"] == "timeout"


def test_any_client_drives_the_simulator(play: Play, tmp_path: Path) -> None:
    """In place, without an id, and two lines at once, as clients do."""
    played = play()
    command, response = tmp_path / "manny_command.txt", tmp_path / "manny_response.json"

    def told(text: str, verb: str) -> dict[str, Any]:
        command.write_text(text)
        for _ in range(400):
            found = ipc.read_json(response)
            if not command.exists() and found and found[0]["command"] == verb:
                return found[0]
            time.sleep(0.005)
        raise AssertionError(f"no answer to {text!r}")

    answer = told("QUERY_INVENTORY\n", "QUERY_INVENTORY")
    assert answer["request_id"] is None
    assert abs(answer["timestamp"] / 1000 - time.time()) < 5
    assert told("QUERY_NPCS --rid=chk", "QUERY_NPCS")["request_id"] == "chk"  # without its newline
    told("QUERY_EQUIPMENT --rid=a\nQUERY_PLAYERS --rid=b\n", "QUERY_PLAYERS")
    assert played.game.book == ["QUERY_INVENTORY", "QUERY_NPCS", "QUERY_EQUIPMENT", "QUERY_PLAYERS"]
    state = json.loads((tmp_path / "manny_state.json").read_text())
    assert abs(state["timestamp"] / 1000 - time.time()) < 5


def test_the_plugin_clears_its_slot_when_it_starts(play: Play, tmp_path: Path) -> None:
    (tmp_path / "manny_command.txt").write_text("DROP_ALL\n")
    played = play()
    time.sleep(0.05)
    assert played.game.book == []


def test_log_lines_are_read_by_time_and_level(tmp_path: Path) -> None:
    path = tmp_path / "runelite.log"
    path.write_text(
        "2026-01-05 09:00:00 [ERROR] too old\n"
        "2026-01-05 11:59:40 [INFO] Command succeeded\n"
        "2026-01-05 11:59:50 ERROR KILL_LOOP failed\n"
        "\tat some.Class\n"
        "11:59:55 [DEBUG] chatter\n"
        "23:59:55 [ERROR] yesterday\n"
    )
    now = datetime(2026, 1, 5, 12, 0, 0)
    assert read_log(path, 30, "", "INFO", now) == [
        "2026-01-05 11:59:40 [INFO] Command succeeded",
        "2026-01-05 11:59:50 ERROR KILL_LOOP failed",
        "\tat some.Class",
    ]
    assert read_log(path, 30, "kill_loop", "ERROR", now) == ["2026-01-05 11:59:50 ERROR KILL_LOOP failed"]
    assert read_log(tmp_path / "none.log", 30, "", "INFO", now) == []
    assert os.listdir(tmp_path) == ["runelite.log"]
