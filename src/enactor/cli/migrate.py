"""`enactor migrate`: see `enactor.serve.migrate`."""

import json
import sys
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Migrate(Config):
    """Take over an existing training log: copy its rows into a store, once each. The originals stay as they
    are."""

    source: Path = Field(
        Path("~/.manny/training_data"),
        description="Folder of the existing log.",
        json_schema_extra={"positional": True},
    )
    to: Path | None = Field(
        None,
        description="Folder of the store. Without it the setting training_log, or the platform's data folder "
        "when that is the existing log itself.",
    )
    as_json: bool = Field(False, alias="json", description="Print the counts as JSON.")


def run(config: Migrate, settings: Settings) -> int:
    """Exit code 0 also when single lines were refused: they are counted and kept."""
    from platformdirs import user_data_path

    from enactor.serve.migrate import UNREADABLE, migrate

    source = config.source.expanduser()
    target = config.to.expanduser() if config.to else settings.training_log
    moved = config.to is None and target.absolute() == source.absolute()
    if moved:
        target = user_data_path("enactor", appauthor=False) / "traces"
    done = migrate(source, target)
    if config.as_json:
        print(json.dumps({**done.record(), "store": str(target)}))
        return 0
    print(f"{done.files} files, {done.lines} lines: {done.added} added, {done.known} known already")
    for reason, n in done.refused.items():
        print(f"{n} refused: {reason}")
    if done.refused:
        print(f"The refused lines are kept in {target / UNREADABLE}.")
    if done.missing:
        print("Keys that rows lack: " + ", ".join(f"{key} {n}" for key, n in done.missing.most_common(8)))
    print(f"The store is {target}.")
    if moved:
        print(f'To record there from now on, set training_log = "{target}" in enactor.toml.', file=sys.stderr)
    return 0


COMMAND = Command(Migrate, run, ("training_log",))
