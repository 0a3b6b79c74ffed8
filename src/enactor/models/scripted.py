"""An engine whose words are given beforehand: for tests, demonstrations and worked examples."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Unpack

from enactor.models.engine import Completion, EngineError, OnText, Options, Request


class ScriptedEngine:
    """Answers with `replies` in order, or with what the callable makes of the prompt.

    `prompts` keeps what was asked. Running out of replies raises `EngineError`: a script that is too short
    is the author's mistake. Tokens are counted as words split at spaces.
    """

    def __init__(self, replies: Iterable[str] | Callable[[str], str], *, name: str = "scripted") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._closed = False
        self.prompts: list[str] = []
        self._answer: Callable[[str], str]
        if callable(replies):
            self._answer = replies
        else:
            script = iter(list(replies))

            def following(prompt: str) -> str:
                try:
                    return next(script)
                except StopIteration:
                    raise EngineError(
                        f"the script of {name} ended after {len(self.prompts) - 1} replies: add one for "
                        f"{prompt[-80:]!r}"
                    ) from None

            self._answer = following

    @property
    def name(self) -> str:
        return self._name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """The next reply: grammar and sampling do not apply, `max_tokens` cuts at words, `on_text` gets one
        word after the other."""
        request = Request(prompt, **options)
        started = time.perf_counter()
        with self._lock:
            if self._closed:
                raise EngineError(f"engine {self._name} is closed: make a new one")
            self.prompts.append(prompt)
            text = self._answer(prompt)
        words = text.split(" ")
        said, ended = _say(words[: request.max_tokens], request.on_text)
        return Completion(
            text=" ".join(said),
            prompt_tokens=len(prompt.split()),
            completion_tokens=len(said),
            seconds=time.perf_counter() - started,
            stopped=not ended and len(words) <= request.max_tokens,
            cancelled=ended,
        )

    def cancel(self) -> None:
        """Nothing is ever under way for long enough."""

    def close(self) -> None:
        self._closed = True


def _say(words: list[str], on_text: OnText | None) -> tuple[list[str], bool]:
    """The words up to where `on_text` ends them, and whether it did."""
    for index, word in enumerate(words if on_text else ()):
        if on_text is not None and on_text(word if index == 0 else f" {word}"):
            return words[: index + 1], True
    return words, False
