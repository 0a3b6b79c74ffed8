"""The page over HTTP: routes to the desk, and the server that carries them."""

import json
import socket
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.serve.label.desk import PAGE, Desk, Refused
from enactor.serve.label.guard import LOOPBACK, App, Guard

MIN_TOKEN = 16
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def make_app(desk: Desk, *, annotator: str = "", token: str = "") -> App:
    """The ASGI application behind its guard. `annotator` is the name that the page proposes. Needs the extra
    `serve`."""
    return Guard(make_routes(desk, annotator=annotator), token)


def make_routes(desk: Desk, *, annotator: str = "") -> App:
    """The application without a guard, for a server that has one. Its page may stand in a folder of that
    server: it asks for everything relative to its own address."""
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.requests import Request
        from starlette.responses import JSONResponse, Response
        from starlette.routing import Route
    except ImportError as error:
        raise EnactorError("The labelling page needs Starlette: pip install 'enactor[serve]'") from error

    files = static_files("enactor.serve.label")

    def static(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            return JSONResponse({"error": "no such file"}, 404)
        return Response(files[name], media_type=TYPES[Path(name).suffix])

    async def ask(answer: Callable[[], Mapping[str, Any]]) -> Response:
        try:
            # Escaped to ASCII: a text from elsewhere may hold half a surrogate pair, which UTF-8 cannot.
            body = json.dumps(await run_in_threadpool(answer))
            return Response(body, media_type="application/json")
        except Refused as refusal:
            return JSONResponse({"error": str(refusal)}, 422)
        except EnactorError as error:  # the disk is full, the store is gone: nothing was saved
            return JSONResponse({"error": str(error)}, 507)

    async def session(request: Request) -> Response:
        return JSONResponse({"annotator": annotator})

    async def queue(request: Request) -> Response:
        given = request.query_params
        number = given.get("limit", "")
        limit = int(number) if number.isdecimal() and len(number) < 8 else PAGE
        return await ask(lambda: desk.queue(given.get("annotator", ""), given.get("view", "todo"), limit))

    async def trace(request: Request) -> Response:
        name = request.query_params.get("annotator", "")
        return await ask(lambda: desk.trace(request.path_params["trace"], name))

    async def progress(request: Request) -> Response:
        return await ask(lambda: desk.progress(request.query_params.get("annotator", "")))

    def posted(answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                sent = json.loads(await request.body())
            except (ValueError, RecursionError):
                sent = None
            if not isinstance(sent, dict):
                return JSONResponse({"error": "send a JSON object"}, 400)
            return await ask(lambda: answer(sent))

        return endpoint

    routes = [
        Route("/", static),
        Route("/static/{name}", static),
        Route("/api/session", session),
        Route("/api/queue", queue),
        Route("/api/traces/{trace}", trace),
        Route("/api/progress", progress),
        Route("/api/labels", posted(desk.label), methods=["POST"]),
        Route("/api/undo", posted(lambda sent: desk.undo(_text(sent, "annotator"))), methods=["POST"]),
        Route(
            "/api/check",
            posted(lambda sent: desk.check(_text(sent, "trace"), _text(sent, "text"), _text(sent, "reply"))),
            methods=["POST"],
        ),
        Route(
            "/api/complete",
            posted(lambda sent: desk.complete(_text(sent, "trace"), _text(sent, "line"))),
            methods=["POST"],
        ),
    ]
    return Starlette(routes=routes)


def listen(host: str, port: int, token: str) -> socket.socket:
    """The bound socket. Raises `EnactorError` for an address that others reach without a token, for a short
    token, and for a port that is taken."""
    if token and len(token) < MIN_TOKEN:
        raise EnactorError(f"The token is too short: give at least {MIN_TOKEN} characters, or `new` for one.")
    if host not in LOOPBACK and not token:
        raise EnactorError(
            f"{host} can be reached from other machines: give --token new (or a token of your own), or leave "
            "--host out"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise EnactorError(
            f"Cannot listen on {host}:{port} ({error.strerror or error}): name another with --port"
        ) from error


def serve(app: App, bound: socket.socket) -> None:
    """Answer until interrupted."""
    try:
        import uvicorn
    except ImportError as error:
        raise EnactorError("The labelling page needs uvicorn: pip install 'enactor[serve]'") from error
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        limit_concurrency=64,
    )
    uvicorn.Server(config).run(sockets=[bound])


def _text(sent: Mapping[str, Any], key: str) -> str:
    value = sent.get(key, "")
    if not isinstance(value, str) or len(value) > 4000:
        raise Refused(f"{key} must be a text of up to 4000 characters")
    return value


def static_files(package: str) -> dict[str, bytes]:
    """The files of a page by name, from the folder `static` of its package: nothing else is served."""
    folder = resources.files(package).joinpath("static")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if Path(entry.name).suffix in TYPES}
