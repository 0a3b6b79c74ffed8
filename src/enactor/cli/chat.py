"""`enactor chat`: see `enactor.serve.terminal`."""

import sys

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

A_DAY_S = 86_400.0
"""How long a question waits for its answer: nobody else waits behind it."""


class Chat(Config):
    """Talk to the controller. It acts in the simulator, or in the game where the backend is live."""

    say: tuple[str, ...] = Field((), description="A request to carry out instead of asking; may be repeated.")
    as_json: bool = Field(
        False, alias="json", description="One line of JSON for each request on stdout, for scripts."
    )


def run(config: Chat, settings: Settings) -> int:
    """Exit code 0, or 1 when a scripted request (`--say`, a pipe) failed."""
    from contextlib import ExitStack, closing

    from enactor.serve.compare import Comparisons, comparing, model_for
    from enactor.serve.core import Limits, open_service
    from enactor.serve.keyboard import completer, given, history_file, piped, typed
    from enactor.serve.play import DOOR, Player
    from enactor.serve.slash import COMMANDS, choices
    from enactor.serve.terminal import Terminal
    from enactor.trace import TraceStore

    running = Comparisons().running()
    named = running is not None and settings.log and settings.player
    who = TraceStore(settings.training_log).player(settings.player) if named else ""
    chosen = model_for(running, who, settings.model)
    settings = settings.model_copy(update={"model": chosen, "slots": 1})
    limits = Limits(per_minute=1_000_000, ask_s=A_DAY_S, engine_s=settings.engine_timeout)
    with ExitStack() as open_:
        service = open_.enter_context(closing(open_service(settings, DOOR, limits=limits, durable=False)))
        if service.store:
            open_.enter_context(comparing(settings, lambda line: print(line, file=sys.stderr)))
        player = Player(service, settings.player)
        service.start()
        models = tuple(dict.fromkeys((settings.model, "default", "base")))
        terminal = Terminal(player, config.as_json, models=models, seed=settings.seed)
        if config.say:
            return 0 if terminal.run(given(config.say), scripted=True) else 1
        if not sys.stdin.isatty():
            return 0 if terminal.run(piped(), scripted=True) else 1
        terminal.greet(settings.model, player.account.backend.name)
        names = completer(player.observe, tuple(COMMANDS), lambda name: choices(name, models))
        terminal.run(typed(history_file() if settings.log else None, names))
    return 0


COMMAND = Command(
    Chat,
    run,
    (
        "model",
        "endpoint",
        "key_file",
        "engine_timeout",
        "fallback",
        "backend",
        "dry_run",
        "read_only",
        "log",
        "training_log",
        "player",
        "loop_window",
        "max_calls",
        "time_limit",
        "seed",
        "threads",
        "context",
        "cache",
    ),
)
