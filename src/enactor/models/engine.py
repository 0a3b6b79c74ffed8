"""What decodes. One protocol; llama.cpp in process, a scripted list, an HTTP endpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict, Unpack

from enactor.errors import EnactorError
from enactor.trace.values import ToolCall

OnText = Callable[[str], bool]
"""Gets each piece of text as it is decoded (an empty one while the prompt is read); True ends the completion.
Called from another thread than the caller's."""


class EngineError(EnactorError):
    """The engine itself failed: it did not load, refused the request, or was closed."""


class PromptTooLong(EngineError):
    """The prompt does not fit into the engine's context."""


class EngineUnavailable(EngineError):
    """The engine cannot answer now: out of reach, overloaded, silent, or broken off. Another one may."""


class Options(TypedDict, total=False):
    """The keywords of `Engine.complete`. `Request` has their meaning and their defaults."""

    grammar: str | None
    max_tokens: int
    temperature: float
    seed: int
    on_text: OnText | None


@dataclass(frozen=True, slots=True)
class Request:
    """One completion as it was asked for; engines make it of `complete`'s arguments.

    `prompt` is model text as `prompt.render_prompt` writes it. `grammar` is GBNF. `max_tokens` bounds the
    answer. `temperature` 0 is greedy. `on_text`: see `OnText`.
    """

    prompt: str
    grammar: str | None = None
    max_tokens: int = 192
    temperature: float = 0.0
    seed: int = 0
    on_text: OnText | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` excludes the stop token. `tokens` are the decoded ones with their log-probabilities, before any
    grammar, where the engine gives them; `logprob` is their sum. `seconds` is wall time from request to last
    token, `first_token_seconds` to the first one.
    `cached_tokens` of the prompt came from the prefix cache. `stopped` is False when `max_tokens` or a
    cancellation ended the text, `cancelled` tells the second from the first.

    `calls` are those that an endpoint gave as structure, raw argument strings kept; `text` has them as blocks
    of the dialect too, so that records have one form. It is None where the calls, if any, are in `text`
    alone.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    logprob: float | None = None
    tokens: tuple[tuple[str, float], ...] = ()
    stopped: bool = True
    cancelled: bool = False
    cached_tokens: int = 0
    first_token_seconds: float = 0.0
    calls: tuple[ToolCall, ...] | None = None


class Engine(Protocol):
    """Completes a rendered prompt. Safe to call from several threads; with slots they decode in parallel."""

    @property
    def name(self) -> str: ...

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """Decode until `<|im_end|>` or `max_tokens`. Raises `EngineError` when the engine itself fails; never
        for what the model wrote. An engine that cannot obey a `grammar` returns an empty text."""
        ...

    def cancel(self) -> None:
        """End every completion under way, from any thread. They return what they have, `cancelled` set.
        Completions that start later are not touched."""
        ...

    def close(self) -> None:
        """Release memory and threads. Idempotent; cancels what is under way."""
        ...
