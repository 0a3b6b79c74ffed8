"""What the same person says next, as evidence about the request before. The phrases: `data/said.yaml`."""

import re
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

Said = Literal["disputed", "confirmed"]

SOON = 900.0
"""Seconds within which the next words are taken to be about the request before."""

SHORT = 8
"""Words of a message in which the patterns marked `short` count."""


def what_was_said(message: str, following: str, seconds_later: float | None) -> tuple[Said, str] | None:
    """Whether the next words dispute or confirm that a request was carried out, and the rule that says so.

    The same words again dispute it. None where they tell nothing, and where they came too late to be about it
    (`seconds_later` None: no times in the record, so they count).
    """
    if seconds_later is not None and not 0 <= seconds_later <= SOON:
        return None
    text = following.replace("’", "'").lower()
    if _words(message) and _words(message) == _words(text):
        return "disputed", "the same words again"
    few = len(text.split()) <= SHORT
    for group, name, pattern, short in _patterns():
        if (few or not short) and pattern.search(text):
            return group, name
    return None


def seconds_between(earlier: Any, later: Any) -> float | None:
    """Between two ISO timestamps; None where either is none, or only one knows its zone."""
    try:
        return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
    except (TypeError, ValueError):
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@cache
def _patterns() -> tuple[tuple[Said, str, re.Pattern[str], bool], ...]:
    """In lower case: the flag that ignores case would search half as fast."""
    text = resources.files("enactor.ingest").joinpath("data/said.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    groups: tuple[Said, ...] = ("disputed", "confirmed")
    return tuple(
        (
            group,
            f"{group}.{entry['id']}",
            re.compile(entry["pattern"]),
            bool(entry.get("short")),
        )
        for group in groups
        for entry in data[group]
    )
