"""Which trace is to be labelled next: what is least certain and most disputed first."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from enactor.serve.label.calls import write_calls
from enactor.serve.label.labels import Label, Labels
from enactor.trace import RowError, Trace, TraceStore, from_row
from enactor.trace.files import cured, parse
from enactor.trace.removal import identity

View = Literal["todo", "disputed", "done", "all"]
_LOW = 0.9
"""Mean probability of the sampled tokens under which a completion counts as unsure."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Why a trace is doubtful: a short name, what it adds to the doubt, and a sentence."""

    name: str
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A trace in the queue: where it stands in the store (`day`, and `offset` of its line in bytes), what a
    list shows, and the signs of doubt that the trace itself bears."""

    id: str
    day: str
    offset: int
    timestamp: str
    message: str
    outcome: str
    signs: tuple[Sign, ...]


def doubts(trace: Trace) -> tuple[Sign, ...]:
    """The signs in the trace alone, the heaviest first."""
    found: list[Sign] = []
    origins = {step.call.origin for step in trace.steps}
    if "forced" in origins:
        found.append(Sign("forced", 2.5, "A grammar forced a call: what the model wrote could not be taken."))
    if "repaired" in origins:
        found.append(Sign("repaired", 2.0, "A call was rescued from text."))
    if any(step.call.parse_error for step in trace.steps):
        found.append(Sign("unreadable", 2.0, "The arguments of a call could not be read."))
    if trace.outcome in ("described", "claimed"):
        found.append(Sign(trace.outcome, 2.0, "Nothing was dispatched, and the text says otherwise."))
    elif trace.outcome == "failed":
        found.append(Sign("failed", 1.5, "No call of this request succeeded."))
    elif trace.outcome in ("asked", "refused"):
        found.append(Sign(trace.outcome, 0.5, "The request was not carried out."))
    if trace.outcome != "failed" and any(step.result.status == "error" for step in trace.steps):
        found.append(Sign("errors", 1.0, "A call met with an error."))
    sure = probability(trace)
    if sure is not None and sure < _LOW:
        found.append(Sign("unsure", min(3.0, -10 * math.log10(sure)), f"Mean token probability {sure:.2f}."))
    return tuple(sorted(found, key=lambda sign: -sign.weight))


def probability(trace: Trace) -> float | None:
    """The geometric mean probability of a sampled token, where the trace has `meta.logprob` (the sum over its
    tokens, natural logarithm)."""
    total = trace.meta.get("logprob")
    if not isinstance(total, int | float) or isinstance(total, bool) or trace.completion_tokens < 1:
        return None
    return max(math.exp(min(total / trace.completion_tokens, 0.0)), 1e-6)


def disputes(entry: Entry, labels: Labels) -> tuple[Sign, ...]:
    """The signs in what people said of it: against each other, and against the ledger."""
    if entry.id not in labels.of and entry.id not in labels.players:
        return ()
    given = list(labels.of.get(entry.id, {}).values())
    found: list[Sign] = []
    if differ(given):
        found.append(Sign("disputed", 5.0, "The annotators differ."))
    ratings = [label.rating for label in given if label.rating is not None]
    player = labels.players.get(entry.id)
    if player is not None:
        if any(abs(player - rating) >= 2 for rating in ratings):
            found.append(Sign("player differs", 3.0, f"The player gave {player}."))
        ratings.append(player)
    went_well = entry.outcome in ("executed", "answered")
    if ratings and (min(ratings) <= 2 if went_well else max(ratings) >= 4):
        found.append(Sign("against the ledger", 3.0, f"A rating does not fit the outcome {entry.outcome}."))
    return tuple(found)


def signs_of(entry: Entry, labels: Labels, annotator: str) -> list[Sign]:
    """All signs, the heaviest first. Who has not judged yet is not told in what others differ, or agreement
    would mean nothing."""
    others = disputes(entry, labels)
    if not others:
        return list(entry.signs)
    if labels.by(annotator, entry.id) is None:
        weight = sum(sign.weight for sign in others)
        others = (Sign("second look", weight, "What others said of it calls for another judgement."),)
    return sorted((*others, *entry.signs), key=lambda sign: -sign.weight)


def differ(given: Sequence[Label]) -> bool:
    """Whether annotators contradict each other: on fulfilled, by two points of the rating, or in the right
    calls."""
    if len({label.fulfilled for label in given} - {None}) > 1:
        return True
    ratings = [label.rating for label in given if label.rating is not None]
    if ratings and max(ratings) - min(ratings) >= 2:
        return True
    corrected = [write_calls(label.calls).casefold() for label in given if label.calls is not None]
    return any(calls != corrected[0] for calls in corrected[1:])


class Queue:
    """The traces of a store in order of doubt. Follows the store as it grows; keeps no traces in memory."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store
        self._entries: dict[str, Entry] = {}
        self._days: dict[str, tuple[int, int]] = {}  # inode, and up to where it was read, in bytes

    def refresh(self) -> None:
        """Take in what was recorded or forgotten since the last call."""
        days = self._store.days()
        for day in [day for day in self._days if day not in days]:
            self._drop(day)
        for day in days:
            with cured(self._store.folder), contextlib.suppress(FileNotFoundError):
                found = self._path(day).stat()
                inode, done = self._days.get(day, (found.st_ino, 0))
                if found.st_ino != inode or found.st_size < done:
                    self._drop(day)
                    done = 0
                if found.st_size > done:
                    self._days[day] = (found.st_ino, self._take(day, done))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, trace: str) -> Entry | None:
        """The entry of a trace by its hash."""
        return self._entries.get(trace)

    def read(self, trace: str) -> Trace | None:
        """The trace itself, None where it is gone."""
        entry = self._entries.get(trace)
        if entry is None:
            return None
        with contextlib.suppress(FileNotFoundError), self._path(entry.day).open("rb") as file:
            file.seek(entry.offset)
            row = parse(file.readline())
            with contextlib.suppress(RowError):
                if row is not None and identity(row) == trace:
                    return from_row(row)
        return self._store.read(trace)

    def order(self, labels: Labels, annotator: str, view: View = "todo") -> list[tuple[Entry, list[Sign]]]:
        """The entries of a view with their signs, heaviest first.

        `todo`: what the annotator has not labelled, then the rest; `disputed`: where people differ; `done`:
        what the annotator has labelled, latest first; `all`. Of equal doubt the newer comes first.
        """
        rows: list[tuple[bool, float, str, Entry, list[Sign]]] = []
        for entry in self:
            mine = labels.by(annotator, entry.id)
            signs = signs_of(entry, labels, annotator)
            disputed = len(signs) > len(entry.signs)
            if (view == "disputed" and not disputed) or (view == "done" and mine is None):
                continue
            weight = sum(sign.weight for sign in signs)
            last = view == "todo" and mine is not None
            if view == "done" and mine is not None:
                rows.append((False, 0.0, mine.timestamp, entry, signs))
            else:
                rows.append((last, -weight, entry.timestamp, entry, signs))
        rows.sort(key=lambda row: row[2], reverse=True)
        rows.sort(key=lambda row: row[:2])
        return [(entry, signs) for _, _, _, entry, signs in rows]

    def _take(self, day: str, start: int) -> int:
        """Enter the whole lines from `start` on; where they end."""
        with self._path(day).open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):  # being written, or torn
                    break
                row = parse(line)
                # What is no trace, or holds a NaN and so has no hash, is nothing that a label could be about.
                with contextlib.suppress(RowError, ValueError):
                    if row is not None and (known := identity(row)) is not None:
                        self._entries.setdefault(known, _entry(known, from_row(row), day, start))
                start += len(line)
        return start

    def _path(self, day: str) -> Path:
        return self._store.folder / f"training_{day}.jsonl"

    def _drop(self, day: str) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if entry.day != day}
        self._days.pop(day, None)


def _entry(known: str, trace: Trace, day: str, offset: int) -> Entry:
    return Entry(known, day, offset, trace.timestamp, trace.message, trace.outcome, doubts(trace))
