"""`enactor demo`: see `enactor.serve.demo`."""

from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Demo(Config):
    """The whole loop, small: build, train, export, compare, play. Stopped, it goes on where it was."""

    out: Path = Field(Path("runs/demo"), description="Folder of everything that the demo makes.")
    recipe: str = Field("demo", description="A recipe's name or YAML file.")
    cases: int = Field(28, ge=10, description="Held-out requests that base and tuned model are compared on.")
    parity: int = Field(
        60, ge=10, description="Prompts whose greedy calls are compared before and after export."
    )


def run(config: Demo, settings: Settings) -> int:
    """Exit code 0 when the tuned model won and its export is no worse than the trained weights."""
    from enactor.serve.demo import demo

    return demo(config.recipe, config.out, settings, cases=config.cases, parity_prompts=config.parity)


COMMAND = Command(Demo, run, ("slots", "cache"))
