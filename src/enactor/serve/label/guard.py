"""What stands between the network and the page: hosts, origins, sizes, the token, the headers.

A plain ASGI layer. A page of another site can neither read nor write here: the Host header must be ours (no
rebinding of names), a POST must be JSON from our own origin, and the answers forbid loads from elsewhere.
"""

import asyncio
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 64 * 1024
BODY_S = 20.0
"""Seconds that a client gets to send its body."""

COOKIE = "enactor_label"
LOGIN = "/api/login"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FAILED_LOGIN_S = 0.5
_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9.\-_]+)|\[(?P<number>[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?")
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        b"trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """`app` behind the checks. Without `token` only loopback names are taken for the host; with one any host,
    and everything under `/api/`, and under the folders of `private`, needs the session that a login with the
    token opens. Pages on one host need a `cookie` each: browsers do not tell ports apart. A header that the
    application sets itself stands in the place of ours."""

    def __init__(
        self, app: App, token: str = "", *, cookie: str = COOKIE, private: tuple[str, ...] = ()
    ) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie
        self._private = ("/api/", *private)
        self._sessions: set[str] = set()
        self._failed = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def dressed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                set_already = {name.lower() for name, _ in own}
                message["headers"] = [*own, *(row for row in HEADERS if row[0] not in set_already)]
            await send(message)

        try:
            self._check(scope, headers)
            body = await _timely(_body(receive, headers)) if scope["method"] == "POST" else b""
            if scope["path"] == LOGIN and scope["method"] == "POST":
                await self._login(body, dressed)
                return
            if scope["path"].startswith(self._private) and self._token and not self._known(headers):
                raise _Refusal(401, "The token is needed.")
        except _Refusal as refusal:
            more = ((b"allow", b"GET, HEAD, POST"),) if refusal.status == 405 else ()
            await _answer(dressed, refusal.status, {"error": str(refusal)}, more)
            return
        sent = False

        async def again() -> MutableMapping[str, Any]:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, dressed)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        if not self._token and host_name(host) not in LOOPBACK:
            raise _Refusal(421, "This page answers to the names of this machine's loopback only.")
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise _Refusal(405, "Only GET and POST.")
        site = headers.get("sec-fetch-site", "same-origin")
        if scope["path"].startswith(self._private) and site not in ("same-origin", "none"):
            raise _Refusal(403, "Asked for by another site.")
        if scope["method"] == "POST":
            scheme, _, origin = headers.get("origin", "").partition("://")
            if scheme not in ("http", "https") or not host or origin.casefold() != host.casefold():
                raise _Refusal(403, "Sent by another site.")
            if headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
                raise _Refusal(415, "Send JSON.")

    def _known(self, headers: dict[str, str]) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return morsel is not None and morsel.value in self._sessions

    async def _login(self, body: bytes, send: Send) -> None:
        try:
            given = json.loads(body)["token"]
        except (ValueError, KeyError, TypeError, RecursionError):
            given = None
        # Half a surrogate pair, which JSON can say, is a wrong token and no fault.
        right = isinstance(given, str) and hmac.compare_digest(
            given.encode("utf-8", "surrogatepass"), self._token.encode("utf-8", "surrogatepass")
        )
        if not right or not self._token:
            async with self._failed:  # one guess after the other, each with a wait
                await asyncio.sleep(FAILED_LOGIN_S)
            await _answer(send, 401, {"error": "That is not the token."})
            return
        session = secrets.token_urlsafe(32)
        self._sessions.add(session)
        cookie = f"{self._cookie}={session}; Path=/; HttpOnly; SameSite=Strict"
        await _answer(send, 200, {"ok": True}, ((b"set-cookie", cookie.encode()),))


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where there is anything else in it."""
    found = _HOST.fullmatch(host)
    return (found["name"] or found["number"]).casefold() if found else ""


async def _body(receive: Receive, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        raise _Refusal(413, f"More than {MAX_BODY // 1024} KB.")
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refusal(400, "Broken off.")
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY:
            raise _Refusal(413, f"More than {MAX_BODY // 1024} KB.")
        if not message.get("more_body", False):
            return body


async def _timely(reading: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        return await asyncio.wait_for(reading, BODY_S)
    except TimeoutError:
        raise _Refusal(408, f"It took more than {BODY_S:.0f} s to arrive.") from None


async def _answer(
    send: Send, status: int, value: dict[str, Any], more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    body = json.dumps(value).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
