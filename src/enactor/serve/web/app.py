"""The console over HTTP: routes, bodies, the stream of events, errors."""

import json
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from enactor.errors import EnactorError
from enactor.serve.label.guard import App, Guard
from enactor.serve.label.web import TYPES, static_files
from enactor.serve.scene import atlas
from enactor.serve.web import forms, openapi
from enactor.serve.web.console import Console
from enactor.serve.web.forms import Refused
from enactor.serve.web.reports import POLICY, Reports

COOKIE = "enactor_web"
SHARED = ("base.css", "dom.js", "server.js", "ask.js", "editor.js")
"""Files of the labelling page that this one uses too."""

Answer = Callable[[Any], dict[str, Any]]


def make_app(
    console: Console, *, token: str = "", reports: Path = Path("runs"), label: App | None = None
) -> App:
    """The ASGI application behind its guard. `label` is the labelling page, which then stands in `label/`."""
    files = page_files()
    shelf = Reports(reports)

    def static(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            return _error("no such file", 404)
        return Response(files[name], media_type=TYPES[Path(name).suffix])

    async def events(request: Request) -> Response:
        stream = console.feed.stream(request.headers.get("last-event-id", ""))
        first = await anext(stream)  # what is refused has a status of its own

        async def body() -> AsyncIterator[str]:
            async with aclosing(stream):
                yield first
                async for text in stream:
                    yield text

        return StreamingResponse(body(), media_type="text/event-stream")

    def report(request: Request) -> Response:
        found = shelf.read(request.path_params["path"])
        if found is None:
            return _error("no such report", 404)
        content, kind = found
        headers = {"Content-Security-Policy": POLICY}
        return Response(content, media_type=kind, headers=headers)

    table: list[tuple[openapi.Path, Answer]] = [
        (openapi.Path("/api/session", "get", "What the controls show."), lambda _: console.session()),
        (openapi.Path("/api/log", "get", "The client's log."), lambda _: console.log()),
        (
            openapi.Path("/api/scenarios", "get", "The tasks that can be started."),
            lambda _: console.scenarios(),
        ),
        (openapi.Path("/api/reports", "get", "The reports."), lambda _: {"reports": shelf.listed()}),
        (
            openapi.Path("/api/atlas", "get", "What stands still on a part of the map.", forms.Atlas),
            lambda form: atlas(form.x, form.y, form.plane, form.radius),
        ),
        *(
            (openapi.Path(f"/api/{name}", "post", _first_line(form), form), answer)
            for name, form, answer in (
                ("say", forms.Say, console.say),
                ("stop", forms.Nothing, console.stop),
                ("answer", forms.Answer, console.answer),
                ("cancel", forms.OfRequest, console.cancel),
                ("model", forms.ChooseModel, console.choose_model),
                ("speed", forms.ChooseSpeed, console.choose_speed),
                ("scenario", forms.ChooseScenario, console.begin),
                ("rate", forms.Rate, console.rate),
                ("check", forms.Check, console.check),
                ("complete", forms.Complete, console.complete),
                ("correct", forms.Correct, console.correct),
                ("compare", forms.Compare, console.compare),
                ("vote", forms.Vote, console.vote),
            )
        ),
    ]
    stream_path = openapi.Path("/api/events", "get", "What happens.", answer="text/event-stream")
    described = openapi.document([*(path for path, _ in table), stream_path], bool(token))
    routes: list[BaseRoute] = [
        Route("/", static),
        Route("/static/{name}", static),
        Route("/api/events", events),
        Route("/api/openapi.json", lambda request: JSONResponse(described)),
        Route("/reports/{path:path}", report),
        *(Route(path.path, _endpoint(path, answer), methods=[path.method.upper()]) for path, answer in table),
    ]
    if label is not None:
        routes.append(Mount("/label", app=label))
    app = Starlette(
        routes=routes,
        exception_handlers={
            Refused: _refused,
            EnactorError: _failed,
            HTTPException: _plain,
            Exception: _broken,
        },
    )
    return Guard(app, token, cookie=COOKIE, private=("/label/", "/reports/"))


def page_files() -> dict[str, bytes]:
    """The page's files by name: nothing else is served."""
    shared = static_files("enactor.serve.label")
    return {**{name: shared[name] for name in SHARED}, **static_files("enactor.serve.web")}


def _endpoint(path: openapi.Path, answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        form = _query(request, path.form) if path.method == "get" else await _body(request, path.form)
        value = await run_in_threadpool(answer, form)
        # Escaped to ASCII: a text from elsewhere may hold half a surrogate pair, which UTF-8 cannot.
        return Response(json.dumps(value, default=str), media_type="application/json")

    return endpoint


async def _body(request: Request, form: type[BaseModel] | None) -> BaseModel | None:
    if form is None:
        return None
    try:
        sent = json.loads(await request.body())
    except (ValueError, RecursionError):
        sent = None
    if not isinstance(sent, dict):
        raise Refused("send a JSON object", 400)
    return _read(form, sent)


def _query(request: Request, form: type[BaseModel] | None) -> BaseModel | None:
    if form is None:
        return None
    given = request.query_params
    if len(given.multi_items()) != len(given):
        raise Refused("each key may stand once")
    return _read(form, dict(given))


def _read(form: type[BaseModel], sent: dict[str, Any]) -> BaseModel:
    try:
        return form.model_validate(sent)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
        raise Refused("; ".join(told)[:1000]) from None


def _first_line(form: type[BaseModel]) -> str:
    return (form.__doc__ or "").strip().split("\n")[0]


def _error(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        json.dumps({"error": message}), status, {**(headers or {})}, media_type="application/json"
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    wait = None if error.retry_s is None else {"Retry-After": str(max(round(error.retry_s), 1))}
    return _error(str(error), error.status, wait)


async def _failed(request: Request, error: Exception) -> Response:
    """A full disk, a model that cannot be had, a trace that is gone: nothing was done."""
    return _error(str(error), 507 if isinstance(error.__cause__, OSError) else 422)


async def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.detail, error.status_code, dict(error.headers or {}))


async def _broken(request: Request, error: Exception) -> Response:
    """A fault of this program: its text is for the log, not for the page."""
    traceback.print_exception(error, file=sys.stderr)
    return _error("Something went wrong in the service itself; its log has more.", 500)
