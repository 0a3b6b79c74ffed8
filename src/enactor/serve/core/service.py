"""The one service behind all doors: sessions, the durable queue, permissions, questions, stop, events.

Threads, no event loop: each account has one that carries out its requests, completions have theirs, and one
keeps the house (questions that time out, tasks for later, a changed model). A door calls the methods from any
thread and gets events in theirs; a door with a loop of its own hands them over (`call_soon_threadsafe`).
"""

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from enactor.agent import Controller, Deferred, Toolbox
from enactor.errors import EnactorError
from enactor.serve.core import admission, events
from enactor.serve.core.account import Account
from enactor.serve.core.admission import NO_PERMISSION, Admission, Permit, everyone_acts, needs_model, stops
from enactor.serve.core.baton import Baton
from enactor.serve.core.bus import Bus, Listener
from enactor.serve.core.cancel import Cancel
from enactor.serve.core.compare import Choice, Compare, Comparison
from enactor.serve.core.desk import Desk, Model, Seat
from enactor.serve.core.errand import Entry, Parts, carry_out, signed
from enactor.serve.core.events import Access, Caller, Event, Session
from enactor.serve.core.feedback import FeedbackDesk
from enactor.serve.core.house import House, Loops, guarded
from enactor.serve.core.journal import Journal, Ticket
from enactor.serve.core.lane import Lane, Status, Waiting
from enactor.serve.core.later import Later
from enactor.serve.core.limits import Limits
from enactor.serve.core.models import Models
from enactor.serve.core.talks import Talks
from enactor.serve.mcp.game import Hand
from enactor.serve.played import Played
from enactor.trace import Trace, TraceStore, trace_hash
from enactor.world import Backend, offers

CLOSE_S = 10.0


