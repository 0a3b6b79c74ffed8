"""The web application: paths, bodies, streams, errors."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from enactor import __version__
from enactor.models.engine import EngineError, EngineUnavailable, PromptTooLong
from enactor.serve.model import ollama_form, openai_form
from enactor.serve.model.chat import BadRequest, ChatRequest
from enactor.serve.model.desk import Overloaded
from enactor.serve.model.guard import Guard
from enactor.serve.model.turn import Done, Service

Pieces = AsyncGenerator[str | Done]
T = TypeVar("T")

MAX_BODY = 2 * 2**20
BODY_S = 30.0
"""Seconds that a client gets to send its request."""

RETRY_AFTER_S = 2


def build_app(service: Service, *, names: tuple[str, ...], token: str | None = None) -> ASGIApp:
    """The application for one model. `names` are those by which clients may reach it; with a `token` they
    must send it."""
    card = service.card

    async def chat_openai(request: Request) -> Response:
        asked = openai_form.read_request(await _body(request), card.context)
        _known(service, asked.model)
        writer = openai_form.Writer(card.name, asked.usage)
        if not asked.stream:
            return JSONResponse(writer.whole(await _unless_left(request, _end(service, asked))))

        async def lines(pieces: Pieces) -> AsyncIterator[str]:
            yield _event(writer.begin())
            async for piece in pieces:
                for chunk in writer.end(piece) if isinstance(piece, Done) else (writer.text(piece),):
                    yield _event(chunk)
            yield "data: [DONE]\n\n"

        pieces = await _begun(request, service.converse(asked))
        return _stream(pieces, lines, "text/event-stream", lambda error: _event(_openai(error)))

    async def chat_ollama(request: Request) -> Response:
        asked = ollama_form.read_request(await _body(request), card.context)
        _known(service, asked.model)
        writer = ollama_form.Writer(asked.model)
        if not asked.messages:
            return JSONResponse(writer.loaded())
        if not asked.stream:
            return JSONResponse(writer.whole(await _unless_left(request, _end(service, asked))))

        async def lines(pieces: Pieces) -> AsyncIterator[str]:
            async for piece in pieces:
                for line in writer.end(piece) if isinstance(piece, Done) else (writer.text(piece),):
                    yield _line(line)

        pieces = await _begun(request, service.converse(asked))
        return _stream(pieces, lines, "application/x-ndjson", lambda error: _line({"error": str(error)}))

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [openai_form.model_row(card)]})

    async def model(request: Request) -> Response:
        _known(service, request.path_params["name"])
        return JSONResponse(openai_form.model_row(card))

    async def tags(request: Request) -> Response:
        return JSONResponse({"models": [ollama_form.tag(card)]})

    async def show(request: Request) -> Response:
        body = await _body(request)
        _known(service, str(body.get("model") or body.get("name") or ""))
        return JSONResponse(ollama_form.show(card))

    async def version(request: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def root(request: Request) -> Response:
        return PlainTextResponse("Enactor serves a model here.\n")

    routes = [
        Route("/", root),
        Route("/v1/chat/completions", chat_openai, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        Route("/api/chat", chat_ollama, methods=["POST"]),
        Route("/api/tags", tags),
        Route("/api/show", show, methods=["POST"]),
        Route("/api/version", version),
    ]
    handled = (BadRequest, Overloaded, EngineError, HTTPException, ClientDisconnect)
    app = Starlette(routes=routes, exception_handlers=dict.fromkeys(handled, _refuse))
    return Guard(app, names, token)


async def _body(request: Request) -> Mapping[str, Any]:
    """The request's JSON object. Raises `BadRequest`, or `HTTPException` for one that is too large or too
    slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY:
                    raise HTTPException(413, f"the request is larger than {MAX_BODY // 2**20} MB")
    except TimeoutError:
        raise HTTPException(408, f"the request took over {BODY_S:.0f} s to arrive") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise BadRequest("the body must be an object")
    return value


def _known(service: Service, name: str) -> None:
    if not service.card.answers_to(name):
        raise HTTPException(404, f"no model {name!r} here, only {service.card.name!r}")


async def _end(service: Service, asked: ChatRequest) -> Done:
    """The end of the turn, nothing before it."""
    async with aclosing(service.converse(asked)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Done):
                return piece
    raise EngineError("the answer has no end")


async def _begun(request: Request, pieces: Pieces) -> Pieces:
    """The pieces, once there is a first one: what fails before it has a status of its own."""
    first = await _unless_left(request, anext(pieces))

    async def all_of_them() -> Pieces:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return all_of_them()


async def _unless_left(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives. Raises `ClientDisconnect`, and ends it, when the client leaves before."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def _stream(
    pieces: Pieces,
    lines: Callable[[Pieces], AsyncIterator[str]],
    kind: str,
    failed: Callable[[Exception], str],
) -> Response:
    """A streamed answer. What fails in the middle is told in the stream."""

    async def body() -> AsyncGenerator[str]:
        async with aclosing(pieces):
            try:
                async for line in lines(pieces):
                    yield line
            except EngineError as error:
                yield failed(error)

    return StreamingResponse(body(), media_type=kind, headers={"Cache-Control": "no-cache"})


async def _refuse(request: Request, error: Exception) -> Response:
    """An error in the form of the path's API."""
    status = _status(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    if isinstance(error, HTTPException) and error.headers:
        headers = dict(error.headers)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": _said(error)}, status, headers)
    return JSONResponse(_openai(error), status, headers)


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, BadRequest | PromptTooLong):
        return 400
    if isinstance(error, Overloaded | EngineUnavailable):
        return 503
    return 499 if isinstance(error, ClientDisconnect) else 500


def _said(error: Exception) -> str:
    if isinstance(error, Overloaded):
        return "all slots are taken and the queue is full: ask later, or start with more --slots or --queue"
    return error.detail if isinstance(error, HTTPException) else str(error) or type(error).__name__


def _openai(error: Exception) -> dict[str, Any]:
    status = _status(error)
    kind = "server_error" if status >= 500 else "invalid_request_error"
    code = None
    if isinstance(error, Overloaded):
        kind = code = "overloaded"
    elif isinstance(error, PromptTooLong):
        code = "context_length_exceeded"
    elif status == 404:
        code = "model_not_found"
    field = error.field if isinstance(error, BadRequest) else None
    return openai_form.error_body(_said(error), kind, field, code)


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
