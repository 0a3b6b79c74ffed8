"""`enactor sim serve`: see `enactor.sim.serve`."""

import sys
from collections.abc import Sequence

from enactor.cli.command import Command
from enactor.settings import Settings
from enactor.sim.serve import ServeConfig
from enactor.sim.serve import run as serve


def run(config: ServeConfig, settings: Settings) -> int:
    """Serve until a signal or the time is up."""
    return serve(config)


SERVE = Command(ServeConfig, run)


def COMMAND(name: str, arguments: Sequence[str]) -> int:
    """`sim` has one action so far."""
    if arguments[:1] == ["serve"]:
        return SERVE(f"{name} serve", arguments[1:])
    asked = arguments[:1] in (["-h"], ["--help"])
    print(
        "usage: enactor sim serve [options]; `enactor sim serve --help` tells them",
        file=sys.stdout if asked else sys.stderr,
    )
    return 0 if asked else 2
