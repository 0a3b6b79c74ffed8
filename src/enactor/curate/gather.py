"""Recorded traces become rows, one at a time: filtered, relabelled, with the turns before them.

A turn is held back until enough later ones are known for a fake to meet its retry; so memory does not grow
with the store.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from enactor.curate.draft import Draft, conversation_name, draft_of, row_of, seconds_between
from enactor.curate.quality import FINAL, RULES, FilterReport, Objection, examine
from enactor.curate.relabel import (
    RETRY,
    RETRY_SECONDS,
    RETRY_TURNS,
    expected,
    mend,
    protests,
    same_request,
    with_retry,
)
from enactor.curate.rows import Row
from enactor.errors import EnactorError
from enactor.prompt import step_messages, tool_call
from enactor.trace import ReadReport, TraceStore
from enactor.trace.values import Message, Step, ToolResult, Trace
from enactor.world import CommandError

CORRECTED = "corrected by a person"
UNREADABLE = "no canonical form"
HISTORY_SECONDS = 600.0
HISTORY_TURNS = 2
_HELD = 64  # turns of all conversations that are held back

Teacher = Callable[[Draft], Draft | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to apply: the quality rules, the relabelling rules (None: all), a teacher as the last resort.
    `corrected` are the ids of traces that have a person's row already."""

    rules: tuple[str, ...] = tuple(RULES)
    cures: tuple[str, ...] | None = None
    teacher: Teacher | None = None
    corrected: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Turn:
    """A turn on its way out: its draft, mended so far, and what is still wrong with it."""

    draft: Draft
    objection: Objection | None


class _Sittings:
    """Cuts the days of players at pauses after which nothing that was said before is looked at, so that the
    split has more than a whole day to choose from. Conversations that the record names stay whole."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Trace, str]] = {}  # day -> its last request, its sitting's first time

    def cut(self, draft: Draft) -> Draft:
        if conversation_name(draft.trace) is not None:
            return draft
        day, began = draft.conversation, draft.trace.timestamp
        if day in self._last:
            last, earlier = self._last[day]
            gap = seconds_between(last, draft.trace)
            if gap is None or abs(gap) <= RETRY_SECONDS:
                began = earlier
        elif len(self._last) > 4 * _HELD:
            self._last.pop(next(iter(self._last)))
        self._last[day] = (draft.trace, began)
        return replace(draft, conversation=f"{day} {began}")


@dataclass(slots=True)
class _Before:
    """What a conversation's next turn gets as history."""

    trace: Trace
    faked: bool
    turns: deque[tuple[Message, ...]] = field(default_factory=lambda: deque(maxlen=HISTORY_TURNS))


def read_stores(folders: Sequence[Path], report: ReadReport) -> Iterator[tuple[Trace, int | None]]:
    """Every trace of the stores in order of writing, with the latest rating a person gave it. Raises
    `EnactorError` for a folder that does not exist."""
    from enactor.trace import trace_hash

    for folder in folders:
        if not folder.is_dir():
            raise EnactorError(f"no traces at {folder}: name the folder of a training log, or import one")
        store = TraceStore(folder)
        ratings = {key: given.rating for key, given in store.feedback().items() if given.rating is not None}
        for trace in store.iterate(report=report):
            yield trace, ratings.get(trace_hash(trace)) if ratings else None


def rows_of(
    traces: Iterable[tuple[Trace, int | None]], selection: Selection, report: FilterReport
) -> Iterator[Row]:
    """The rows of the traces, in their order; what became of each is counted in `report`."""
    for _, row in finished(traces, selection, report):
        yield row


