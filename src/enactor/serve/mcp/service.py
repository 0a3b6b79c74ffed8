"""From options to a running server, and its end: the client leaves, Ctrl-C, SIGTERM."""

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from typing import Any, cast

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server

from enactor.agent.tools import Toolbox
from enactor.bridge import LiveBackend
from enactor.serve.mcp.calls import Calls
from enactor.serve.mcp.config import Config
from enactor.serve.mcp.game import Game
from enactor.serve.mcp.http import http_server, listen, tell, token_of
from enactor.serve.mcp.lines import Lines
from enactor.serve.mcp.log import Log
from enactor.serve.mcp.server import build_server
from enactor.serve.opening import open_backend, open_store
from enactor.settings import Settings


def serve(config: Config, settings: Settings) -> int:
    """Serve the game of the settings; 0 at the end. Raises `EnactorError` before it begins."""
    backend = open_backend(settings)
    with ExitStack() as open_:
        if isinstance(backend, LiveBackend):
            open_.enter_context(closing(backend))
        log = None
        if store := open_store(settings):
            who = store.player(settings.player) if settings.player else ""
            log = open_.enter_context(closing(Log(store, who)))
        toolbox = Toolbox(backend, settings.loop_window, settings.read_only, settings.dry_run, later=None)
        calls = Calls(Game(backend), toolbox, config.patience, tokens=config.unasked == "token", log=log)
        server = build_server(calls)
        if config.http:
            anyio.run(_http, server, config)
        else:
            anyio.run(_stdio, server)
    return 0


async def _stdio(server: Server[Any]) -> None:
    """Until stdin ends. While it runs, whatever else prints goes to stderr (the SDK sees to that)."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_on_signal, tasks.cancel_scope.cancel)
        lines = cast("anyio.AsyncFile[str]", Lines(sys.stdin.fileno()))
        try:
            async with stdio_server(stdin=lines) as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())
        except* (BrokenPipeError, ConnectionError):  # the client died in the middle of an answer
            print("enactor: the client is gone", file=sys.stderr)
        tasks.cancel_scope.cancel()


async def _http(server: Server[Any], config: Config) -> None:
    token = token_of(config)
    with listen(config) as bound:
        http = http_server(server, config, token)
        tell(config, bound, token)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_on_signal, lambda: http.handle_exit(signal.SIGTERM, None))
            await http.serve(sockets=[bound])
            tasks.cancel_scope.cancel()


async def _on_signal(leave: Callable[[], object]) -> None:
    """The first SIGINT or SIGTERM ends the server; a second one does what it always does."""
    # Windows knows no such receiver; there Ctrl-C is a KeyboardInterrupt as everywhere else.
    with suppress(NotImplementedError), anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            leave()
            return
