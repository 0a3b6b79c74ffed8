"""The HTTP side: address, token, hosts and origins."""

import hmac
import ipaddress
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from enactor.errors import EnactorError
from enactor.serve.mcp.config import LOOPBACK, Config

PATH = "/mcp"
SESSIONS = 1000
LEAVE_S = 2
"""Seconds that open requests get when the server ends."""


class HttpServer(uvicorn.Server):
    """uvicorn whose signals are someone else's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the caller watches them and calls `handle_exit`, which ends the event streams, too."""
        yield


class Bearer:
    """Lets through only what carries the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
            if scheme.lower() != "bearer" or not right:
                refusal = JSONResponse(
                    {"error": "send the token as Authorization: Bearer …"},
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def http_server(server: Server[Any], config: Config, token: str | None) -> HttpServer:
    """The HTTP server, to be run on `listen(config)`."""
    app: ASGIApp = server.streamable_http_app(
        streamable_http_path=PATH,
        max_sessions=SESSIONS,
        transport_security=security(config),
        host=config.host,
    )
    if token is not None:
        app = Bearer(app, token)
    return HttpServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


def security(config: Config) -> TransportSecuritySettings:
    """Which `Host` and `Origin` headers are let in: loopback, the address itself and what was allowed. A web
    page of elsewhere is refused, under whatever name it reaches this machine."""
    names = dict.fromkeys((*LOOPBACK, config.host, *config.allow_host))
    shown = [f"[{name}]" if ":" in name else name for name in names if name not in ("0.0.0.0", "::")]
    hosts = [*shown, *(f"{name}:*" for name in shown)]
    origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
    return TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[*origins, *(each.rstrip("/") for each in config.allow_origin)]
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_of(config: Config) -> str | None:
    """The token that clients need: that of the file, else a new one where others reach the address. Raises
    `EnactorError` for a file that holds none."""
    if config.token_file is not None:
        token = _read(config.token_file)
        if len(token) < 16 or not token.isascii() or any(c.isspace() for c in token):
            raise EnactorError(
                f"{config.token_file} must hold one token of at least 16 ASCII characters and no spaces"
            )
        return token
    return None if is_loopback(config.host) else secrets.token_urlsafe(24)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise EnactorError(f"the token file cannot be read ({error}): correct --token-file") from error


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


def tell(config: Config, bound: socket.socket, token: str | None) -> None:
    """Say on stderr where the server is, and the token where it was made up."""
    port = bound.getsockname()[1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    print(f"Serving MCP on http://{host}:{port}{PATH}", file=sys.stderr, flush=True)
    if token is not None and config.token_file is None:
        print(f"Token, until it ends: {token}", file=sys.stderr, flush=True)
