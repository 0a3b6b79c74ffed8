"""From options to a running page, and its end: Ctrl-C or SIGTERM."""

import os
import secrets
import sys
from contextlib import closing

from enactor.serve.core import open_service, serve_promptly
from enactor.serve.label import Desk, listen, make_routes
from enactor.serve.model.service import server_for
from enactor.serve.web.app import make_app
from enactor.serve.web.config import Config
from enactor.serve.web.console import DOOR, Console
from enactor.settings import Settings


def serve(config: Config, settings: Settings) -> int:
    """Serve the page of the settings; 0 at the end. Raises `EnactorError` before it begins."""
    token = secrets.token_urlsafe(18) if config.token == "new" else config.token
    bound = listen(config.host, config.port, token)
    with (
        closing(bound),
        closing(open_service(settings, DOOR, folder=config.state, pace=config.speed)) as service,
    ):
        console = Console(
            service,
            player=settings.player,
            models=("default", "base", *config.offer),
            label=service.store is not None,
            seed=settings.seed,
            read_only=settings.read_only,
            dry_run=settings.dry_run,
        )
        label = None
        if service.store is not None:
            label = make_routes(Desk(service.store.folder), annotator=settings.player)
        app = make_app(console, token=token, reports=config.reports, label=label)
        with closing(console):
            console.start()
            service.start()
            serve_promptly()
            _tell(config, bound.getsockname()[1], token)
            server_for(app).run(sockets=[bound])
    return 0


def _tell(config: Config, port: int, token: str) -> None:
    """The address for the player; with a token it stands behind the #, which a browser keeps to itself."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    address = f"http://{host}:{port}/" + (f"#token={token}" if token else "")
    print(f"Enactor is at {address}  (Ctrl-C ends)", flush=True)
    if not config.no_open and (os.name != "posix" or sys.platform == "darwin" or os.environ.get("DISPLAY")):
        import webbrowser

        webbrowser.open(address)
