"""What is taken and what is not: permission, form, pace, the lengths of the queues."""

from collections.abc import Callable, Mapping
from typing import Protocol

from enactor.agent import MAX_MESSAGE_CHARS, direct_lines
from enactor.bridge.live import STOPS
from enactor.serve.core import events
from enactor.serve.core.events import Access, Caller, Session
from enactor.serve.core.limits import Limits, Pace
from enactor.serve.core.typed import is_typed, typed_calls

Permit = Callable[[Caller, str], Access]
"""What a caller may do on an account."""

NO_PERMISSION = "Sorry, I only take requests from the players I was set up for."
ALREADY = "This request was taken already."
BROKEN_OFF = (
    "The service was ended in the middle of this. Part of it may have happened; it is not repeated: look at "
    "the state, and ask again for what is missing."
)
TOO_OLD = "The service was down for too long to do this unasked; ask again if you still want it."


class Queued(Protocol):
    """As much of an account's queue as is looked at here."""

    def __len__(self) -> int: ...

    def of(self, session: Session) -> int:
        """How many requests of the session wait or run."""


def everyone_acts(caller: Caller, account: str) -> Access:
    """For a door that only its owner can reach."""
    return "act"


def needs_model(message: str) -> bool:
    """Whether a message is words, and neither typed commands nor tools called by hand."""
    return not direct_lines(message) and not is_typed(message)


def stops(message: str) -> bool:
    """Whether a message does nothing but stop, in any of the ways to say so."""
    lines = direct_lines(message)
    return len(lines) == 1 and lines[0].split()[0] in STOPS


class Admission:
    """The rules before the queue. `expected_s`: how long one more waits for the model behind so many."""

    def __init__(
        self,
        lanes: Mapping[str, Queued],
        permit: Permit,
        limits: Limits,
        expected_s: Callable[[int], float],
    ) -> None:
        self._lanes, self._permit, self._limits, self._expected_s = lanes, permit, limits, expected_s
        self._pace = Pace(limits.per_minute)

    def access(self, caller: Caller, account: str) -> Access:
        """What the caller may do there; nothing where there is no such account."""
        return self._permit(caller, account) if account in self._lanes else "none"

    def problem(self, caller: Caller, account: str, message: str) -> str:
        """Why a message is refused, if it is. Who may only look may ask, and not stop."""
        if account not in self._lanes:
            return f"There is no account {account!r}; known: {', '.join(self._lanes)}."
        access = self.access(caller, account)
        if access == "none" or (access == "look" and stops(message)):
            return NO_PERMISSION
        if not message.strip():
            return "The message is empty. Say what to do, for instance: kill 20 chickens."
        if len(message) > MAX_MESSAGE_CHARS:
            length = f"{len(message):,} characters long; I take {MAX_MESSAGE_CHARS:,}"
            return f"That message is {length}. Say it shorter."
        if is_typed(message) and isinstance(wrong := typed_calls(message), str):
            return wrong
        return ""

    def too_much(
        self, caller: Caller, message: str, told: tuple[str, Session, str], thinking: int
    ) -> events.Shed | None:
        """The answer to a message that is one too many; `thinking` requests need the model already."""
        limits, session = self._limits, told[1]
        lane = self._lanes[session.account]
        if wait := self._pace.wait_s(f"{caller.door}\0{caller.player}"):
            message = f"That was more than {limits.per_minute} messages in a minute; wait a little."
            return events.Shed(*told, message, wait)
        if lane.of(session) >= limits.per_player:
            message = (
                f"You have {limits.per_player} requests waiting, as many as one player may. Cancel one, or "
                "wait."
            )
            return events.Shed(*told, message, 5.0)
        if len(lane) >= limits.per_account or sum(map(len, self._lanes.values())) >= limits.in_all:
            return events.Shed(*told, "Too many requests are waiting; try again in a minute.", 60.0)
        if not needs_model(message):
            return None
        wait = self._expected_s(thinking)
        if wait <= limits.engine_wait_s:
            return None
        message = (
            f"The model is busy: {thinking} requests are before yours, about {wait:.0f} s. Typed commands "
            "and STOP still work; try this again later."
        )
        return events.Shed(*told, message, wait)
