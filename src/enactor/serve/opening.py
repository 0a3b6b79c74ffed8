"""From settings to the parts of a controller: the engine with its system turn, the game, the store."""

import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from enactor.bridge import LiveBackend
from enactor.errors import EnactorError
from enactor.models import (
    BASES,
    LlamaEngine,
    PromotedEngine,
    base_path,
    current,
    find_base,
    load_engine,
    pull,
)
from enactor.models.load import BASE
from enactor.models.remote import FailoverEngine, HttpEngine, is_remote, open_remote
from enactor.prompt import SYSTEM, system_with_tools
from enactor.settings import Settings
from enactor.sim import Simulator
from enactor.trace import TraceStore
from enactor.world import Backend, openai_tools

DESCRIBED_CONTEXT = 4096
"""Tokens that a slot needs for the tool description (some 2,000) and a request."""

Say = Callable[[str], None]
Loaded = LlamaEngine | PromotedEngine | HttpEngine | FailoverEngine


def untuned(model: str) -> bool:
    """Whether the name stands for a base alone, which has to be told of its tools."""
    return model == "base" or any(model in (base.name, base.alias) for base in BASES.values())


def system_turn(model: str) -> str:
    """The system turn that the model was made for."""
    return system_with_tools(openai_tools()) if untuned(model) else SYSTEM


def open_engine(
    settings: Settings,
    *,
    slots: int = 1,
    say: Say | None = None,
    follow: bool = False,
) -> Loaded:
    """The engine for `settings.model`, fetched and merged on first use, or the client of a remote one.

    `say` is told when that takes a while, and when the fallback answers. The prefix cache of a local one
    holds the system turn. With `follow` the model `default` becomes another one whenever that is promoted:
    for what talks to players, not for a comparison. Raises `EnactorError`.
    """
    say = say or (lambda line: print(line, file=sys.stderr, flush=True))
    name = settings.model
    if is_remote(name):
        return _open_remote(settings, slots, say)
    if name == "shipped" or (name == "default" and current() is None) or untuned(name):
        base = find_base(BASE if name in ("default", "shipped", "base") else name)
        if not base_path(base).is_file():
            say(f"Fetching {base.name}, {base.bytes // 2**20} MB, once …")
            pull(base.name)
    context = max(settings.context, DESCRIBED_CONTEXT) if untuned(name) else settings.context
    note = threading.Timer(1.5, say, (f"Preparing the model {name}; the first time this takes a while …",))
    note.daemon = True
    note.start()
    try:
        return load_engine(
            name,
            slots=slots,
            threads=settings.threads,
            context=context,
            warm=f"<|im_start|>system\n{system_turn(name)}<|im_end|>\n",
            follow=follow,
        )
    finally:
        note.cancel()


def _open_remote(settings: Settings, slots: int, say: Say) -> Loaded:
    first = open_remote(
        settings.model,
        url=settings.endpoint,
        key_file=settings.key_file,
        timeout_s=settings.engine_timeout,
    )
    if settings.fallback is None:
        return first
    if untuned(settings.fallback):
        raise EnactorError(
            f"{settings.fallback} cannot stand in: a base wants another prompt. Set `fallback` to default, a "
            "tuned model or a remote one"
        )
    spare = settings.model_copy(
        update={"model": settings.fallback, "endpoint": None, "key_file": None, "fallback": None}
    )
    return FailoverEngine(first, lambda: open_engine(spare, slots=slots, say=say), settings.fallback, say=say)


def open_backend(settings: Settings, start: Mapping[str, Any] | None = None) -> Backend:
    """The game of the settings. Raises `EnactorError`."""
    if settings.backend == "live":
        return LiveBackend(
            folder=settings.game_folder,
            account=settings.account,
            client_command=settings.client_command,
            unattended_s=settings.unattended,
        )
    return Simulator(seed=settings.seed, start=start)


def open_store(settings: Settings, folder: Path | None = None) -> TraceStore | None:
    """The training log, None where it is switched off; stderr says what opening it changed. Raises
    `EnactorError` when it cannot be written."""
    if not settings.log:
        return None
    store = TraceStore(folder or settings.training_log, retention_days=settings.retention_days)
    for line in store.opened.lines():
        print(line, file=sys.stderr)
    return store


def tasks_file(settings: Settings) -> Path:
    """Where the tasks for later are kept: a file for each backend, so that the simulator's never reach the
    game."""
    from platformdirs import user_state_path

    return user_state_path("enactor", appauthor=False) / f"later-{settings.backend}.json"
