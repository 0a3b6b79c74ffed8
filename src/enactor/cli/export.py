"""`enactor export`: see `enactor.curate.export`."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

FormName = Literal["chatml", "hermes", "axolotl", "llamafactory", "openai", "trl", "dpo", "kto"]


class Export(Config):
    """Write a data set in a trainer's form, with the files that the trainer needs beside it."""

    form: FormName = Field(description="The form.")
    sources: tuple[Path, ...] = Field(
        alias="in", min_length=1, description="A file of rows or pairs; may be given more than once."
    )
    out: Path = Field(description="Folder for the files; files of the same name in it are replaced.")
    operands: Literal["form", "said", "lowered"] = Field(
        "form", description="Operands in the player's words, or as the plugin takes them; the form's own."
    )
    tools: Literal["form", "yes", "no"] = Field(
        "form", description="Describe the tools on every line, some 7 kB each; the form's own."
    )


def run(config: Export, settings: Settings) -> int:
    """Print what became of each file."""
    from enactor.curate.export import export

    done = export(
        config.form,
        config.sources,
        config.out,
        operands=None if config.operands == "form" else config.operands,
        tools=None if config.tools == "form" else config.tools == "yes",
    )
    for file, exported in done.items():
        print(f"{file}: {exported.lines} lines from {exported.examples} examples")
        for reason, count in exported.left_out.most_common():
            print(f"  left out, {reason}: {count}")
    print(f"written to {config.out}")
    return 0


COMMAND = Command(Export, run)
