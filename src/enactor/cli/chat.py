"""`enactor chat`: see `enactor.serve.terminal`."""

import sys

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Chat(Config):
    """Talk to the controller. It acts in the simulator, or in the game where the backend is live."""

    say: tuple[str, ...] = Field((), description="A request to carry out instead of asking; may be repeated.")
    as_json: bool = Field(
        False, alias="json", description="One line of JSON for each request on stdout, for scripts."
    )


def run(config: Chat, settings: Settings) -> int:
    """Exit code 0, or 1 when a scripted request (`--say`, a pipe) failed."""
    from contextlib import ExitStack

    from enactor.agent import Controller, DeferredTasks, Session, Toolbox
    from enactor.models import Engine
    from enactor.serve.compare import Comparisons, comparing, model_for
    from enactor.serve.keyboard import completer, given, history_file, piped, typed
    from enactor.serve.opening import open_backend, open_engine, open_store, system_turn, tasks_file
    from enactor.serve.play import CancellableEngine, Player
    from enactor.serve.slash import COMMANDS, choices
    from enactor.serve.terminal import Terminal

    backend = open_backend(settings)
    store = open_store(settings)
    who = store.player(settings.player) if store and settings.player else ""
    running = Comparisons().running()
    settings = settings.model_copy(update={"model": model_for(running, who, settings.model)})
    with open_engine(settings, follow=True) as loaded, ExitStack() as open_:
        if store:
            open_.enter_context(comparing(settings, lambda line: print(line, file=sys.stderr)))
        engine = CancellableEngine(loaded)
        tasks = DeferredTasks(tasks_file(settings))
        toolbox = Toolbox(
            backend,
            settings.loop_window,
            settings.read_only,
            settings.dry_run,
            later=tasks,
            interrupt=engine.stopped,
        )
        controller = Controller(
            engine,
            toolbox,
            system=system_turn(settings.model),
            source="terminal",
            max_calls=settings.max_calls,
            limit_s=settings.time_limit,
        )
        loop_s = settings.loop_window if settings.backend == "sim" else 0.0
        player = Player(Session(controller), engine, store, who, loop_s)

        def switch(name: str) -> tuple[Engine, str]:
            chosen = open_engine(settings.model_copy(update={"model": name}), follow=True)
            open_.callback(chosen.close)
            return chosen, system_turn(name)

        terminal = Terminal(
            player,
            config.as_json,
            switch=switch,
            models=tuple(dict.fromkeys((settings.model, "default", "base"))),
            seed=settings.seed,
            player_name=settings.player,
        )
        if config.say:
            return 0 if terminal.run(given(config.say), scripted=True) else 1
        if not sys.stdin.isatty():
            return 0 if terminal.run(piped(), scripted=True) else 1
        terminal.greet(settings.model, backend.name)
        if settings.backend == "live":
            terminal.watch()
        names = completer(player.observe, tuple(COMMANDS), lambda name: choices(name, terminal.models))
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
