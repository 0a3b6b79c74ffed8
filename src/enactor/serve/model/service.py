"""From options to a running server, and its end: Ctrl-C or SIGTERM."""

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from enactor.errors import EnactorError
from enactor.models import is_remote, model_file
from enactor.serve.model.app import build_app
from enactor.serve.model.card import read_card
from enactor.serve.model.config import Config
from enactor.serve.model.desk import Desk
from enactor.serve.model.guard import names_of, token_of
from enactor.serve.model.turn import Service
from enactor.serve.opening import DESCRIBED_CONTEXT, open_engine, untuned
from enactor.settings import Settings

LEAVE_S = 2
"""Seconds that open requests get when the server ends."""

CONNECTIONS = 200


class Server(uvicorn.Server):
    """uvicorn that ends at the first signal, and returns."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The first SIGINT or SIGTERM ends it in order; at a second one open requests are left. Signals reach
        the main thread alone; in another the caller ends it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(config: Config, settings: Settings) -> int:
    """Serve the model of the settings; 0 at the end. Raises `EnactorError` before it begins."""
    if is_remote(settings.model):
        raise EnactorError(f"{settings.model} has a server of its own: name an embedded model with --model")
    token = token_of(config)
    with listen(config) as bound, open_engine(settings, slots=settings.slots) as engine:
        described = untuned(settings.model)
        context = max(settings.context, DESCRIBED_CONTEXT) if described else settings.context
        card = read_card(engine.name, model_file(settings.model), context)
        desk = Desk(engine, slots=settings.slots, queue=config.queue)
        app = build_app(Service(desk, card, described), names=names_of(config), token=token)
        host, port = (f"[{config.host}]" if ":" in config.host else config.host), bound.getsockname()[1]
        print(f"Serving {card.name} on http://{host}:{port}/v1 and /api", file=sys.stderr, flush=True)
        try:
            server_for(app).run(sockets=[bound])
        finally:
            desk.close()
    return 0


def server_for(app: ASGIApp) -> Server:
    """A server for the application, silent, to be run on a bound socket."""
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


def listen(config: Config) -> socket.socket:
    """The bound socket. Raises `EnactorError` when the address cannot be had."""
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=64)
    except OSError as error:
        raise EnactorError(
            f"cannot listen on {config.host} port {config.port} ({error.strerror or error}): choose another "
            "with --host or --port"
        ) from error
