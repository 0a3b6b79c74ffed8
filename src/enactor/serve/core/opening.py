"""From settings to a running service: the accounts' games, the model, the store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from enactor.serve.core.account import Account, SharedTasks
from enactor.serve.core.admission import Permit, everyone_acts
from enactor.serve.core.desk import Model
from enactor.serve.core.limits import Limits
from enactor.serve.core.models import Models
from enactor.serve.core.service import Service
from enactor.serve.opening import Say, open_backend, open_engine, open_store, system_turn, tasks_file
from enactor.settings import Settings


def open_service(
    settings: Settings,
    door: str,
    *,
    permit: Permit = everyone_acts,
    accounts: Sequence[str] = (),
    limits: Limits | None = None,
    folder: Path | None = None,
    pace: float = 0.0,
    say: Say | None = None,
    durable: bool = True,
) -> Service:
    """The service of the settings, not started yet. `accounts` are the plugin's account ids, or names of
    simulators, each its own game (with none: that of the settings). `folder` has the queue and the tasks for
    later; without it `service_folder(door)`. Without `durable` the queue ends with the process, several may
    run at once, and they share the tasks for later. Raises `EnactorError`."""
    folder = folder or service_folder(door)
    limits = replace(
        limits or Limits(engine_s=settings.engine_timeout),
        max_calls=settings.max_calls,
        request_s=settings.time_limit,
    )
    names = tuple(accounts) or (settings.account,)
    games = []
    for number, name in enumerate(names):
        own = settings.model_copy(update={"account": name, "seed": settings.seed + number})
        kept = folder / f"later-{settings.backend}-{name}.json" if durable else tasks_file(settings)
        game = open_backend(own)
        attended = durable or game.name == "live"
        games.append(Account(name, game, SharedTasks(kept), settings.loop_window, pace, attended))

    def open_model(name: str) -> Model:
        chosen = settings.model_copy(update={"model": name})
        slots = settings.slots
        return Model(name, open_engine(chosen, slots=slots, say=say, follow=True), system_turn(name), slots)

    store = open_store(settings)
    return Service(
        games,
        open_model(settings.model),
        permit=permit,
        store=store,
        folder=folder if durable else None,
        limits=limits,
        loop_window_s=settings.loop_window,
        read_only=settings.read_only,
        dry_run=settings.dry_run,
        models=Models(open_model, lambda: (settings.model,)),
    )


def service_folder(door: str) -> Path:
    """Where a door's service keeps its queue: a folder for each, since one service has it at a time."""
    from platformdirs import user_state_path

    return user_state_path("enactor", appauthor=False) / "serve" / door
