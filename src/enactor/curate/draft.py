"""A recorded request on its way to a row: what was said, the right answer so far, and where it is from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from enactor.agent import nature
from enactor.curate.rows import Action, Row
from enactor.prompt import step_messages, tool_call
from enactor.trace import content_hash, trace_hash
from enactor.trace.values import Message, Step, Trace
from enactor.world import COMMANDS, GameState, offers
from enactor.world.phrasebook import Kind

_CASE_KEYS = (
    "location",
    "health",
    "inventory",
    "bank",
    "equipment",
    "skills",
    "in_combat",
    "active_loop",
    "client_running",
)
_KINDS: Mapping[str, Kind] = {"asked": "ask", "refused": "refuse"}


@dataclass(frozen=True, slots=True)
class Draft:
    """`say` are the calls that would be trained, `reply` the text where there are none. `steps` are the calls
    that stand behind `say`, with their results; empty once the answer was made by a rule without a result.
    `failed` is a first try that the game refused. `conversation` is the unit of the split, `fixed` the rules
    that changed the answer, `rating` a person's (1 to 5). `after_fake`: the turn before was described or
    claimed; `protest`: and the player asks for it again."""

    trace: Trace
    id: str
    conversation: str
    state: Mapping[str, Any]
    say: tuple[Action, ...]
    steps: tuple[Step, ...]
    reply: str = ""
    history: tuple[Message, ...] = ()
    failed: tuple[Message, ...] = ()
    fixed: tuple[str, ...] = ()
    rating: int | None = None
    after_fake: bool = False
    protest: bool = False

    @property
    def message(self) -> str:
        return self.trace.message

    @property
    def kind(self) -> Kind:
        """The row's kind, from the calls; a request that follows a fake is a protest."""
        if not self.say:
            return _KINDS.get(self.trace.outcome, "chat")
        if self.protest:
            return "protest"
        natures = [_nature(action) for action in self.say]
        acting = [n for n in natures if n != "read"]
        if len(acting) > 1:
            return "multi"
        return ("loop" if acting[0] == "loop" else "simple") if acting else "status"

    def answered(self, say: Sequence[Action], rule: str, steps: Sequence[Step] = ()) -> "Draft":
        """The draft with another answer, and the rule that gave it."""
        return replace(self, say=tuple(say), steps=tuple(steps), reply="", fixed=(*self.fixed, rule))


def draft_of(trace: Trace, rating: int | None = None) -> Draft:
    """The draft of a trace. Reads before an act are the controller's business (it observes by itself, and
    names are lowered at dispatch), so they are no part of the answer; a call that repeats the one before it
    counts once."""
    steps = _distinct(_own(trace.steps))
    decided = trace.meta.get("decided")
    failed: tuple[Message, ...] = ()
    if isinstance(decided, int) and 0 < decided < len(trace.steps):
        later = trace.steps[decided:]
        if all(step.result.status == "ok" for step in later):
            failed, steps = step_messages(_own(trace.steps[:decided])), _distinct(later)
    acting = _distinct([step for step in steps if nature(step) != "read"])
    chosen = acting or _reads(steps)
    return Draft(
        trace=trace,
        id=trace_hash(trace),
        conversation=conversation_of(trace),
        state=case_of(trace),
        say=tuple(_action(step) for step in chosen),
        steps=chosen,
        reply="" if chosen else trace.reply,
        history=trace.history,
        failed=failed,
        rating=rating,
    )


def row_of(draft: Draft, expect: Sequence[Action]) -> Row:
    """The row of a finished draft. Its template is its conversation, so that a split keeps that whole."""
    family = "chat"
    for action in draft.say:
        words = str(action.args.get("command", "")).split()
        family = COMMANDS[words[0]].family if words and words[0] in COMMANDS else "query"
        break
    return Row(
        message=draft.message,
        kind=draft.kind,
        family=family,
        group=f"recorded.{family}",
        template=content_hash({"conversation": draft.conversation}),
        state=draft.state,
        say=draft.say,
        expect=tuple(expect),
        reply=draft.reply,
        history=draft.history,
        offered=offers().offer(draft.message),
        failed=draft.failed,
        meta={
            "recorded": draft.id,
            "source": draft.trace.source,
            "outcome": draft.trace.outcome,
            **({"fixed": list(draft.fixed)} if draft.fixed else {}),
            **({"recovery": True} if draft.failed else {}),
        },
    )


