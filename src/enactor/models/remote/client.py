"""One request to a chat endpoint: send, read the stream, tell what went wrong and whether to ask again."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx

from enactor.models.engine import EngineError, EngineUnavailable
from enactor.models.remote.endpoint import Endpoint
from enactor.models.remote.patience import Patience, wanted_pause
from enactor.models.remote.reply import MAX_BYTES, Events, Garbage, MidwayError, Reply

MAX_ERROR_CHARS = 300
_TRANSIENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)


class TryAgain(Exception):
    """The attempt failed in a way that may pass. `wanted` is the pause the server asked for, in seconds."""

    def __init__(self, problem: EngineUnavailable, wanted: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.wanted = wanted


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
    try:
        async with client.stream("POST", url, json=body, auth=partial(_sign, endpoint)) as answer:
            if answer.status_code != 200:
                await _refused(endpoint, answer)
            await _read(endpoint, answer, reply)
    except httpx.TimeoutException as error:
        if isinstance(error, httpx.ConnectTimeout):
            raise TryAgain(_out_of_reach(endpoint, "no connection in time")) from None
        raise EngineUnavailable(
            f"{endpoint.name} at {endpoint.url} has been silent for too long: is it loading or swapping? A "
            "larger `engine_timeout` waits longer"
        ) from None
    except _TRANSIENT as error:
        raise TryAgain(_out_of_reach(endpoint, str(error) or type(error).__name__)) from None
    except (httpx.DecodingError, Garbage) as error:
        raise EngineUnavailable(
            f"{endpoint.name} at {endpoint.url} did not answer as an OpenAI-compatible server "
            f"({_clean(endpoint, str(error))}): check the address; it ends with /v1 for most"
        ) from None
    except MidwayError as error:
        raise _explained(endpoint, _code(error.body), _message(json.dumps(error.body)), None) from None


def _sign(endpoint: Endpoint, request: httpx.Request) -> httpx.Request:
    """The key goes into the request here, so that no variable of ours holds it as text."""
    if endpoint.key is not None:
        request.headers["Authorization"] = endpoint.key.header()
    return request


async def _read(endpoint: Endpoint, answer: httpx.Response, reply: Reply) -> None:
    streamed = "json" not in answer.headers.get("content-type", "").split(";")[0]
    size = 0
    body = bytearray()
    events = Events()
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > MAX_BYTES:
            raise Garbage(f"over {MAX_BYTES // 2**20} MB came")
        if not streamed:
            body += piece
            continue
        for data in events.feed(piece):
            if reply.event(data):
                return
    if not streamed:
        reply.whole(body.decode("utf-8", "replace"))
        return
    for data in events.rest():
        if reply.event(data):
            return
    if reply.finish is None:
        if not reply.parts and not reply.calls and size:
            raise Garbage("no event in it")
        raise TryAgain(_out_of_reach(endpoint, "the answer broke off"))


async def _refused(endpoint: Endpoint, answer: httpx.Response) -> None:
    """Raise what a status other than 200 means."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > 64 * 2**10:
            break
    problem = _explained(
        endpoint, answer.status_code, _message(body.decode("utf-8", "replace")), answer.headers
    )
    raise problem


def _explained(
    endpoint: Endpoint, status: int, said: str, headers: Mapping[str, str] | None
) -> EngineError | TryAgain:
    """What to raise for a refusal: `TryAgain` for 429 and 5xx."""
    said = _clean(endpoint, said)
    where = f"{endpoint.name} at {endpoint.url}"
    if status == 429 or 500 <= status < 600:
        what = "is asked too often" if status == 429 else "has a fault of its own"
        problem = EngineUnavailable(f"{where} {what} ({status}: {said}): try again later, or set `fallback`")
        return TryAgain(problem, wanted_pause(headers or {}))
    preset = endpoint.preset
    if status in (401, 403):
        held = f" {preset.key_variable} or" if preset.key_variable else ""
        cure = f"check the key in{held} the file that `key_file` names"
    elif status == 404:
        cure = preset.fetch.format(model=endpoint.model, url=endpoint.url) + ", or correct `endpoint`"
    elif 300 <= status < 400:
        cure = "give `endpoint` the address that it points to; redirects are not followed"
    elif "tool" in said.lower():
        cure = f"use a model and a server with tool calls switched on ({preset.start})"
    else:
        cure = "a shorter history or another model may do"
    return EngineError(f"{where} refused the request ({status}: {said}): {cure}")


def _out_of_reach(endpoint: Endpoint, reason: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{endpoint.name} at {endpoint.url} is out of reach ({_clean(endpoint, reason)}): "
        f"{endpoint.preset.start}, or set `endpoint`"
    )


def _clean(endpoint: Endpoint, text: str) -> str:
    """A server's words fit for a terminal and a log: one line, short, without the key."""
    if endpoint.key is not None:
        text = endpoint.key.hide(text)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_ERROR_CHARS] or "no reason given"


def _message(text: str) -> str:
    """The message in an error's body, in any of the usual forms; else the body."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, Mapping):
            value = next((value[k] for k in ("error", "message", "detail") if value.get(k)), text)
        else:
            break
    return value if isinstance(value, str) else text


def _code(body: Any) -> int:
    """The status in an error inside a stream; 500 where there is none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500
