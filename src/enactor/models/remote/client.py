"""One request to a server: send, read the stream, tell what went wrong and whether to ask again."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import httpx

from enactor.models.engine import EngineUnavailable
from enactor.models.remote.endpoint import Endpoint
from enactor.models.remote.patience import Patience
from enactor.models.remote.refusals import TryAgain, clean, code, explained, message, out_of_reach
from enactor.models.remote.reply import MAX_BYTES, Events, Garbage, MidwayError, Reply

LINGER_S = 0.2
"""Seconds for the end of a body after its last event. A body that was read to its end leaves the connection
open for the next request, which saves a handshake."""

_TRANSIENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)


def open_client(endpoint: Endpoint, patience: Patience) -> httpx.AsyncClient:
    """A connection pool for the endpoint. Redirects are not followed: the key would go with them."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(patience.silence, connect=patience.connect, pool=None),
        follow_redirects=False,
        trust_env=not endpoint.local,  # proxies and certificates of the environment
    )


async def ask(client: httpx.AsyncClient, endpoint: Endpoint, body: Mapping[str, Any], reply: Reply) -> None:
    """One attempt; the answer is in `reply`. Raises `TryAgain`, or `EngineError` where trying again is of no
    use."""
    url = f"{endpoint.url.rstrip('/')}/chat/completions"
    with _told(endpoint):
        async with client.stream("POST", url, json=body, auth=partial(_sign, endpoint)) as answer:
            if answer.status_code != 200:
                await _refused(endpoint, answer)
            await _read(endpoint, answer, reply)


async def list_models(client: httpx.AsyncClient, endpoint: Endpoint) -> tuple[str, ...]:
    """Names of the models that the server has. Raises as `ask`."""
    with _told(endpoint):
        async with client.stream(
            "GET", f"{endpoint.url.rstrip('/')}/models", auth=partial(_sign, endpoint)
        ) as answer:
            if answer.status_code != 200:
                await _refused(endpoint, answer)
            body = await _bounded(answer.aiter_bytes(), MAX_BYTES)
            try:
                rows = json.loads(body)["data"]
                return tuple(str(row["id"]).removeprefix("models/") for row in rows)
            except (ValueError, TypeError, KeyError, RecursionError):
                raise Garbage("it lists no models") from None


@contextmanager
def _told(endpoint: Endpoint) -> Iterator[None]:
    """What goes wrong inside, as what it means."""
    try:
        yield
    except httpx.ConnectTimeout:
        raise TryAgain(out_of_reach(endpoint, "no connection in time")) from None
    except httpx.TimeoutException:
        raise EngineUnavailable(
            f"{endpoint.name} at {endpoint.url} has been silent for too long: is it loading or swapping? A "
            "larger `engine_timeout` waits longer"
        ) from None
    except _TRANSIENT as error:
        raise TryAgain(out_of_reach(endpoint, str(error) or type(error).__name__)) from None
    except MidwayError as error:
        raise explained(endpoint, code(error.body), message(json.dumps(error.body)), {}) from None
    except (httpx.HTTPError, Garbage) as error:
        raise EngineUnavailable(
            f"{endpoint.name} at {endpoint.url} did not answer as an OpenAI-compatible server "
            f"({clean(endpoint, str(error))}): check the address; it ends with /v1 for most"
        ) from None


def _sign(endpoint: Endpoint, request: httpx.Request) -> httpx.Request:
    """The key goes into the request here, so that no variable of ours holds it as text."""
    if endpoint.key is not None:
        request.headers["Authorization"] = endpoint.key.header()
    return request


async def _read(endpoint: Endpoint, answer: httpx.Response, reply: Reply) -> None:
    pieces = answer.aiter_bytes()
    if "json" in answer.headers.get("content-type", "").split(";")[0]:
        reply.whole((await _bounded(pieces, MAX_BYTES)).decode("utf-8", "replace"))
        return
    size = 0
    events = Events()
    async for piece in pieces:
        size += len(piece)
        if size > MAX_BYTES:
            raise Garbage(f"over {MAX_BYTES // 2**20} MB came")
        if any(map(reply.event, events.feed(piece))):
            if not reply.ended:
                await _linger(pieces)
            return
    if any(map(reply.event, events.rest())):
        return
    if reply.finish is None:
        if not reply.parts and not reply.calls and size:
            raise Garbage("no event in it")
        raise TryAgain(out_of_reach(endpoint, "the answer broke off"))


async def _linger(pieces: AsyncIterator[bytes]) -> None:
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(LINGER_S):
            async for _ in pieces:
                pass


async def _bounded(pieces: AsyncIterator[bytes], most: int) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > most:
            raise Garbage(f"over {most // 2**10} kB came")
    return bytes(body)


async def _refused(endpoint: Endpoint, answer: httpx.Response) -> None:
    """Raise what a status other than 200 means."""
    said = await _bounded(answer.aiter_bytes(), 64 * 2**10)
    raise explained(endpoint, answer.status_code, message(said.decode("utf-8", "replace")), answer.headers)
