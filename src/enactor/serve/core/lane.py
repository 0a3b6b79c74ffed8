"""The queue of one account: its requests in order, one at a time, in a thread of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from enactor.serve.core import events
from enactor.serve.core.errand import CLOSING, Entry
from enactor.serve.core.events import Event, Session
from enactor.serve.core.talks import Conversation
from enactor.world import GameState


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in the queue as people may see it; position 0 is being carried out."""

    request: str
    session: Session
    name: str
    message: str
    position: int


@dataclass(frozen=True, slots=True)
class Status:
    """An account at this moment. `asked` is the request of the caller whose question is open."""

    account: str
    state: GameState
    model: str
    queue: tuple[Waiting, ...]
    asked: str | None


class Lane:
    """Entries wait in order of their coming. An answer to a question goes first; what else its player has
    waiting rests until the question is closed. `emit` is called under the lane's lock: it only hands on."""

    def __init__(
        self,
        name: str,
        carry: Callable[[Entry], None],
        talk: Callable[[Session], Conversation],
        emit: Callable[[Event], None],
    ) -> None:
        self._carry, self._talk, self._emit = carry, talk, emit
        self._wake = threading.Condition()
        self._entries: list[Entry] = []
        self._running: Entry | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"account {name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        with self._wake:
            return len(self._entries) + (self._running is not None)

    def of(self, session: Session) -> int:
        """How many requests of the session wait or run."""
        with self._wake:
            mine = sum(entry.session == session for entry in self._entries)
            return mine + (self._running is not None and self._running.session == session)

    def put(self, entry: Entry, *, again: bool = False) -> events.Accepted:
        """Add a request to the queue; the event that tells its position."""
        with self._wake:
            at = 0 if entry.ticket.waiting else len(self._entries)
            self._entries.insert(at, entry)
            position = at + (self._running is not None)
            ticket = entry.ticket
            taken = events.Accepted(
                entry.request, entry.session, ticket.place, ticket.message, position, again
            )
            self._emit(taken)
            if at < len(self._entries) - 1:
                self._tell_positions(at + 1)
            self._wake.notify()
        return taken

    def look(self) -> tuple[Waiting, ...]:
        """What runs and what waits."""
        with self._wake:
            listed = ([self._running] if self._running else []) + self._entries
            first = 0 if self._running else 1
        return tuple(
            Waiting(e.request, e.session, e.ticket.caller.name, e.ticket.message, place)
            for place, e in enumerate(listed, first)
        )

    def find(self, request: str) -> Entry | None:
        """The entry of an id, running or waiting."""
        with self._wake:
            every = [*self._entries, *([self._running] if self._running else [])]
            return next((entry for entry in every if entry.request == request), None)

    def take_out(self, request: str) -> Entry | None:
        """A waiting entry out of the queue, None where it does not wait (any more)."""
        with self._wake:
            found = next((entry for entry in self._entries if entry.request == request), None)
            if found is not None:
                at = self._entries.index(found)
                self._entries.remove(found)
                self._tell_positions(at)
            return found

    def halt(self, why: str) -> tuple[list[Entry], list[Entry]]:
        """End what runs, and empty the queue; what ran and what waited."""
        with self._wake:
            running = [self._running] if self._running is not None else []
            for entry in running:
                entry.cancel.set(why)
            out, self._entries = self._entries, []
            return running, out

    def stir(self) -> None:
        """Look at the queue again: a question was closed."""
        with self._wake:
            self._wake.notify()

    def close(self, within_s: float) -> None:
        """End what runs and leave what waits to the next start."""
        with self._wake:
            self._closing = True
            if self._running is not None:
                self._running.cancel.set(CLOSING)
            self._wake.notify()
        self._thread.join(within_s)

    def _tell_positions(self, start: int) -> None:
        for at, entry in enumerate(self._entries[start:], start + (self._running is not None)):
            self._emit(events.Queued(entry.request, entry.session, entry.ticket.place, at))

    def _next(self) -> Entry | None:
        for entry in self._entries:
            if entry.ticket.waiting or self._talk(entry.session).question is None:
                return entry
        return None

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closing or self._next() is not None)
                if self._closing:
                    return
                entry = self._next()
                if entry is None:
                    continue
                self._entries.remove(entry)
                self._running = entry
            try:
                self._carry(entry)
            finally:
                with self._wake:
                    self._running = None
                    self._tell_positions(0)
