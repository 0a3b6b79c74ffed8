"""One request carried out: from its turn on the account to its record and its last event."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from enactor import agent
from enactor.agent import Controller, Toolbox
from enactor.agent.controller import LIMIT_S, MAX_CALLS
from enactor.errors import EnactorError
from enactor.models.engine import Engine
from enactor.prompt.render import recent
from enactor.serve.changes import changes
from enactor.serve.core import events
from enactor.serve.core.account import Account, Reins, counted
from enactor.serve.core.baton import Baton
from enactor.serve.core.cancel import Cancel
from enactor.serve.core.desk import Desk, Seat
from enactor.serve.core.events import Access, Event, Session
from enactor.serve.core.journal import Journal, Ticket
from enactor.serve.core.later import Later
from enactor.serve.core.talks import Conversation, Question
from enactor.serve.core.typed import Dictated, credited, credited_trace, is_typed, typed_calls
from enactor.serve.played import Cancelled, Played
from enactor.trace import Step, Trace, TraceStore
from enactor.world import COMMANDS, GameState

CLOSING = "the service ends"


@dataclass(slots=True)
class Entry:
    """A request that was taken."""

    ticket: Ticket
    session: Session
    access: Access
    cancel: Cancel = field(default_factory=Cancel)
    taken: float = field(default_factory=time.monotonic)
    started: float = 0.0
    begun: bool = False

    @property
    def request(self) -> str:
        """Its id."""
        return self.ticket.request


@dataclass(frozen=True, slots=True)
class Parts:
    """What an errand needs of the service."""

    desk: Desk
    journal: Journal
    store: TraceStore | None
    emit: Callable[[Event], None]
    left_running: Callable[[Account, events.Finished, GameState], None]
    noted: Callable[[str, Trace], None]
    later: Later
    baton: Baton
    loop_window_s: float = 120.0
    read_only: bool = False
    dry_run: bool = False
    turns: int = 8
    ask_s: float = 60.0
    max_calls: int = MAX_CALLS
    limit_s: float = LIMIT_S


def carry_out(entry: Entry, account: Account, talk: Conversation, parts: Parts) -> None:
    """Do it, record it, tell of it. Raises nothing: what fails is told."""
    told = (entry.request, entry.session, entry.ticket.place)
    entry.started = time.monotonic()
    parts.emit(events.Started(*told, entry.ticket.message))
    errand = _Errand(entry, account, talk, parts)
    try:
        last = errand.run()
    except EnactorError as error:
        last = events.Failed(*told, str(error), errand.partial("failed", str(error)))
    except Exception as error:  # a fault of this program must not take the account's other requests with it
        traceback.print_exc(file=sys.stderr)
        message = f"Something went wrong in the service itself ({type(error).__name__}); its log has more."
        last = events.Failed(*told, message, errand.partial("failed", message))
    if isinstance(last, events.Cancelled) and last.why == CLOSING and not entry.begun:
        return  # it stays in the journal, for the next start
    last = errand.record(last)
    parts.emit(last)
    if isinstance(last, events.Finished) and last.runs_on and errand.before is not None:
        parts.left_running(account, last, errand.before)
    if isinstance(last, events.Finished) and last.asks:
        parts.emit(events.Asks(*told, _question(last.trace), parts.ask_s))


def signed(trace: Trace, session: Session, store: TraceStore | None) -> Trace:
    """With the player's salted hash and the account."""
    player = store.player(session.player) if store is not None and session.player else ""
    return replace(trace, player=player, meta={**trace.meta, "account": session.account})


