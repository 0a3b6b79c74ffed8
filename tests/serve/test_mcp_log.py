"""What acts through the server is in the training log, and the log is in nobody's way."""

import errno
import os
import time
from contextlib import closing
from pathlib import Path

import pytest
from mcp import Client
from mcp_clients import ERAS, Player, call, calls, do, play, stdio, with_limit

from enactor.agent.tools import Toolbox
from enactor.prompt import tool_call
from enactor.serve.label import Label, Unfit, corrected_row
from enactor.serve.mcp.log import Log
from enactor.sim import Simulator
from enactor.trace import Trace, TraceStore
from enactor.trace.lock import locked


def written(folder: Path) -> list[Trace]:
    return list(TraceStore(folder, readonly=True).iterate())


def outcomes(folder: Path) -> list[tuple[str, str]]:
    return [(str((t.steps[0].call.parsed or {}).get("command")), t.outcome) for t in written(folder)]


@pytest.mark.parametrize("era", ERAS)
def test_what_acts_is_recorded_and_judged(era: str, tmp_path: Path) -> None:
    async def part(client: Client) -> None:
        await call(client, "get_game_state")
        await do(client, "QUERY_INVENTORY")
        await do(client, "GOTO chicken_coop")
        await do(client, "KILL_LOP cow none 1")
        await do(client, "DROP_ALL")

    store = TraceStore(tmp_path)
    with closing(Log(store, store.player("Zezima"))) as log:
        play(part, calls(Simulator(), log=log), era, Player(True))
    assert outcomes(tmp_path) == [
        ("GOTO chicken_coop", "executed"),
        ("KILL_LOP cow none 1", "failed"),
        ("DROP_ALL", "asked"),
        ("DROP_ALL", "executed"),
    ]
    walk = written(tmp_path)[0]
    assert (walk.source, walk.message, walk.reply) == ("mcp", "", "")
    assert walk.steps[0].result.lowered == "GOTO 3180 3288 0"
    assert walk.steps[0].call.arguments == '{"command": "GOTO chicken_coop"}'
    assert walk.state_before is not None
    assert walk.state_after is not None
    assert walk.state_before["location"] != walk.state_after["location"] == [3180, 3288, 0]
    assert walk.latency_ms > 0
    assert walk.player == store.player("Zezima")
    assert store.forget("Zezima") == 4


def test_nobody_trains_on_what_nobody_said(tmp_path: Path) -> None:
    async def part(client: Client) -> None:
        await do(client, "GOTO chicken_coop")

    with closing(Log(TraceStore(tmp_path))) as log:
        play(part, calls(log=log))
    with pytest.raises(Unfit, match="the message is empty"):
        corrected_row(written(tmp_path)[0], Label("t", "ann", calls=()))


def test_a_call_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    async def part(client: Client) -> None:
        with locked(tmp_path / ".lock"):  # as if another program were writing all the while
            assert (await do(client, "GOTO chicken_coop"))["status"] == "ok"
            time.sleep(0.05)
            assert written_size(tmp_path) == 0

    with closing(Log(TraceStore(tmp_path))) as log:
        play(part, calls(log=log))
    assert outcomes(tmp_path) == [("GOTO chicken_coop", "executed")]


def written_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("training_*.jsonl"))


def test_a_full_disk_costs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, closing(Log(TraceStore(tmp_path))) as log:
        patch.setattr(os, "write", full)
        play(walk_twice, calls(log=log))
    assert capsys.readouterr().err.count("a call was not recorded") == 1
    assert written(tmp_path) == []
    with closing(Log(TraceStore(tmp_path))) as log:  # there is room again
        play(walk_twice, calls(log=log))
    assert len(written(tmp_path)) == 2


async def walk_twice(client: Client) -> None:
    for place in ("chicken_coop", "draynor_bank"):
        assert (await do(client, f"GOTO {place}"))["status"] == "ok"


def test_what_the_client_gives_up_is_recorded(tmp_path: Path) -> None:
    log = Log(TraceStore(tmp_path))
    toolbox = Toolbox(Simulator())
    killing = tool_call("send_command", {"command": "KILL_LOOP chicken none 5"})

    def given_up() -> None:
        with log.acting(killing, toolbox) as acting:
            acting.result = toolbox.call(killing)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        given_up()
    log.close()
    [trace] = written(tmp_path)
    assert trace.outcome == "failed"
    assert trace.steps[0].result.content["error"] == "given up by the client"
    assert trace.steps[0].result.lowered == "KILL_LOOP Chicken none 5"


def test_the_command_follows_the_settings(tmp_path: Path) -> None:
    async def run(*options: str) -> None:
        parameters = stdio(tmp_path, "--training-log", str(tmp_path / "log"), *options)
        async with Client(parameters, mode="legacy") as client:
            assert (await do(client, "GOTO chicken_coop"))["status"] == "ok"

    with_limit(lambda: run("--no-log"))
    assert not (tmp_path / "log").exists()
    with_limit(run)
    assert outcomes(tmp_path / "log") == [("GOTO chicken_coop", "executed")]
