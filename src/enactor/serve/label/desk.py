"""What the page asks for, without HTTP: the queue, one trace, a label, undo, progress.

In: plain values. Out: objects that JSON can hold (`view.py`).
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from enactor.curate.rows import Action
from enactor.errors import EnactorError
from enactor.serve.label.agreement import agreements
from enactor.serve.label.calls import MAX_CALLS, check, usage_of
from enactor.serve.label.complete import complete
from enactor.serve.label.journal import Journal
from enactor.serve.label.labels import Label, Labels, now
from enactor.serve.label.queue import Entry, Queue, View, signs_of
from enactor.serve.label.rows import Unfit, kind_of, state_of
from enactor.serve.label.view import (
    show_entry,
    show_known_tags,
    show_label,
    show_line,
    show_signs,
    show_trace,
)
from enactor.serve.plain import plain
from enactor.trace import Trace, TraceStore

PAGE = 50
MOST = 5000


def _name(value: str) -> str:
    value = " ".join(value.split())
    if not value or plain(value) != value:
        raise ValueError("must be a name")
    return value


Annotator = Annotated[str, Field(max_length=40), AfterValidator(_name)]


class Form(BaseModel):
    """What the page sends to be saved. `calls` is the text of the correction, None for none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace: str = Field(max_length=80)
    annotator: Annotator
    rating: int | None = Field(None, ge=1, le=5, strict=True)
    fulfilled: bool | None = Field(None, strict=True)
    calls: str | None = Field(None, max_length=4000)
    reply: str = Field("", max_length=1000)
    tags: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = Field((), max_length=12)
    note: str = Field("", max_length=2000)


class Refused(ValueError):
    """What was sent cannot be taken; the message is for the annotator."""


