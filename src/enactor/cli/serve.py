"""`enactor serve NAME`: one of the services, each a module of its own.

A service's module has `Config` (a pydantic model: its options, with help), `SETTINGS` (the keys of `Settings`
that are flags of it) and `run(config, settings) -> int` (the exit code). It is imported when its name is
given, so that the extra of one service is not needed for another.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from enactor.cli.command import Command

SERVICES: dict[str, tuple[str, str]] = {
    "model": ("enactor.serve.model", "the embedded model, on OpenAI's and Ollama's endpoints"),
    "mcp": ("enactor.serve.mcp", "the tools, for any client of the Model Context Protocol"),
}
"""Name -> module, and what it offers in a line."""


def COMMAND(name: str, arguments: Sequence[str]) -> int:
    """Run the service that the first argument names; 2 when there is none of that name."""
    asked = arguments[0] if arguments else ""
    if asked in SERVICES:
        return service(asked)(f"{name} {asked}", arguments[1:])
    helping = asked in ("-h", "--help", "help")
    print(_help(), file=sys.stdout if helping else sys.stderr)
    if asked and not helping:
        print(f"enactor {name}: no service {asked!r}", file=sys.stderr)
    return 0 if helping else 2


def service(name: str) -> Command[Any]:
    """The command that runs a service; `KeyError` for one that does not exist."""
    module = import_module(SERVICES[name][0])
    return Command(module.Config, module.run, module.SETTINGS)


def _help() -> str:
    width = max(map(len, SERVICES), default=0)
    lines = [f"  {known:{width}}  {summary}" for known, (_, summary) in SERVICES.items()]
    last = "`enactor serve NAME --help` tells its options."
    return "\n".join(("usage: enactor serve NAME [options]", "", *lines, "", last))