def finished(
    traces: Iterable[tuple[Trace, int | None]], selection: Selection, report: FilterReport
) -> Iterator[tuple[Draft, Row]]:
    """As `rows_of`, each row with its draft: what was recorded, and the rules that changed it."""
    held: deque[_Turn] = deque()
    before: dict[str, _Before] = {}
    sittings = _Sittings()
    for trace, rating in traces:
        report.read += 1
        try:
            draft = _with_history(sittings.cut(draft_of(trace, rating)), before)
        except ValueError:  # infinite numbers, which Python's reader of JSON lets in
            report.removed[UNREADABLE] += 1
            continue
        turn = _Turn(*mend(draft, selection.rules, selection.cures))
        held.append(turn)
        _remember(turn, before)
        if len(held) > _HELD:
            yield from _finish(held, selection, report)
    while held:
        yield from _finish(held, selection, report)


def _finish(held: deque[_Turn], selection: Selection, report: FilterReport) -> Iterator[tuple[Draft, Row]]:
    """The oldest turn leaves, as a row or as a count."""
    turn = held.popleft()
    draft, objection = turn.draft, turn.objection
    if draft.id in selection.corrected:
        report.removed[CORRECTED] += 1
        return
    if objection is not None and objection.rule == "executed" and _allowed(RETRY, selection):
        later = [t.draft for t in held if t.draft.conversation == draft.conversation][:RETRY_TURNS]
        found = with_retry(draft, later)
        if found is not None:
            draft, objection = mend(found, selection.rules, selection.cures)
    if objection is not None and selection.teacher is not None and objection.rule not in FINAL:
        taught = selection.teacher(draft)
        if taught is not None and examine(taught, selection.rules) is None:
            draft, objection = taught, None
    if objection is not None:
        report.remove(draft, objection)
        return
    try:
        canonical = expected(draft.say, draft.state)
    except CommandError:
        canonical = []  # a name that the world does not know, carried out all the same: nothing to score by
    report.keep(draft)
    yield draft, row_of(draft, canonical)


def _allowed(cure: str, selection: Selection) -> bool:
    return selection.cures is None or cure in selection.cures


def _with_history(draft: Draft, before: dict[str, _Before]) -> Draft:
    """The draft with the turns before it, where the record itself keeps none."""
    last = before.get(draft.conversation)
    if last is None:
        return draft
    gap = seconds_between(last.trace, draft.trace)
    if gap is None or not 0 <= gap <= HISTORY_SECONDS:
        del before[draft.conversation]
        return draft
    history = draft.history or tuple(message for turn in last.turns for message in turn)
    asked = [message.content for message in history if message.role == "user"]
    again = protests(draft.message) or any(same_request(text, draft.message) for text in asked)
    return replace(draft, history=history, after_fake=last.faked, protest=last.faked and again)


def _remember(turn: _Turn, before: dict[str, _Before]) -> None:
    """Earlier turns are shown with their calls. A fake is shown as it was, until one is carried out: that is
    the history in which a player protests. Other turns that were not kept are not shown."""
    draft = turn.draft
    faked = draft.trace.outcome in ("described", "claimed")
    last = before.get(draft.conversation)
    if last is None:
        if len(before) > 4 * _HELD:
            before.pop(next(iter(before)))
        last = before[draft.conversation] = _Before(draft.trace, faked)
    elif last.faked and not faked:
        last.turns.clear()
    last.trace, last.faked = draft.trace, faked
    user = Message("user", draft.message)
    if faked and draft.trace.reply.strip():
        last.turns.append((user, Message("assistant", draft.trace.reply[:400])))
    elif turn.objection is None:
        last.turns.append((user, *_shown(draft)))


def _shown(draft: Draft) -> tuple[Message, ...]:
    """A kept turn as history: its calls with short results, or its reply."""
    if not draft.say:
        return (Message("assistant", draft.reply),)
    results = [step.result for step in draft.steps]
    steps = []
    for index, action in enumerate(draft.say):
        known = results[index] if len(results) == len(draft.say) else ToolResult("ok", {})
        lowered = known.lowered
        if lowered is None and action.tool == "send_command":
            lowered = str(action.args["command"])
        steps.append(
            Step(tool_call(action.tool, action.args), ToolResult(known.status, known.content, lowered))
        )
    return step_messages(tuple(steps))
