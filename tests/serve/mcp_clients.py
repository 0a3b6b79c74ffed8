"""The official client against a server in this process, or against `enactor serve mcp` as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, types
from mcp.client.stdio import StdioServerParameters

from enactor.agent.tools import Toolbox
from enactor.serve.mcp.calls import Calls
from enactor.serve.mcp.game import Game
from enactor.serve.mcp.server import build_server
from enactor.sim import Simulator
from enactor.world import Backend

COMMAND = [sys.executable, "-m", "enactor", "serve", "mcp"]
ERAS = ("2025-11-25", "2026-07-28")
"""The last protocol with a handshake, and the first without; the client's modes for them are `legacy` and
the version itself."""


def mode(era: str) -> str:
    """The official client's name for a protocol."""
    return "legacy" if era == ERAS[0] else era


class Player:
    """Answers the server's questions, and keeps them."""

    def __init__(self, *answers: bool | str) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params.message)
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            return types.ElicitResult.model_validate({"action": answer})
        return types.ElicitResult(action="accept", content={"really": answer})


def calls(backend: Backend | None = None, **options: Any) -> Calls:
    """The tools over a simulator; `options` are those of `Toolbox`, and `tokens`, `patience_s` and `log`."""
    own = ("tokens", "patience_s", "log")
    ours = {"patience_s": 45.0, **{k: options.pop(k) for k in own if k in options}}
    backend = backend or Simulator()
    return Calls(Game(backend), Toolbox(backend, **options), **ours)


def play(
    part: Callable[[Client], Awaitable[None]],
    tools: Calls | None = None,
    era: str = ERAS[0],
    player: Player | None = None,
) -> None:
    """Run `part` with a client of a server in this process."""

    async def run() -> None:
        server = build_server(tools or calls())
        async with Client(server, mode=mode(era), elicitation_callback=player) as client:
            assert client.protocol_version == era
            await part(client)

    with_limit(run)


def with_limit(part: Callable[[], Awaitable[None]], seconds: float = 60) -> None:
    """Run to the end; a test that hangs fails instead."""

    async def run() -> None:
        with anyio.fail_after(seconds):
            await part()

    anyio.run(run)


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """A tool's structured content, after a look at the rest of the result."""
    return content(await client.call_tool(tool, arguments))


def content(result: types.CallToolResult) -> dict[str, Any]:
    """The structured content; the text says the same, and the error flag suits the status."""
    found = result.structured_content
    assert isinstance(found, dict)
    assert [json.loads(part.text) for part in result.content if isinstance(part, types.TextContent)] == [
        found
    ]
    assert result.is_error == (found["status"] in ("error", "blocked"))
    return found


async def do(client: Client, command: str) -> dict[str, Any]:
    """`send_command`."""
    return await call(client, "send_command", command=command)


def held(simulator: Simulator) -> int:
    """Slots of the inventory in use."""
    return int(simulator.observe()["player"]["inventory"]["used"])


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of the machine."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ENACTOR_")} | variables


def stdio(folder: Path, *options: str) -> StdioServerParameters:
    """`enactor serve mcp` for the official client, started in a folder without settings."""
    return StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *options], cwd=folder, env=environment(HOME=str(folder))
    )


@contextmanager
def process(folder: Path, *options: str, **pipes: Any) -> Iterator[subprocess.Popen[bytes]]:
    """`enactor serve mcp` with its pipes in the test's hands."""
    started = subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env=environment(HOME=str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **pipes,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        for pipe in (started.stdin, started.stdout, started.stderr):
            if pipe and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()


@contextmanager
def http(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`enactor serve mcp --http` on a free port: the process and its URL."""
    with process(folder, "--http", "--port", "0", *options) as started:
        assert started.stderr is not None
        line = started.stderr.readline().decode()
        assert line.startswith("Serving MCP on http://"), line + started.stderr.read().decode()
        yield started, line.split()[-1]


def request(number: int, method: str, **params: Any) -> Mapping[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def initialize(number: int = 0) -> Mapping[str, Any]:
    """The request that begins a session."""
    return request(
        number,
        "initialize",
        protocolVersion=ERAS[0],
        capabilities={},
        clientInfo={"name": "by hand", "version": "0"},
    )
