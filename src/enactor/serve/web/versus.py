"""Two models on one request, side by side, and the votes on which did better.

Each side plays in a simulated world of its own that begins as the player's is now; against the live game both
only say what they would send. A vote is a line in `votes.jsonl` beside the traces, which it names.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from enactor.agent import Controller, Toolbox
from enactor.models.engine import Engine
from enactor.serve.changes import changes
from enactor.serve.core import Caller, Model, Service
from enactor.serve.core.cancel import Cancel
from enactor.serve.core.desk import Seat
from enactor.serve.record import trace_record
from enactor.serve.web.forms import Compare, Refused, Vote
from enactor.serve.web.shown import cleaned, shown
from enactor.sim import Simulator
from enactor.trace import Trace, TraceStore, canonical_json, trace_hash
from enactor.trace.files import append_line, cured, set_torn_aside
from enactor.trace.lock import locked
from enactor.world import Backend, GameState

VOTES = "votes.jsonl"
SCHEMA = 1
REMEMBERED = 200
SOURCE = "compare"
_ORDER = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Side:
    """What one model made of the request."""

    model: str
    trace: Trace
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides that wait for a vote."""

    message: str
    blind: bool
    sides: Mapping[str, Side]


class Versus:
    """Comparisons and votes. `open_model` opens one by its name; the last one opened that is not the
    service's own is kept open. `store` gets the traces (source `compare`) and the votes; without it a vote
    is refused."""

    def __init__(self, open_model: Callable[[str], Model], store: TraceStore | None, seed: int = 0) -> None:
        self._open_model = open_model
        self._store = store
        self._seed = seed
        self._busy = threading.Lock()
        self._other: Model | None = None
        self._waiting: OrderedDict[str, Comparison] = OrderedDict()

    def close(self) -> None:
        """Close the model that was opened."""
        other, self._other = self._other, None
        if other is not None:
            other.engine.close()

    def run(self, service: Service, account: str, caller: Caller, form: Compare) -> dict[str, Any]:
        """Both sides; blind ones in an order that nobody knows, without their names and times."""
        if not self._busy.acquire(blocking=False):
            raise Refused("another comparison is under way: wait for its end", 409)
        try:
            names = [form.a, form.b]
            if form.blind:
                _ORDER.shuffle(names)
            sides = {
                side: self._play(service, account, caller, name, form.message)
                for side, name in zip(("a", "b"), names, strict=True)
            }
        finally:
            self._busy.release()
        identity = secrets.token_hex(8)
        self._waiting[identity] = Comparison(form.message, form.blind, sides)
        while len(self._waiting) > REMEMBERED:
            self._waiting.popitem(last=False)
        return {
            "comparison": identity,
            "sides": {name: _shown(side, blind=form.blind) for name, side in sides.items()},
        }

    def vote(self, form: Vote, caller: Caller) -> dict[str, Any]:
        """Write the vote; a second one on the same comparison is refused."""
        if self._store is None:
            raise Refused("nothing is recorded (the setting `log` is off), so no vote is kept", 409)
        with self._busy:
            found = self._waiting.get(form.comparison)
            if found is None:
                raise Refused("that comparison is not open any more", 409)
            append_vote(self._store, vote_event(found, form, self._store.player(caller.player)))
            del self._waiting[form.comparison]
        return {"ok": True, "models": {name: side.model for name, side in found.sides.items()}}

    def _play(self, service: Service, account: str, caller: Caller, name: str, message: str) -> Side:
        held = service.accounts[account]
        backend: Backend
        if held.live:
            backend, dry_run = held.backend, True
        else:
            backend, dry_run = Simulator(self._seed, copied(held.observe())), False
        engine, system = self._engine(service, name)
        toolbox = Toolbox(backend, dry_run=dry_run)
        before = toolbox.observe()
        trace = Controller(engine, toolbox, system=system, source=SOURCE).handle(message)
        after = toolbox.observe()
        if self._store is not None:
            trace = replace(trace, player=self._store.player(caller.player))
            self._store.append(trace)
        return Side(name, trace, tuple(changes(before, after)))

    def _engine(self, service: Service, name: str) -> tuple[Engine, str]:
        """The service's model takes its turn with the requests; another one is opened."""
        present = service.desk.model
        if name == present.name:
            return Seat(service.desk, Cancel()), present.system
        if self._other is None or self._other.name != name:
            self.close()
            self._other = self._open_model(name)
        return self._other.engine, self._other.system


def copied(state: GameState) -> dict[str, Any]:
    """A simulator's start that is like this state. What lies on the ground, what is open and what runs is not
    copied."""
    raw = state.raw
    start = {**state.to_case(), "quests": dict(raw.get("quests") or {})}
    start.pop("active_loop", None)
    start["experience"] = dict(state.experience or {})
    style = (raw.get("player") or {}).get("combatStyle") or {}
    if style.get("label"):
        start["style"] = style["label"]
    if state.bank_open:
        start["bank_open"] = True
    return start


def vote_event(comparison: Comparison, form: Vote, by: str) -> dict[str, Any]:
    """A vote's line: which trace of which model was better. `by` is the voter's salted name."""
    return {
        "schema": SCHEMA,
        "kind": "ab_vote",
        "id": form.comparison,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "message": comparison.message,
        "winner": form.winner,
        "blind": comparison.blind,
        "by": by,
        "sides": {
            name: {
                "model": side.model,
                "trace": trace_hash(side.trace),
                "outcome": side.trace.outcome,
                "latency_ms": round(side.trace.latency_ms, 3),
            }
            for name, side in comparison.sides.items()
        },
    }


def append_vote(store: TraceStore, event: Mapping[str, Any]) -> None:
    """Write one vote, on the disk when this returns. Raises `EnactorError`; then nothing of it is left."""
    path = store.folder / VOTES
    line = (canonical_json(event) + "\n").encode("utf-8", "backslashreplace")
    with cured(store.folder), locked(store.folder / ".lock"):
        set_torn_aside(path)
        append_line(path, line)


def _shown(side: Side, *, blind: bool) -> dict[str, Any]:
    record = cleaned({**trace_record(side.trace), "changes": list(side.changed)})
    if blind:
        for telling in ("latency_ms", "prompt_tokens", "completion_tokens"):
            del record[telling]
    return {
        "model": None if blind else side.model,
        "record": record,
        "detail": None if blind else shown(side.trace),
    }
