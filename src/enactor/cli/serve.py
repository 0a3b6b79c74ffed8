"""`enactor serve NAME`: one of the services, each a module of its own.

A service's module has `Config` (a pydantic model: its options, with help), `SETTINGS` (the keys of `Settings`
that are flags of it) and `run(config, settings) -> int` (the exit code). It is imported when its name is
given, so that the extra of one service is not needed for another.
"""

from functools import partial
from importlib import import_module
from typing import Any

from enactor.cli.command import Command, Group

SERVICES: dict[str, tuple[str, str]] = {
    "model": ("enactor.serve.model", "the embedded model, on OpenAI's and Ollama's endpoints"),
    "mcp": ("enactor.serve.mcp", "the tools, for any client of the Model Context Protocol"),
    "discord": ("enactor.serve.discord", "a bot for the players of a Discord server, or for you alone"),
    "web": ("enactor.serve.web", "one page to talk, watch, judge and compare"),
}
"""Name -> module, and what it offers in a line."""


def service(name: str) -> Command[Any]:
    """The command that runs a service; `KeyError` for one that does not exist."""
    module = import_module(SERVICES[name][0])
    return Command(module.Config, module.run, module.SETTINGS)


COMMAND = Group({name: (summary, partial(service, name)) for name, (_, summary) in SERVICES.items()})
