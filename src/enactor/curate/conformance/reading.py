"""What a runtime makes of a model's turn."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from enactor.trace import canonical_json

RUNTIMES = ("enactor", "llama.cpp", "vllm", "vllm-stream", "ollama")
TEMPLATE = "template"
"""Stands in the matrix before the runtimes: turns that the template writes as training saw them."""
_PIECE = re.compile(r"\s*\w+|\s|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Reading:
    """The text and the calls that a client of the runtime gets: each call as its name and its arguments in
    canonical JSON, so that `1`, `1.0` and `true` stay apart. `problem` says why nothing could be read."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    problem: str = ""

    def same(self, other: "Reading") -> bool:
        """Equal calls in equal order, and equal text but for white space at its ends."""
        return not (self.problem or other.problem) and (
            self.calls == other.calls and self.text.strip() == other.text.strip()
        )


class Runtime(Protocol):
    """The part of a runtime that reads calls out of a turn."""

    @property
    def name(self) -> str: ...

    def read(self, turn: str) -> Reading:
        """Read one whole turn of the model, without `<|im_end|>`. Never raises on a turn."""
        ...


def reading(text: str, calls: Iterable[tuple[str, Any]]) -> Reading:
    """A reading from names and decoded arguments; a problem where they are no JSON (NaN, lone surrogates)."""
    try:
        return Reading(text, tuple((name, canonical_json(arguments)) for name, arguments in calls))
    except ValueError as error:
        return Reading(text, problem=f"arguments: {error}")


def pieces(turn: str) -> list[str]:
    """The turn in pieces about as large as tokens: for readers of a stream."""
    return _PIECE.findall(turn)