def conversation_of(trace: Trace) -> str:
    """The conversation that the record names, else the player's whole day at that source."""
    return f"{trace.source} {conversation_name(trace) or f'{trace.player} {trace.timestamp[:10]}'}"


def conversation_name(trace: Trace) -> str | None:
    """What the record calls the conversation, if it does."""
    named = (trace.meta.get(key) for key in ("conversation", "session", "session_id"))
    return next((name for name in named if isinstance(name, str) and name), None)


def case_of(trace: Trace) -> dict[str, Any]:
    """The state in case form, as far as it is known: the record's, else what the turn's own reads of the
    state showed before anything was done."""
    found = _case(trace.state_before or {})
    for step in trace.steps:
        if nature(step) != "read":
            break
        seen = step.result.content.get("state")
        if step.call.tool == "get_game_state" and isinstance(seen, Mapping):
            found = {**_case(_seen(seen)), **found}
    return found


def seconds_between(one: Trace, other: Trace) -> float | None:
    """Time from one request to the other; None where a time is missing."""
    try:
        start, end = datetime.fromisoformat(one.timestamp), datetime.fromisoformat(other.timestamp)
        return (end - start).total_seconds()
    except (ValueError, TypeError):  # TypeError: one with a zone, one without
        return None


def _case(state: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a recorded state that can be read, from the plugin's shape or a case's; other writers'
    states may be of another shape in every part."""
    if isinstance(state.get("player"), Mapping):
        try:
            state = GameState.from_plugin(state).to_case()
        except _UNREADABLE:
            return {}
    return {key: state[key] for key in _CASE_KEYS if state.get(key) is not None and _fits(key, state[key])}


def _fits(key: str, value: Any) -> bool:
    """Whether a part of a state is of the shape of a case's."""
    sizes = {"location": (2, 3), "health": (2,)}
    if key in sizes:
        whole = isinstance(value, Sequence) and all(type(v) is int for v in value)
        return whole and len(value) in sizes[key]
    kind = {"in_combat": str, "active_loop": str, "client_running": bool}.get(key)
    if kind is not None:
        return isinstance(value, kind)
    if isinstance(value, Mapping):
        texts = key == "equipment"
        return all(isinstance(name, str) for name in value) and all(
            isinstance(held, str if texts else int) for held in value.values()
        )
    return (
        key != "skills" and isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
    )


_UNREADABLE = (TypeError, ValueError, LookupError, AttributeError)


def _seen(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a `get_game_state` result shows, in case form."""
    at, health, held = (
        found if isinstance(found := state.get(key), Mapping) else {}
        for key in ("location", "health", "inventory")
    )
    return {
        "location": [at.get("x"), at.get("y"), at.get("plane") or 0],
        "health": [health.get("current"), health.get("max")],
        "inventory": held.get("items"),
        "equipment": state.get("equipment"),
    }


def _own(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The model's own steps. One that the controller made good has the result that it came to; where its line
    could not be read, the line that it was mended to."""
    own: list[Step] = []
    for step in steps:
        if step.call.origin != "recovered":
            own.append(step)
        elif own and step.result.status == "ok" and _again(step, own[-1]):
            call = own[-1].call if own[-1].result.lowered else replace(step.call, origin="repaired")
            own[-1] = Step(call, step.result)
    return tuple(own)


def _again(step: Step, failed: Step) -> bool:
    """Whether a step of a recovery is the failed one, sent again."""
    return failed.result.status != "ok" and failed.result.lowered in (None, step.result.lowered)


def _distinct(steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(
        step
        for i, step in enumerate(steps)
        if i == 0 or (step.call.tool, step.call.parsed) != (steps[i - 1].call.tool, steps[i - 1].call.parsed)
    )


def _reads(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The reads that answer a question. A look at place, health and inventory that stands first, before other
    reads, is what a runner fetches unasked."""
    fields = (steps[0].call.parsed or {}).get("fields") if steps else None
    if len(steps) > 1 and isinstance(fields, list) and set(map(str, fields)) == _FETCHED:
        steps = steps[1:]
    seen: dict[str, Step] = {}
    for step in steps:
        seen.setdefault(f"{step.call.tool} {step.call.parsed}", step)
    return tuple(seen.values())


_FETCHED = {"location", "health", "inventory"}


def _action(step: Step) -> Action:
    return Action(step.call.tool, dict(step.call.parsed or {}))


def _nature(action: Action) -> str:
    from enactor.trace.values import ToolResult

    return nature(Step(tool_call(action.tool, action.args), ToolResult("ok", {})))
