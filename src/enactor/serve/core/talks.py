"""The conversations of all sessions, and the questions that are open in them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from enactor.serve.core import events
from enactor.serve.core.events import Event, Session
from enactor.trace.values import Message

KEPT = 2_000
"""Conversations that are remembered; the longest unused are forgotten first."""


@dataclass(frozen=True, slots=True)
class Question:
    """`message` is the request that raised it; `until` is on `time.monotonic`."""

    request: str
    place: str
    message: str
    until: float


@dataclass(slots=True)
class Conversation:
    """What a session remembers: its history and the question that is open."""

    history: list[Message] = field(default_factory=list)
    question: Question | None = None


class Talks:
    """Safe for several threads; one conversation is carried on by one account's thread at a time."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._lock = threading.Lock()
        self._talks: OrderedDict[Session, Conversation] = OrderedDict()

    def of(self, session: Session) -> Conversation:
        """The conversation of a session, a new one where there was none."""
        with self._lock:
            talk = self._talks.setdefault(session, Conversation())
            self._talks.move_to_end(session)
            while len(self._talks) > KEPT:
                self._talks.popitem(last=False)
            return talk

    def asked(self, request: str) -> tuple[Session, Question] | None:
        """The open question of a request."""
        for session, talk in self._all():
            question = talk.question
            if question is not None and question.request == request:
                return session, question
        return None

    def take_question(self, session: Session) -> Question | None:
        """The session's open question, which is closed with this; nobody else gets it."""
        talk = self.of(session)
        with self._lock:
            question, talk.question = talk.question, None
        return question

    def close(self, session: Session, why: str) -> bool:
        """Close the session's question, and say why; whether one was open."""
        question = self.take_question(session)
        if question is not None:
            self._emit(events.Withdrawn(question.request, session, question.place, why))
        return question is not None

    def forget(self, account: str) -> None:
        """Let every conversation about an account begin anew."""
        with self._lock:
            for session in [session for session in self._talks if session.account == account]:
                del self._talks[session]

    def close_all(self, account: str, why: str) -> None:
        """Close every question about an account."""
        for session, talk in self._all():
            if session.account == account and talk.question is not None:
                self.close(session, why)

    def close_old(self, why: str) -> list[Session]:
        """Close those whose time is over; whose they were."""
        now = time.monotonic()
        late = [s for s, talk in self._all() if talk.question is not None and now > talk.question.until]
        return [session for session in late if self.close(session, why)]

    def _all(self) -> list[tuple[Session, Conversation]]:
        with self._lock:
            return list(self._talks.items())
