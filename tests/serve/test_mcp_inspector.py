"""The MCP inspector's command line (npm) against `enactor serve mcp`, over both transports and protocol eras.

Fetches the inspector, and the Node that it needs, from the npm registry: not for offline runs.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp_clients import COMMAND, environment, http

from enactor.world import TOOLS

INSPECTOR = "@modelcontextprotocol/inspector"
VERSION = "2.12.0"
NODE = "22.23.3"
"""The inspector wants at least 22.19; this one comes as an npm package."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm"),
]
Inspect = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The inspector's command line."""
    folder = tmp_path_factory.mktemp("inspector")
    quiet = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
    subprocess.run([*quiet, f"node@{NODE}", f"{INSPECTOR}@{VERSION}"], check=True, timeout=600)
    modules = folder / "node_modules"
    bin_of = json.loads((modules / INSPECTOR / "package.json").read_text())["bin"]["mcp-inspector"]
    return [str(modules / "node" / "bin" / "node"), str(modules / INSPECTOR / bin_of), "--cli"]


@pytest.fixture(params=["stdio", "http"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The server, as the inspector takes it."""
    if request.param == "stdio":
        yield COMMAND
        return
    with http(tmp_path) as (_, url):
        yield [url]


@pytest.fixture(params=["legacy", "modern"])
def inspect(
    request: pytest.FixtureRequest, installed: list[str], target: list[str], tmp_path: Path
) -> Inspect:
    """Run one method and return what the inspector printed."""

    def run(method: str, *options: str) -> dict[str, Any]:
        era = ["--protocol-era", request.param, "--quiet"]
        done = subprocess.run(
            [*installed, *target, *era, "--method", method, *options],
            cwd=tmp_path,
            env=environment(HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 5), done.stderr
        return dict(json.loads(done.stdout))

    return run


def test_what_the_inspector_sees(inspect: Inspect) -> None:
    tools = {tool["name"]: tool for tool in inspect("tools/list", "--strict")["tools"]}
    assert set(tools) == {*TOOLS, "confirm"}
    assert tools["get_game_state"]["annotations"]["readOnlyHint"] is True
    assert tools["stop_runelite"]["annotations"]["destructiveHint"] is True
    assert len(inspect("resources/list")["resources"]) == 4
    assert len(inspect("resources/templates/list")["resourceTemplates"]) == 1
    assert len(inspect("prompts/list")["prompts"]) == 3
    page = inspect("resources/read", "--uri", "enactor://commands/KILL_LOOP")["contents"][0]["text"]
    assert page.startswith("# KILL_LOOP")
    shown = inspect("prompts/get", "--prompt-name", "play", "--prompt-args", "request=kill 3 cows")
    assert shown["messages"][0]["content"]["text"].endswith("kill 3 cows")


def test_what_the_inspector_does(inspect: Inspect) -> None:
    def do(command: str) -> dict[str, Any]:
        called = inspect("tools/call", "--tool-name", "send_command", "--tool-arg", f"command={command}")
        return dict(called["structuredContent"])

    assert do("GOTO chicken_coop")["command"] == "GOTO 3180 3288 0"
    assert do("KILL_LOP cow none 3")["status"] == "error"
    assert do("DROP_ALL")["status"] == "needs_confirmation"
