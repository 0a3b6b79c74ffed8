"""`enactor flywheel`: see `enactor.serve.flywheel`."""

import sys
import time
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Flywheel(Config):
    """Gather, build, train, export, evaluate, parity, shadow, promote: what was recorded becomes a better
    model in use, or a reason why not. Stopped, it goes on where it was."""

    recipe: str = Field(
        "nightly",
        description="A YAML file, or one of the recipes that ship: demo, nightly.",
        json_schema_extra={"positional": True},
    )
    out: Path | None = Field(None, description="Folder of everything that is made, instead of the recipe's.")
    every: float | None = Field(None, gt=0, description="Go on by itself: hours between two turns.")
    no_shadow: bool = Field(False, description="Leave the comparison on live requests out.")


def run(config: Flywheel, settings: Settings) -> int:
    """0 when the turn went well or waits, 1 when a gate refused or a step failed."""
    from rich.console import Console

    from enactor.errors import EnactorError
    from enactor.serve.flywheel import load_flywheel_recipe, told, turn

    changes = {"out": config.out} if config.out else {}
    recipe = load_flywheel_recipe(config.recipe, changes | ({"shadow": None} if config.no_shadow else {}))
    console = Console()
    while True:
        try:
            outcome = turn(recipe, settings, console)
        except EnactorError as error:
            if config.every is None:
                raise
            print(f"enactor: {error}", file=sys.stderr, flush=True)
        else:
            console.rule()
            console.print("\n".join(told(outcome.steps)), highlight=False, markup=False)
            if config.every is None:
                return 0 if outcome.well else 1
        time.sleep(config.every * 3600)


COMMAND = Command(Flywheel, run, ("model", "training_log", "slots", "threads", "context", "cache"))
