"""Ratings and corrections of requests, into the trace store's feedback file.

A rating is a feedback event. A correction is a label event, as the labelling page writes them: the right
calls, checked by the grammar and lowered in the state of the request.
"""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from enactor.errors import EnactorError
from enactor.trace import Feedback, Trace, TraceStore

if TYPE_CHECKING:
    from enactor.serve.label.calls import Line

RECENT = 300
GOOD, BAD = 5, 1


class FeedbackDesk:
    """What people say of the requests in `store`; None where nothing is recorded. Safe for threads."""

    def __init__(self, store: TraceStore | None) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, Trace] = OrderedDict()

    def note(self, trace_id: str, trace: Trace) -> None:
        """Keep a request at hand: finding it in the store takes a walk through the store."""
        with self._lock:
            self._recent[trace_id] = trace
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)

    def find(self, trace_id: str) -> Trace:
        """The request of this id. Raises `EnactorError` where there is none (any more)."""
        with self._lock:
            found = self._recent.get(trace_id)
        if found is None:
            found = self._kept().read(trace_id)
        if found is None:
            raise EnactorError("that request is not in the log any more, so nothing can be said of it")
        return found

    def rate(self, trace_id: str, rating: int, note: str = "") -> None:
        """1 (bad) to 5 (good). The latest rating counts. Raises `EnactorError`."""
        self.find(trace_id)
        self._kept().add_feedback(Feedback(trace_id, rating, note[:2000]))

    def check(self, trace_id: str, text: str) -> list["Line"]:
        """The lines of a correction, each judged by the grammar: `action`, or `error` with the nearest valid
        form."""
        from enactor.serve.label.calls import check
        from enactor.serve.label.rows import state_of

        return check(text, state_of(self.find(trace_id)))

    def correct(self, trace_id: str, text: str, *, by: str, reply: str = "", note: str = "") -> list["Line"]:
        """Keep the right calls of a request, a call a line; no lines mean that no call was due, and `reply`
        is what should have been said. `by` is who says so. Raises `EnactorError` when a line is no valid
        call: then nothing is kept."""
        from enactor.serve.label.calls import MAX_CALLS
        from enactor.serve.label.journal import Journal
        from enactor.serve.label.labels import Label, now

        lines = self.check(trace_id, text)
        wrong = [line for line in lines if line.action is None]
        if wrong:
            told = (
                f"{li.text}: {li.error}{f' (nearest: {li.nearest})' if li.nearest else ''}" for li in wrong
            )
            raise EnactorError("; ".join(told))
        if len(lines) > MAX_CALLS:
            raise EnactorError(f"{len(lines)} calls are more than the {MAX_CALLS} that a request may need")
        if not lines and not reply.strip():
            raise EnactorError("write the right command, or what should have been said instead of one")
        store = self._kept()
        label = Label(
            trace_id,
            store.player(by) if by else "player",
            calls=tuple(line.action for line in lines if line.action is not None),
            reply="" if lines else reply.strip()[:1000],
            note=note[:2000],
            timestamp=now(),
        )
        Journal(store.folder).append(label.event())
        return lines

    def _kept(self) -> TraceStore:
        if self._store is None:
            raise EnactorError("nothing is recorded (the setting `log` is off), so nothing can be rated")
        return self._store
