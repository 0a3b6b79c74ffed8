"""What a server's refusal means: whether to ask again, and what the user can do."""

import json
from collections.abc import Mapping
from typing import Any

from enactor.models.engine import EngineError, EngineUnavailable
from enactor.models.remote.endpoint import Endpoint
from enactor.models.remote.patience import wanted_pause

MAX_ERROR_CHARS = 300


class TryAgain(Exception):
    """The attempt failed in a way that may pass. `wanted` is the pause the server asked for, in seconds."""

    def __init__(self, problem: EngineUnavailable, wanted: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.wanted = wanted


def explained(
    endpoint: Endpoint, status: int, said: str, headers: Mapping[str, str]
) -> EngineError | TryAgain:
    """What to raise for a refusal: `TryAgain` for 429 and 5xx."""
    said = clean(endpoint, said)
    where = f"{endpoint.name} at {endpoint.url}"
    if status == 429 or 500 <= status < 600:
        what = "is asked too often" if status == 429 else "has a fault of its own"
        problem = EngineUnavailable(f"{where} {what} ({status}: {said}): try again later, or set `fallback`")
        return TryAgain(problem, wanted_pause(headers))
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


def out_of_reach(endpoint: Endpoint, reason: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{endpoint.name} at {endpoint.url} is out of reach ({clean(endpoint, reason)}): "
        f"{endpoint.preset.start}, or set `endpoint`"
    )


def clean(endpoint: Endpoint, text: str) -> str:
    """A server's words fit for a terminal and a log: one line, short, without the key."""
    if endpoint.key is not None:
        text = endpoint.key.hide(text)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:MAX_ERROR_CHARS] or "no reason given"


def message(text: str) -> str:
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


def code(body: Any) -> int:
    """The status in an error inside a stream; 500 where there is none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    found = error.get("code") if isinstance(error, Mapping) else None
    return found if isinstance(found, int) and 400 <= found < 600 else 500
