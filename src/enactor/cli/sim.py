"""`enactor sim serve`: see `enactor.sim.serve`."""

from enactor.cli.command import Command, Group
from enactor.settings import Settings
from enactor.sim.serve import ServeConfig
from enactor.sim.serve import run as serve


def run(config: ServeConfig, settings: Settings) -> int:
    """Serve until a signal or the time is up."""
    return serve(config)


COMMAND = Group(
    {"serve": ("play the plugin's side of its files", lambda: Command(ServeConfig, run))},
)