class Desk:
    """One store opened for labelling. Safe for several threads. Raises `EnactorError` where the store cannot
    be used."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise EnactorError(
                f"no traces at {folder}: record some with `enactor chat`, or name the folder of a training "
                "log with --training-log"
            )
        store = TraceStore(folder)
        self._journal = Journal(folder)
        self._queue = Queue(store)
        self._lock = threading.RLock()

    def queue(self, annotator: str, view: str = "todo", limit: int = PAGE) -> dict[str, Any]:
        """The first `limit` entries of a view (5,000 at most), the size of the view, and the progress. There
        is no offset: the order changes with each label."""
        if view not in get_args(View):
            raise Refused(f"no view {view!r}; known are {', '.join(get_args(View))}")
        with self._lock:
            self._queue.refresh()
            labels = self._journal.labels()
            rows = self._queue.order(labels, annotator, view)  # type: ignore[arg-type]
            return {
                "view": view,
                "total": len(rows),
                "entries": [show_entry(e, s, labels, annotator) for e, s in rows[: min(limit, MOST)]],
                "progress": self._progress(labels, annotator),
                "undo": labels.last_of(annotator) is not None,
            }

    def trace(self, trace: str, annotator: str) -> dict[str, Any]:
        """One trace with what the page shows of it. Others' labels are there once the annotator has given
        one: before, they would lead. Raises `Refused` where it is gone."""
        with self._lock:
            self._queue.refresh()
            labels = self._journal.labels()
            found, entry = self._read(trace)
            mine = labels.by(annotator, trace)
            given = labels.of.get(trace, {}) if mine else {}
            return {
                **show_trace(found),
                "id": entry.id,
                "signs": show_signs(signs_of(entry, labels, annotator)),
                "mine": mine and show_label(mine),
                "others": [show_label(label) for name, label in given.items() if name != annotator],
                "known_tags": show_known_tags(labels),
            }

    def check(self, trace: str, text: str, reply: str = "") -> dict[str, Any]:
        """The lines of a correction judged, and what row it would give."""
        found, _ = self._read(trace)
        lines = check(text, state_of(found))
        calls = tuple(line.action for line in lines if line.action is not None)
        row: dict[str, Any] = {"ok": False, "reason": "a line is no valid call"}
        if len(calls) == len(lines):
            try:
                kind, family = kind_of(found, Label(trace, "", calls=calls, reply=reply))
                row = {"ok": True, "kind": kind, "family": family}
            except Unfit as reason:
                row = {"ok": False, "reason": str(reason)}
        return {"lines": [show_line(line) for line in lines], "row": row}

    def complete(self, trace: str, line: str) -> dict[str, Any]:
        """What can stand at the end of the line."""
        found, _ = self._read(trace)
        options = complete(line, state_of(found))
        return {
            "start": options.start,
            "usage": usage_of(line),
            "options": [{"text": o.text, "detail": o.detail} for o in options.options],
        }

    def label(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Save a label; the progress after it. Raises `Refused` with all that is wrong, `EnactorError` when
        it could not be written."""
        try:
            form = Form.model_validate(sent)
        except ValidationError as error:
            told = [f"{'.'.join(map(str, e['loc'])) or 'label'}: {e['msg']}" for e in error.errors()]
            raise Refused("; ".join(told)) from None
        with self._lock:
            found, _ = self._read(form.trace)
            label = _read_form(form, found)
            self._journal.append(label.event())
            labels = self._journal.labels()
            others = [la for name, la in labels.of[form.trace].items() if name != form.annotator]
            return {
                "saved": show_label(label),
                "others": [show_label(other) for other in others],
                "progress": self._progress(labels, form.annotator),
            }

    def undo(self, annotator: str) -> dict[str, Any]:
        """Take the annotator's last label back; which trace it was about, None where there was none."""
        with self._lock:
            labels = self._journal.labels()
            event = labels.undo_event(annotator)
            if event is None:
                return {"trace": None, "progress": self._progress(labels, annotator)}
            self._journal.append(event)
            return {"trace": event["trace"], "progress": self._progress(self._journal.labels(), annotator)}

    def progress(self, annotator: str = "") -> dict[str, Any]:
        """Counts and agreement."""
        with self._lock:
            self._queue.refresh()
            return self._progress(self._journal.labels(), annotator)

    def _progress(self, labels: Labels, annotator: str) -> dict[str, Any]:
        here = [of for trace, of in labels.of.items() if self._queue.get(trace) is not None]
        return {
            "traces": len(self._queue),
            "labelled": len(here),
            "mine": sum(annotator in of for of in here),
            "corrected": sum(any(label.calls is not None for label in of.values()) for of in here),
            "annotators": {name: sum(name in of for of in here) for name in labels.annotators()},
            "agreement": [
                {
                    "first": a.first,
                    "second": a.second,
                    "question": a.question,
                    "n": a.n,
                    "same": a.same,
                    "kappa": None if a.kappa is None else round(a.kappa, 3),
                }
                for a in agreements(labels)
            ],
        }

    def _read(self, trace: str) -> tuple[Trace, Entry]:
        with self._lock:
            found, entry = self._queue.read(trace), self._queue.get(trace)
            if found is None or entry is None:
                self._queue.refresh()
                found, entry = self._queue.read(trace), self._queue.get(trace)
        if found is None or entry is None:
            raise Refused("this trace is not in the store any more")
        return found, entry


def _read_form(form: Form, trace: Trace) -> Label:
    calls: tuple[Action, ...] | None = None
    if form.calls is not None:
        lines = check(form.calls, state_of(trace))
        wrong = [line for line in lines if line.action is None]
        if wrong:
            raise Refused("; ".join(f"{line.text}: {line.error}" for line in wrong))
        if len(lines) > MAX_CALLS:
            raise Refused(f"{len(lines)} calls are more than the {MAX_CALLS} that a request may need")
        calls = tuple(line.action for line in lines if line.action is not None)
    tags = tuple(dict.fromkeys(" ".join(tag.split()).casefold() for tag in form.tags if tag.strip()))
    judged = form.rating is not None or form.fulfilled is not None or calls is not None
    if not judged and not tags and not form.note.strip():
        raise Refused("nothing to save yet: rate it, or say whether it was fulfilled")
    reply = form.reply.strip() if calls == () else ""
    return Label(
        form.trace, form.annotator, form.rating, form.fulfilled, calls, reply, tags, form.note.strip(), now()
    )
