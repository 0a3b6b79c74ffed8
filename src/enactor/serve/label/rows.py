"""What was corrected becomes rows of a data set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from enactor.curate.rows import Action, Row
from enactor.prompt import state_line
from enactor.serve.label.journal import Journal
from enactor.serve.label.labels import Label
from enactor.serve.label.queue import Queue
from enactor.trace import Trace, TraceStore, content_hash, judge
from enactor.world import COMMANDS, TOOLS, CommandError, GameState, lower, parse
from enactor.world.cards import offers
from enactor.world.phrasebook import Kind

GROUP = "label"


class Unfit(ValueError):
    """A label that gives no row: the annotator's or the record's business. The message says why."""


@dataclass(slots=True)
class Rows:
    """The rows of a store's labels, and how many labelled traces gave none, by reason."""

    rows: list[Row] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def state_of(trace: Trace) -> GameState:
    """The state before the request, from the plugin's shape or a case's; unknown where it cannot be read."""
    state = trace.state_before or {}
    try:
        found = GameState.from_plugin(state) if "player" in state else GameState.from_case(state)
        state_line(found)  # other writers' states may be of another shape in every part
    except (TypeError, ValueError, LookupError, AttributeError):
        return GameState()
    return found


def kind_of(trace: Trace, label: Label) -> tuple[Kind, str]:
    """Kind and family of the row that a corrected trace gives, as the phrasebook names them. Raises `Unfit`
    where it gives none."""
    if label.calls is None:
        raise Unfit("not corrected")
    if not trace.message.strip():
        raise Unfit("the message is empty")
    if not label.calls and not label.reply.strip():
        raise Unfit("no call and no reply")
    if any(call.parsed is None for message in trace.history for call in message.tool_calls):
        raise Unfit("an earlier turn holds a call that cannot be read")
    return _sort(trace.message, label)


def corrected_row(trace: Trace, label: Label) -> Row:
    """The row of a corrected trace. Raises `Unfit` where it gives none.

    `say` are the corrected calls in the words of the correction, `expect` the same lowered in the trace's
    state, empty where a name is not known there. The message's words alone are the template: the same request
    never stands in both splits.
    """
    kind, family = kind_of(trace, label)
    calls = label.calls or ()
    state = state_of(trace)
    try:
        expect = tuple(_lowered(action, state) for action in calls)
    except CommandError:
        expect = ()
    return Row(
        message=trace.message,
        kind=kind,
        family=family,
        group=f"{GROUP}.{kind}",
        template=content_hash({"group": GROUP, "say": " ".join(trace.message.casefold().split())}),
        state=state.to_case(),
        say=calls,
        expect=expect,
        reply="" if calls else label.reply.strip(),
        history=trace.history,
        offered=offers().offer(trace.message),
        meta={"clean": False, "label": {"trace": label.trace, "annotator": label.annotator}},
    )


def labelled_rows(store: TraceStore) -> Rows:
    """The rows of everything that was corrected in a store, in order of recording. Where annotators corrected
    a trace to different calls there is none."""
    labels, queue, found = Journal(store.folder).labels(), Queue(store), Rows()
    queue.refresh()
    for entry in queue:
        corrected = [label for label in labels.of.get(entry.id, {}).values() if label.calls is not None]
        trace = queue.read(entry.id) if corrected else None
        if trace is None:
            continue
        if any(not _same(label, corrected[0], trace) for label in corrected):
            found.refused["the annotators differ"] += 1
            continue
        try:
            found.rows.append(corrected_row(trace, max(corrected, key=lambda label: label.timestamp)))
        except Unfit as reason:
            found.refused[str(reason)] += 1
    return found


def _same(first: Label, second: Label, trace: Trace) -> bool:
    """Whether two corrections come to the same calls in the trace's state."""
    state = state_of(trace)
    return _canonical(first.calls or (), state) == _canonical(second.calls or (), state)


def _canonical(calls: Sequence[Action], state: GameState) -> list[Action]:
    try:
        return [_lowered(action, state) for action in calls]
    except CommandError:
        return list(calls)


def _lowered(action: Action, state: GameState) -> Action:
    if action.tool != "send_command":
        return action
    return Action(action.tool, {"command": lower(parse(str(action.args["command"])), state).render()})


def _sort(message: str, label: Label) -> tuple[Kind, str]:
    if not label.calls:
        outcome = judge(message, (label.reply,), (), label.reply, verbs=COMMANDS).outcome
        kind = {"asked": "ask", "refused": "refuse"}.get(outcome, "chat")
        return cast(Kind, kind), kind
    specs = [
        COMMANDS[parse(str(a.args["command"])).verb] if "command" in a.args else TOOLS[a.tool]
        for a in label.calls
    ]
    acting = [spec for spec in specs if spec.effect != "read"]
    if len(acting) > 1:
        return "multi", acting[0].family
    if not acting:
        return "status", "query"
    loops = getattr(acting[0], "duration", "") == "loop"
    return ("loop" if loops else "simple"), acting[0].family
