"""`enactor serve mcp` as a process: stdio and HTTP by the official client, and by hand."""

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError
from mcp_clients import (
    ERAS,
    Player,
    call,
    do,
    environment,
    http,
    initialize,
    mode,
    process,
    request,
    stdio,
    with_limit,
)

from enactor.serve.mcp import Config
from enactor.serve.mcp.http import is_loopback, security, token_of
from enactor.world import TOOLS

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
TOKEN = "a-token-of-some-length"
KILL = request(2, "tools/call", name="send_command", arguments={"command": "KILL_LOOP chicken none 10000"})
WALK = request(1, "tools/call", name="send_command", arguments={"command": "GOTO chicken_coop"})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one server that many tests call, with one more origin allowed."""
    with http(tmp_path_factory.mktemp("served"), "--allow-origin", "https://console.example") as (
        server,
        url,
    ):
        yield url
        assert server.poll() is None


async def whole_round(client: Client, player: Player) -> None:
    """Tools, lowering, the gate, a question, resources and prompts, in one session."""
    assert len((await client.list_tools()).tools) == len(TOOLS)
    assert (await do(client, "GOTO chicken_coop"))["command"] == "GOTO 3180 3288 0"
    killed = await do(client, "KILL_LOOP chikens none five")
    assert killed["result"]["kills"] == 5
    assert (await do(client, "KILL_LOP cow none 1"))["status"] == "error"
    assert (await do(client, "DROP_ALL"))["dispatched"] is True
    assert len(player.asked) == 1
    assert (await client.read_resource("enactor://state")).contents
    assert (await client.get_prompt("system")).messages


@pytest.mark.parametrize("era", ERAS)
def test_the_official_client_over_stdio(tmp_path: Path, era: str) -> None:
    async def part() -> None:
        player = Player(True)
        async with Client(stdio(tmp_path), mode=mode(era), elicitation_callback=player) as client:
            await whole_round(client, player)

    with_limit(part)


@pytest.mark.parametrize("era", ERAS)
def test_the_official_client_over_http(served: str, era: str) -> None:
    async def part() -> None:
        player = Player(True)
        async with Client(served, mode=mode(era), elicitation_callback=player) as client:
            await whole_round(client, player)

    with_limit(part)


def test_two_clients_at_once_over_http(tmp_path: Path) -> None:
    """One walks, the other reads: every answer goes to its asker, and the second walk takes the player."""
    with http(tmp_path, "--loop-window", "86400") as (_, url):

        async def part() -> None:
            async with Client(url, mode="legacy") as one, Client(url, mode=ERAS[1]) as two:
                await do(two, "GOTO chicken_coop")
                async with anyio.create_task_group() as tasks:  # hanging up is the cancelling of this era
                    tasks.start_soon(do, two, "KILL_LOOP chicken none 10000")
                    while not (await call(one, "get_game_state"))["state"].get("active_loop"):
                        await anyio.sleep(0.001)
                    tasks.cancel_scope.cancel()
                while (await call(one, "get_game_state"))["state"].get("active_loop"):
                    await anyio.sleep(0.01)
                names = ["draynor bank", "chicken coop", "lumbridge castle"]

                async def ask(client: Client, name: str) -> None:
                    for _ in range(5):
                        assert (await call(client, "lookup_location", location=name))["status"] == "ok"
                        found = await client.call_tool("lookup_location", {"location": "nosuch " + name})
                        assert name.split()[0] in str(found.structured_content)

                async with anyio.create_task_group() as tasks:
                    for client in (one, two):
                        for name in names:
                            tasks.start_soon(ask, client, name)
                await do(one, "GOTO chicken_coop")
                first: dict[str, Any] = {}

                async def kill() -> None:
                    first.update(await do(one, "KILL_LOOP chicken none 10000"))

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(kill)
                    while not (await call(two, "get_game_state"))["state"].get("active_loop"):
                        await anyio.sleep(0.001)
                    assert (await do(two, "GOTO south 3"))["status"] == "ok"
                assert first["status"] == "error"
                assert first["error"].startswith("interrupted by GOTO")

        with_limit(part)


def test_a_client_that_dies_leaves_the_others(served: str) -> None:
    begun = httpx.post(served, headers=ACCEPT, json=initialize())
    session = {**ACCEPT, "mcp-session-id": begun.headers["mcp-session-id"]}
    with httpx.stream("POST", served, headers=session, json=WALK):
        pass  # hangs up before the answer

    async def part() -> None:
        async with Client(served) as client:
            assert (await call(client, "check_health"))["status"] == "ok"

    with_limit(part)


# -- HTTP's doors -----------------------------------------------------------------------------------------


def test_pages_and_names_of_elsewhere_are_refused(served: str) -> None:
    def status(**headers: str) -> int:
        return httpx.post(served, headers={**ACCEPT, **headers}, json=initialize()).status_code

    assert status() == 200
    assert status(origin="http://localhost:6274") == 200
    assert status(origin="https://console.example") == 200
    assert status(origin="https://evil.example") == 403
    assert status(origin="null") == 403
    assert status(host="evil.example") == 421
    modern = {"mcp-protocol-version": ERAS[1], "mcp-method": "tools/list"}
    assert status(origin="https://evil.example", **modern) == 403


def test_bad_bodies_are_answered_and_the_server_goes_on(served: str) -> None:
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"jsonrpc": "2.0"}', b"[" * 100_000):
        assert httpx.post(served, headers=ACCEPT, content=body).status_code == 400
    big = httpx.post(served, headers=ACCEPT, content=b" " * (5 * 2**20))
    assert big.status_code == 413
    assert httpx.post(served, headers={"accept": "text/html"}, json=initialize()).status_code == 406
    wrong = {**ACCEPT, "mcp-session-id": "nosuch"}
    assert httpx.post(served, headers=wrong, json=request(1, "tools/list")).status_code == 404
    assert httpx.post(served, headers=ACCEPT, json=initialize()).status_code == 200


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with http(tmp_path, "--token-file", str(file)) as (_, url):
        for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}):
            refused = httpx.post(url, headers={**ACCEPT, **header}, json=initialize())
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"

        async def part() -> None:
            import httpx2
            from mcp.client.streamable_http import streamable_http_client

            async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as carrier:
                transport = streamable_http_client(url, http_client=carrier)
                async with Client(transport) as client:
                    assert (await call(client, "check_health"))["status"] == "ok"

        with_limit(part)


def test_an_address_that_others_reach_has_a_token_always(tmp_path: Path) -> None:
    with http(tmp_path, "--host", "0.0.0.0", "--allow-host", "game.example") as (server, url):
        assert server.stderr is not None
        line = server.stderr.readline().decode()
        token = line.removeprefix("Token, until it ends: ").strip()
        assert len(token) >= 16
        here = url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.post(here, headers=ACCEPT, json=initialize()).status_code == 401
        right = {**ACCEPT, "authorization": f"Bearer {token}"}
        assert httpx.post(here, headers=right, json=initialize()).status_code == 200
        named = {**right, "host": "game.example:8765"}
        assert httpx.post(here, headers=named, json=initialize()).status_code == 200
        other = {**right, "host": "other.example"}
        assert httpx.post(here, headers=other, json=initialize()).status_code == 421


def test_which_addresses_are_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "localhost", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "")))
    assert token_of(Config()) is None
    assert token_of(Config(host="::")) != token_of(Config(host="::"))
    wide = security(Config(host="0.0.0.0"))
    assert "0.0.0.0" not in wide.allowed_hosts


# -- stdio by hand ----------------------------------------------------------------------------------------


def answer(server: subprocess.Popen[bytes], number: int, seconds: float = 30) -> dict[str, Any]:
    """The next answer with that id; every line before it must be JSON-RPC, too."""
    assert server.stdout is not None
    until = time.monotonic() + seconds
    while select.select([server.stdout], [], [], max(until - time.monotonic(), 0))[0]:
        message = json.loads(server.stdout.readline())
        assert message["jsonrpc"] == "2.0"
        if message.get("id") == number:
            return dict(message)
    raise AssertionError(f"no answer to {number}")


def say(server: subprocess.Popen[bytes], *lines: Any) -> None:
    assert server.stdin is not None
    for line in lines:
        server.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
    server.stdin.flush()


def test_torn_huge_and_foreign_lines_on_stdio(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        say(server, b"hello", b'{"jsonrpc": "2.0", "id": 1, "me', b"\xff\xfe\x00", b"", b"[" * 50_000)
        say(server, b'{"pad": "' + b"x" * (9 * 2**20) + b'"}', initialize(2))
        assert answer(server, 2)["result"]["serverInfo"]["name"] == "enactor"
        say(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        say(server, request(3, "tools/call", name=7), request(4, "nosuch"), request(5, "tools/list"))
        assert answer(server, 3)["error"]["code"] == types.INVALID_PARAMS
        assert answer(server, 4)["error"]["code"] == types.METHOD_NOT_FOUND
        assert answer(server, 5)["result"]["tools"]
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(30) == 0
        assert server.stdout is not None
        assert server.stderr is not None
        assert server.stdout.read() == b""
        assert b"Traceback" not in server.stderr.read()


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    """The answer to what came just before the end of stdin may be lost, the process may not hang."""
    with process(tmp_path) as server:
        assert server.stdin is not None
        server.stdin.write(json.dumps(initialize()).encode())
        server.stdin.close()
        assert server.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["stdio", "http"])
def test_a_signal_ends_it_quietly(tmp_path: Path, kind: str, number: int) -> None:
    """With a long call under way, and over HTTP with a client that stays on the line."""
    long = ("--loop-window", "86400")
    if kind == "stdio":
        with process(tmp_path, *long) as server:
            say(server, initialize(), {"jsonrpc": "2.0", "method": "notifications/initialized"}, WALK)
            answer(server, 1)
            say(server, KILL, request(3, "ping"))
            answer(server, 3)
            server.send_signal(number)
            assert server.wait(30) == 0
            assert server.stderr is not None
            assert server.stderr.read() == b""
        return
    with http(tmp_path, *long) as (server, url):
        begun = httpx.post(url, headers=ACCEPT, json=initialize())
        session = {**ACCEPT, "mcp-session-id": begun.headers["mcp-session-id"]}
        httpx.post(url, headers=session, json=WALK)
        killing = httpx.stream("POST", url, headers=session, json=KILL)
        with httpx.stream("GET", url, headers=session) as stream, killing as answered:
            assert (stream.status_code, answered.status_code) == (200, 200)
            server.send_signal(number)
            assert server.wait(30) == 0
        assert server.stderr is not None
        assert b"Traceback" not in server.stderr.read()


def test_a_client_that_stops_reading_and_goes(tmp_path: Path) -> None:
    with process(tmp_path) as server:
        say(server, initialize())
        answer(server, 0)
        say(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert server.stdout is not None
        assert server.stdin is not None
        server.stdout.close()
        say(server, *(request(n, "resources/read", uri="enactor://commands") for n in range(1, 20)))
        server.stdin.close()
        assert server.wait(30) == 0
        assert server.stderr is not None
        assert b"Traceback" not in server.stderr.read()


# -- the live game, played by the simulator ---------------------------------------------------------------


def test_the_live_game_by_its_files(tmp_path: Path) -> None:
    """`--backend live` against `enactor sim serve`: a walk is told of, stopped from beside, and cancelled."""
    game = tmp_path / "game"
    game.mkdir()
    plugin = [
        *("-m", "enactor", "sim", "serve", "--folder", str(game)),
        *("--poll-s", "0.005", "--speed", "2", "--seconds", "60"),
    ]
    playing = subprocess.Popen(
        [sys.executable, *plugin], stdout=subprocess.DEVNULL, env=environment(HOME=str(tmp_path))
    )
    progress: list[float] = []

    async def told(done: float, total: float | None, message: str | None) -> None:
        progress.append(done)

    async def part() -> None:
        while not any(game.glob("*state.json")):
            await anyio.sleep(0.02)
        options = ("--backend", "live", "--game-folder", str(game))
        async with Client(stdio(tmp_path, *options), mode="legacy") as client:
            before = (await call(client, "get_game_state", fields=["location"]))["state"]["location"]
            walk = {"command": "GOTO north 50"}
            found: list[types.CallToolResult] = []

            async def go() -> None:
                found.append(await client.call_tool("send_command", walk, progress_callback=told))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(go)
                while len(progress) < 2:
                    await anyio.sleep(0.02)
                assert (await do(client, "STOP"))["status"] == "ok"
            assert found[0].is_error
            assert progress == sorted(set(progress))
            with anyio.move_on_after(0.8) as scope:
                await client.call_tool("send_command", walk)
            assert scope.cancelled_caught
            await anyio.sleep(1.0)
            here = (await call(client, "get_game_state", fields=["location"]))["state"]["location"]
            await anyio.sleep(0.7)
            later = (await call(client, "get_game_state", fields=["location"]))["state"]["location"]
            assert here == later
            assert before["y"] < here["y"] < before["y"] + 50

    try:
        with_limit(part)
    finally:
        playing.terminate()
        playing.wait()


def test_an_error_of_the_client_is_no_crash(tmp_path: Path) -> None:
    """A setting that the tool needs is missing: the answer says so, over the wire."""

    async def part() -> None:
        options = ("--backend", "live", "--game-folder", str(tmp_path))
        async with Client(stdio(tmp_path, *options)) as client:
            found = await call(client, "start_runelite")
            assert found["status"] == "error"
            assert "client_command" in found["error"]
            assert (await do(client, "GOTO 3200 3200 0"))["status"] == "blocked"
            with pytest.raises(MCPError):
                await client.read_resource("enactor://nosuch")

    with_limit(part)
