"""Who may ask: the token, the names of this address, the pages of the web."""

import hmac
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from enactor.errors import EnactorError
from enactor.models.remote.keys import read_private
from enactor.serve.model.config import Config
from enactor.serve.model.openai_form import error_body

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOKEN = re.compile(r"[!-~]{16,512}")


class Guard:
    """Lets a request in when it asks for a name that is ours (a page of elsewhere may point its own name at
    this machine), comes from no web page of elsewhere, and carries the token where there is one."""

    def __init__(self, app: ASGIApp, names: tuple[str, ...], token: str | None) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._any = bool({"0.0.0.0", "::"} & self._names)
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if not self._ours(f"//{headers.get('host', '')}"):
            return _no(scope, 403, "this address is not known by that name: start with --allow-host NAME")
        origin = headers.get("origin")
        if origin is not None and not self._ours(origin):
            return _no(scope, 403, "web pages of elsewhere may not ask")
        if self._token is not None:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
            if scheme.lower() != "bearer" or not right:
                return _no(scope, 401, "send the token as Authorization: Bearer … (the client's API key)")
        return None

    def _ours(self, address: str) -> bool:
        try:
            name = urlsplit(address).hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        # Listening everywhere, any plain address is our own: names can be pointed here, numbers cannot.
        return self._any and _is_number(name)


def _no(scope: Scope, status: int, message: str) -> JSONResponse:
    body: dict[str, Any] = {"error": message}
    if not str(scope.get("path", "")).startswith("/api/"):
        body = error_body(message, "authentication_error" if status == 401 else "permission_error")
    return JSONResponse(body, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def names_of(config: Config) -> tuple[str, ...]:
    """The names under which clients may reach this address."""
    return (*_LOOPBACK, config.host, *config.allow_host)


def token_of(config: Config) -> str | None:
    """The token that clients need, None on the loopback without one. Raises `EnactorError` for an address
    that others reach without a token, and for a file that holds none or that others may read."""
    if config.token_file is not None:
        token = read_private(config.token_file)
        if not _TOKEN.fullmatch(token):
            raise EnactorError(
                f"{config.token_file} must hold one token of at least 16 ASCII characters and no spaces"
            )
        return token
    if config.host == "localhost" or (
        _is_number(config.host) and ipaddress.ip_address(config.host).is_loopback
    ):
        return None
    raise EnactorError(
        f"others can reach {config.host}: write a token to a private file and name it with --token-file, or "
        "listen on 127.0.0.1"
    )