class Service:
    """`accounts` by name, one model for all. `folder` keeps the journal; without one, what waits ends with
    the process. `store` gets every request. Subscribe before `start`: it takes up what the last run left.

    Raises `EnactorError` where the journal cannot be kept, or belongs to a service that runs.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        model: Model,
        *,
        permit: Permit = everyone_acts,
        store: TraceStore | None = None,
        folder: Path | None = None,
        limits: Limits | None = None,
        loop_window_s: float = 120.0,
        read_only: bool = False,
        dry_run: bool = False,
        models: Models | None = None,
    ) -> None:
        self.accounts = {account.name: account for account in accounts}
        self.limits = limits = limits or Limits()
        self.store = store
        self.models = models
        self.desk = Desk(model, limits.engine_s)
        self.feedback = FeedbackDesk(store)
        self._journal = Journal(folder / "queue.jsonl" if folder else None)
        self._bus = Bus()
        self._talks = Talks(self._bus.emit)
        self._loops = Loops(self._bus.emit)
        self._later = Later(self.accounts, self._journal, self._put)
        self._parts = Parts(
            self.desk,
            self._journal,
            store,
            self._bus.emit,
            self._loops.began,
            self.feedback.note,
            self._later,
            Baton(),
            loop_window_s,
            read_only,
            dry_run,
            limits.turns,
            limits.ask_s,
            limits.max_calls,
            limits.request_s,
        )
        self._lock = threading.Lock()
        self._taking: set[str] = set()
        self._thinking: set[str] = set()
        self._lanes = {
            name: Lane(name, self._carry, self._talks.of, self._bus.emit) for name in self.accounts
        }
        self._admission = Admission(self._lanes, permit, limits, self.desk.expected_s)
        self._compare = Compare(self.desk, self._open_model, store, limits.engine_s)
        self._clerk: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._ending = threading.Event()
        house = House(self.accounts, self._loops, self._later, self._close_questions, self._follow_model)
        self._threads = [
            threading.Thread(target=self._record, name="clerk", daemon=True),
            threading.Thread(target=house.keep, args=(self._ending,), name="house", daemon=True),
        ]

    # -- doors ------------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """`listener` gets every event, in threads of the service and partly under its locks: it hands on and
        returns. Gives what ends the subscription."""
        return self._bus.subscribe(listener)

    def start(self) -> None:
        """Take up what the last run left: what nobody began is carried out, what was begun is reported."""
        offers()  # read once, beforehand: the first request, and a STOP beside it, need not wait for it
        found = self._journal.found
        for ticket in found.begun:
            self._report(ticket, begun=True)
        for ticket in found.accepted:
            if ticket.account in self._lanes and time.time() - ticket.at <= self.limits.stale_s:
                self._put(ticket, again=True)
            else:
                self._report(ticket, begun=False)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take nothing more, end what runs, keep what waits for the next start."""
        if self._ending.is_set():
            return
        self._ending.set()
        for lane in self._lanes.values():
            lane.close(CLOSE_S)
        self._clerk.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(CLOSE_S)
        self._journal.close()
        self._compare.close()
        self.desk.close()
        for account in self.accounts.values():
            account.close()

    # -- requests ---------------------------------------------------------------------------------------

    def submit(
        self, caller: Caller, account: str, message: str, *, place: str = "", request: str = ""
    ) -> Event:
        """Take a request: `Accepted` once it is safe on the disk, else `Refused` or `Shed`. STOP in any form
        is carried out before this returns, and answers `Finished`. `request` is an id of the door's own (one
        that was taken before is not taken twice); without it a new one is made."""
        request = request or secrets.token_hex(8)
        session = Session(caller.door, account, caller.player)
        told = (request, session, place)
        if self._ending.is_set():
            return events.Refused(*told, "The service is ending; ask again when it is back.")
        if problem := self._admission.problem(caller, account, message):
            return self._bus.tell(events.Refused(*told, problem))
        if stops(message):
            return self._stop(caller, message, told)
        with self._lock:
            if request in self._taking or self._journal.known(request):
                return events.Refused(*told, admission.ALREADY)
            self._taking.add(request)
            thinking = len(self._thinking)
        try:
            if shed := self._admission.too_much(caller, message, told, thinking):
                return self._bus.tell(shed)
            return self._take(caller, message, told)
        finally:
            with self._lock:
                self._taking.discard(request)

    def answer(self, caller: Caller, request: str, yes: bool) -> Event | None:
        """Answer the open question of `request`, which must be this caller's; None where it is closed."""
        found = self._talks.asked(request)
        if found is None or (found[0].door, found[0].player) != (caller.door, caller.player):
            return None
        word = "yes" if yes else "no"
        session, question = found
        return self.submit(caller, session.account, word, place=question.place, request=f"{request}.{word}")

    def stop(self, caller: Caller, account: str, *, place: str = "") -> Event:
        """STOP, as `submit` does it."""
        return self.submit(caller, account, "STOP", place=place)

    def cancel(self, caller: Caller, request: str) -> bool:
        """End one of the caller's requests, waiting or running; whether there was one. What it began in the
        game is stopped."""
        why = f"cancelled by {caller.name or 'the player'}"
        for lane in self._lanes.values():
            entry = lane.find(request)
            if entry is None or (entry.session.door, entry.session.player) != (caller.door, caller.player):
                continue
            if lane.take_out(request) is not None:
                self._drop([entry], why)
            else:
                entry.cancel.set(why)
            return True
        return False

    # -- looking ----------------------------------------------------------------------------------------

    def access(self, caller: Caller, account: str) -> Access:
        """What the caller may do there; nothing where there is no such account."""
        return self._admission.access(caller, account)

    def status(self, caller: Caller, account: str) -> Status:
        """The account now, without waiting for anything. Raises `EnactorError` for one that does not exist or
        that the caller may not see."""
        self._must(caller, account, "look")
        question = self._talks.of(Session(caller.door, account, caller.player)).question
        return Status(
            account,
            self.accounts[account].observe(),
            self.desk.model.name,
            self._lanes[account].look(),
            question.request if question else None,
        )

    def queue(self, caller: Caller, account: str) -> tuple[Waiting, ...]:
        """What runs and waits on the account, in order. Raises as `status`."""
        self._must(caller, account, "look")
        return self._lanes[account].look()

    def use_model(self, caller: Caller, name: str) -> None:
        """From the next request on, another model answers; opening it may take a while. Raises `EnactorError`
        without permission on every account, and for a model that cannot be had."""
        for account in self.accounts:
            self._must(caller, account, "act")
        self.desk.replace(self._open_model(name))

    def compare(self, caller: Caller, account: str, message: str, models: tuple[str, str]) -> Comparison:
        """What two models would do with a message now, after this session's conversation; nothing is sent.
        Raises `EnactorError`."""
        self._must(caller, account, "act")
        if problem := self._admission.problem(caller, account, message):
            raise EnactorError(problem)
        history = self._talks.of(Session(caller.door, account, caller.player)).history
        return self._compare.run(self.accounts[account], message, history, models)

    def vote(self, caller: Caller, comparison: str, choice: Choice) -> Comparison:
        """Keep which side won. Raises `EnactorError` where it was voted on already."""
        return self._compare.vote(comparison, choice, caller.player)

    # -- later ------------------------------------------------------------------------------------------

    def later(self, caller: Caller, account: str) -> tuple[Deferred, ...]:
        """What is to be done later on the account. Raises as `status`."""
        self._must(caller, account, "look")
        return self._later.of(account)

    def defer(self, caller: Caller, account: str, text: str, *, place: str = "") -> Deferred:
        """Keep `CONDITION do COMMAND` for later; its events will carry this caller and place. Raises
        `CommandError` for what cannot be kept, `EnactorError` without permission."""
        self._must(caller, account, "act")
        return self._later.ask(caller, account, text, place)

    def attend(self, account: str) -> None:
        """Take up the tasks for later whose time has come now, on an account that is not `attended`."""
        self._later.attend(account)

    def begin(self, caller: Caller, account: str, world: Backend) -> None:
        """Another game in the place of the account's: what runs and waits is dropped, conversations begin
        anew. Raises `EnactorError` without permission."""
        self._must(caller, account, "act")
        running, out = self._lanes[account].halt(why := "another world was begun")
        self._talks.close_all(account, why)
        self._drop(out, why, *running)
        self.accounts[account].begin(world)
        self._talks.forget(account)

    def forget(self, caller: Caller, account: str, number: int) -> Deferred | None:
        """Do not do it after all; None when there is no task of that number. Raises `EnactorError` without
        permission."""
        self._must(caller, account, "act")
        return self._later.forget(account, number)

    # -- inside -----------------------------------------------------------------------------------------

    def _must(self, caller: Caller, account: str, wanted: Access) -> None:
        if account not in self.accounts:
            raise EnactorError(f"there is no account {account!r}; known: {', '.join(self.accounts)}")
        access = self.access(caller, account)
        if access == "none" or (wanted == "act" and access != "act"):
            raise EnactorError(NO_PERMISSION)

    def _open_model(self, name: str) -> Model:
        if self.models is None:
            raise EnactorError("this service has one model only")
        return self.models.open(name)

    def _take(self, caller: Caller, message: str, told: tuple[str, Session, str]) -> Event:
        request, session, place = told
        question = self._talks.take_question(session)
        waiting = question.message if question else ""
        ticket = Ticket(request, caller, session.account, message, place, waiting, at=time.time())
        try:
            self._journal.write(ticket, "accepted")
        except EnactorError as error:
            self._talks.of(session).question = question
            return self._bus.tell(events.Refused(*told, str(error)))
        if question is not None:
            self._bus.emit(events.Withdrawn(question.request, session, question.place, "answered"))
        return self._put(ticket)

    def _put(self, ticket: Ticket, *, again: bool = False) -> events.Accepted:
        entry = Entry(ticket, ticket.session, self.access(ticket.caller, ticket.account))
        if needs_model(ticket.message):
            with self._lock:
                self._thinking.add(ticket.request)
        return self._lanes[ticket.account].put(entry, again=again)

    def _stop(self, caller: Caller, message: str, told: tuple[str, Session, str]) -> Event:
        """Past the queue, the engine and every turn: end what runs, empty the queue, send it."""
        taken = time.monotonic()
        why = f"stopped by {caller.name or 'the player'}"
        session, parts = told[1], self._parts
        running, out = self._lanes[session.account].halt(why)
        hand = Hand(self.accounts[session.account].game, None)
        toolbox = Toolbox(hand, read_only=parts.read_only, dry_run=parts.dry_run, later=None)
        controller = Controller(Seat(self.desk, Cancel()), toolbox, source=caller.door)
        try:
            trace = controller.handle(message)
        except EnactorError as error:
            self._drop(out, why, *running)
            return self._bus.tell(events.Failed(*told, str(error)))
        if out:
            many = f"{len(out)} waiting request{'s were' if len(out) > 1 else ' was'} dropped"
            trace = replace(trace, reply=f"{trace.reply}. {many}.")
        took = time.monotonic() - taken
        trace = signed(trace, session, self.store)
        kept = trace_hash(trace) if self.store is not None else ""
        done = events.Finished(*told, Played(trace, ()), kept, events.Timing(0.0, 0.0, took, 0.0, took))
        self.feedback.note(kept, trace)
        self._bus.emit(done)
        self._clerk.put(lambda: self._wind_up(trace, why, session.account))
        self._drop(out, why, *running)
        return done

    def _wind_up(self, trace: Trace, why: str, account: str) -> None:
        self._talks.close_all(account, why)
        if self.store is not None:
            self.store.append(trace)

    def _drop(self, entries: list[Entry], why: str, *running: Entry) -> None:
        """Entries that left the queue are over. What ran ends by itself; the journal knows at once that it is
        not to be taken up again."""
        try:
            self._journal.done("cancelled", *(entry.request for entry in (*entries, *running)))
        except EnactorError as error:
            print(f"enactor: {error}", file=sys.stderr, flush=True)
        for entry in entries:
            entry.cancel.set(why)
            self._thought(entry)
            self._bus.emit(events.Cancelled(entry.request, entry.session, entry.ticket.place, why))

    def _report(self, ticket: Ticket, *, begun: bool) -> None:
        message, session = admission.BROKEN_OFF if begun else admission.TOO_OLD, ticket.session
        if self.store is not None:
            meta = {"engine": "", "interrupted": True}
            trace = Trace(ticket.message, message, "failed", "failed", source=session.door, meta=meta)
            self.store.append(signed(trace, session, self.store))
        self._bus.emit(events.Interrupted(ticket.request, session, ticket.place, message, begun))
        self._journal.done("interrupted", ticket.request)

    def _carry(self, entry: Entry) -> None:
        try:
            carry_out(entry, self.accounts[entry.session.account], self._talks.of(entry.session), self._parts)
        finally:
            self._thought(entry)

    def _thought(self, entry: Entry) -> None:
        with self._lock:
            self._thinking.discard(entry.request)

    def _record(self) -> None:
        """The clerk: what need not be waited for, in order."""
        while (job := self._clerk.get()) is not None:
            guarded(job)

    def _follow_model(self) -> None:
        if self.models is not None and (model := self.models.changed(self.desk.model.name)) is not None:
            self.desk.replace(model)

    def _close_questions(self) -> None:
        for session in self._talks.close_old(f"no answer within {self.limits.ask_s:g} s"):
            self._lanes[session.account].stir()
