"""Which tool names are the game's: ours as declared, and those that other programs had for the same game."""

import re

from enactor.world.tools import TOOLS, TOOLS_LEFT_OUT

SERVERS = frozenset({"enactor", "manny", "runelite", "runelite-debug"})
"""MCP servers all of whose tools are the game's, but for the developers'."""

_DEVELOPERS = frozenset(name for names, _ in TOOLS_LEFT_OUT if "build_plugin" in names for name in names)
_BARE = (frozenset(TOOLS) | {name for names, _ in TOOLS_LEFT_OUT for name in names}) - _DEVELOPERS

# A line that names a game tool: cheap, and decides only whether the line is worth decoding.
MENTIONED = re.compile(
    rb'"name":\s*"(?:mcp__[^"]*__(?:%b)"|mcp__(?:%b)__|(?:%b)")'
    % tuple("|".join(sorted(names)).encode() for names in (TOOLS, SERVERS, _BARE))
)


def game_tool(name: str) -> str | None:
    """The bare name of a game tool, None for any other tool.

    `mcp__<server>__<tool>` is one where the server is known for the game or the tool is declared; the tools
    of the plugin's developers never are.
    """
    if not name.startswith("mcp__"):
        return name if name in _BARE else None
    server, _, tool = name.removeprefix("mcp__").rpartition("__")
    if not server or not tool or tool in _DEVELOPERS:
        return None
    return tool if server in SERVERS or tool in TOOLS else None
