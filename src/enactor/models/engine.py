"""What decodes. One protocol; llama.cpp in process, a scripted list, an HTTP endpoint."""

from dataclasses import dataclass
from typing import Protocol

from enactor.errors import EnactorError


class EngineError(EnactorError):
    """The engine itself failed: it did not load, refused the request, or was closed."""


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` excludes the stop token. `logprob` is the sum over the completion's tokens where the engine
    gives it. `seconds` is wall time from request to last token, `first_token_seconds` to the first one.
    `cached_tokens` of the prompt came from the prefix cache. `stopped` is False when `max_tokens` or a
    cancellation ended the text, `cancelled` tells the second from the first."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    logprob: float | None = None
    stopped: bool = True
    cancelled: bool = False
    cached_tokens: int = 0
    first_token_seconds: float = 0.0


class Engine(Protocol):
    """Completes a rendered prompt. Safe to call from several threads; with slots they decode in parallel."""

    @property
    def name(self) -> str: ...

    def complete(
        self,
        prompt: str,
        *,
        grammar: str | None = None,
        max_tokens: int = 192,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Completion:
        """Decode until `<|im_end|>` or `max_tokens`. `grammar` is GBNF. Raises `EngineError` when the engine
        itself fails; never for what the model wrote."""
        ...

    def cancel(self) -> None:
        """End every completion under way, from any thread. They return what they have, `cancelled` set.
        Completions that start later are not touched."""
        ...

    def close(self) -> None:
        """Release memory and threads. Idempotent; cancels what is under way."""
        ...
