"""Two models on the same request, side by side: what each would do, and which one a person prefers.

Nothing is sent to the game: both decide on the present state with a dry run. Which model is which side is
drawn for each comparison. Votes are lines of `VOTES` in the trace store's folder.
"""

import random
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from enactor.agent import Controller, Toolbox
from enactor.errors import EnactorError
from enactor.serve.core.account import Account
from enactor.serve.core.cancel import Cancel
from enactor.serve.core.desk import Desk, Model, Seat
from enactor.serve.mcp.game import Hand
from enactor.serve.record import trace_record
from enactor.trace import Trace, TraceStore, canonical_json
from enactor.trace.files import append_line, cured, set_torn_aside
from enactor.trace.lock import locked
from enactor.trace.values import Message

VOTES = "ab_votes.jsonl"
SCHEMA = 1
OPEN = 200
"""Comparisons that wait for their vote; the oldest give way."""
Choice = Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two models would do. `models` are their names in the order of the sides: not to be shown before
    the vote where it is to be blind."""

    id: str
    account: str
    message: str
    first: Trace
    second: Trace
    models: tuple[str, str]


class Compare:
    """`open_model` gives a model by name; the one that is not the service's stays open until another is
    asked for."""

    def __init__(
        self, desk: Desk, open_model: Callable[[str], Model], store: TraceStore | None, limit_s: float
    ) -> None:
        self._desk, self._open_model, self._store, self._limit_s = desk, open_model, store, limit_s
        self._lock = threading.Lock()
        self._spare: Desk | None = None
        self._waiting: OrderedDict[str, Comparison] = OrderedDict()

    def run(
        self, account: Account, message: str, history: list[Message], models: tuple[str, str]
    ) -> Comparison:
        """Ask both, one after the other. Raises `EnactorError` for a model that cannot be had and an engine
        that fails."""
        if models[0] == models[1]:
            raise EnactorError("name two different models to compare")
        drawn = models if random.random() < 0.5 else (models[1], models[0])
        first, second = (self._ask(name, account, message, history) for name in drawn)
        found = Comparison(secrets.token_hex(6), account.name, message, first, second, drawn)
        with self._lock:
            self._waiting[found.id] = found
            while len(self._waiting) > OPEN:
                self._waiting.popitem(last=False)
        return found

    def vote(self, comparison: str, choice: Choice, by: str) -> Comparison:
        """Keep who won, once. Raises `EnactorError` for a comparison that was voted on or is forgotten, and
        where the vote cannot be written."""
        with self._lock:
            found = self._waiting.pop(comparison, None)
        if found is None:
            raise EnactorError("that comparison was voted on already, or is too old")
        if self._store is not None:
            row = {
                "schema": SCHEMA,
                "timestamp": datetime.now(UTC).isoformat(),
                "message": found.message,
                "state": found.first.state_before,
                "models": list(found.models),
                "answers": [
                    {**trace_record(trace), "outputs": list(trace.outputs)}
                    for trace in (found.first, found.second)
                ],
                "choice": choice,
                "winner": {"first": found.models[0], "second": found.models[1]}.get(choice),
                "player": self._store.player(by) if by else "",
            }
            folder = self._store.folder
            with cured(folder), locked(folder / ".lock"):
                set_torn_aside(folder / VOTES)
                append_line(folder / VOTES, (canonical_json(row) + "\n").encode("utf-8", "backslashreplace"))
        return found

    def close(self) -> None:
        """Close the other model."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()

    def _ask(self, name: str, account: Account, message: str, history: list[Message]) -> Trace:
        seat = Seat(self._desk_for(name), Cancel())
        toolbox = Toolbox(Hand(account.game, None), dry_run=True)
        return Controller(seat, toolbox, system=seat.model.system, source="ab").handle(message, history)

    def _desk_for(self, name: str) -> Desk:
        if name == self._desk.model.name:
            return self._desk
        with self._lock:
            if self._spare is None or self._spare.model.name != name:
                model = self._open_model(name)
                if self._spare is not None:
                    self._spare.replace(model)
                else:
                    self._spare = Desk(model, self._limit_s)
            return self._spare