class _Errand:
    def __init__(self, entry: Entry, account: Account, talk: Conversation, parts: Parts) -> None:
        self.entry, self.account, self.talk, self.parts = entry, account, talk, parts
        self.told = (entry.request, entry.session, entry.ticket.place)
        self.seat = Seat(parts.desk, entry.cancel, parts.baton.lent)
        self.reins = Reins(account, entry.cancel, self.begin, self.progress, parts.baton.lent)
        self.typed = is_typed(entry.ticket.message)
        self.steps: list[Step] = []
        self.before: GameState | None = None
        self.controlled = self.journaled = 0.0
        self.trace: Trace | None = None

    def run(self) -> Event:
        """The event that ends it; not recorded yet."""
        entry, parts = self.entry, self.parts
        started = time.monotonic()
        toolbox = Toolbox(
            self.reins,
            parts.loop_window_s,
            parts.read_only or entry.access != "act",
            parts.dry_run,
            self.account.tasks,
        )
        calls = typed_calls(entry.ticket.message) if self.typed else ""
        engine: Engine = self.seat if isinstance(calls, str) else Dictated(calls)
        controller = Controller(
            engine,
            toolbox,
            system=self.seat.model.system,
            source=entry.session.door,
            max_calls=parts.max_calls,
            limit_s=parts.limit_s,
        )
        own = not entry.ticket.deferred
        history = recent(self.talk.history, parts.turns) if own else []
        session = agent.Session(controller, history, entry.ticket.waiting or None)
        try:
            self.before = self.account.observe()
            with parts.baton.held():
                trace = session.say(entry.ticket.message, self.step)
            trace = self.trace = credited_trace(trace) if self.typed else trace
            parts.later.note(entry.ticket.caller, self.account, entry.ticket.place)
            after = self.account.observe()
        except Cancelled as cancelled:
            return events.Cancelled(*self.told, str(cancelled), self.partial("cancelled", str(cancelled)))
        finally:
            self.controlled = time.monotonic() - started
        if own:
            self.talk.history = recent(session.history, parts.turns)
        if entry.cancel:
            meta = {**trace.meta, "cancelled": True}
            return events.Cancelled(*self.told, entry.cancel.why, replace(trace, meta=meta))
        if session.pending is not None and own:
            self.talk.question = Question(
                entry.request, entry.ticket.place, session.pending, time.monotonic() + parts.ask_s
            )
        played = Played(trace, tuple(changes(self.before, after)))
        running = self._running(trace, after)
        if running and not self.account.live and not self.account.pace and self.account.loop_s > 0:
            with self.parts.baton.held():
                self.reins.settle(self.account.loop_s)
            later = self.account.observe()
            played = replace(played, later=tuple(changes(after, later)), later_s=self.account.loop_s)
            running = False  # the game stands still again
            self.controlled = time.monotonic() - started
        asks = own and self.talk.question is not None
        return events.Finished(*self.told, played, "", self.timing(), runs_on=running, asks=asks)

    def record(self, last: Event) -> Event:
        """Write the trace and the journal's last line, and put the trace's id into the event."""
        trace: Trace | None = getattr(last, "trace", None)
        kept = ""
        try:
            if trace is not None:
                trace = signed(trace, self.entry.session, self.parts.store)
                if self.parts.store is not None:
                    kept = self.parts.store.append(trace)
            self.parts.journal.done(type(last).__name__.lower(), self.entry.request, wait=False)
        except EnactorError as error:
            done = f"{trace.reply.rstrip('.')}. But it was not recorded: " if trace else ""
            return events.Failed(*self.told, f"{done}{error}", trace)
        if isinstance(last, events.Finished) and trace is not None:
            self.parts.noted(kept, trace)
            return replace(
                last, played=replace(last.played, trace=trace), trace_id=kept, timing=self.timing()
            )
        if isinstance(last, events.Cancelled | events.Failed):
            return replace(last, trace=trace)
        return last

    def timing(self) -> events.Timing:
        """Up to now."""
        entry, now = self.entry, time.monotonic()
        return events.Timing(
            entry.started - entry.taken,
            self.seat.seconds,
            self.controlled,
            self.journaled,
            now - entry.taken,
        )

    def begin(self) -> None:
        """Before the first command of it goes out: from here on a restart will not repeat it."""
        started = time.monotonic()
        with self.parts.baton.lent():
            self.parts.journal.write(self.entry.ticket, "dispatching")
        self.journaled = time.monotonic() - started
        self.entry.begun = True

    def step(self, step: Step) -> None:
        """A call was carried out."""
        step = credited(step) if self.typed else step
        self.steps.append(step)
        self.parts.emit(events.Stepped(*self.told, step))

    def progress(self, waited: float, last: Mapping[str, Any]) -> None:
        """What runs goes on."""
        now = self.account.observe()
        gained = changes(self.before, now) if self.before else []
        done, total = counted(last)
        doing = now.active_loop or str(last.get("command") or "")
        self.parts.emit(events.Progress(*self.told, doing, waited, done, total, tuple(gained)))

    def partial(self, what: str, why: str) -> Trace:
        """The record of a request that has no whole one: what was carried out of it stays done."""
        if self.trace is not None:
            return self.trace
        reply = f"{why[:1].upper()}{why[1:]}" if what == "failed" else "Cancelled."
        if what == "cancelled" and self.steps:
            reply = "Cancelled; what was done stays done."
        return Trace(
            self.entry.ticket.message,
            reply,
            "failed",
            "failed",
            steps=tuple(self.steps),
            history=tuple(self.talk.history),
            state_before=self.before.to_case() if self.before else None,
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds"),
            source=self.entry.session.door,
            latency_ms=(time.monotonic() - self.entry.started) * 1000,
            meta={"engine": self.seat.name, what: True},
        )

    def _running(self, trace: Trace, state: GameState) -> bool:
        result = trace.steps[-1].result if trace.steps else None
        if result is None or result.status != "ok" or result.lowered is None or state.active_loop is None:
            return False
        return COMMANDS[result.lowered.split()[0]].duration == "loop"


def _question(trace: Trace) -> str:
    found = (s.result.content.get("question") for s in trace.steps if s.result.status == "needs_confirmation")
    return str(next(found, trace.reply))
