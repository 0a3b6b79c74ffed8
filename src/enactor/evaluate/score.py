"""Was the right thing done? A case is played against the calls that are right, in two equal simulators.

Nothing counts that is only said. The verb inside `send_command` is the tool; verbs with one effect are equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.agent import Toolbox
from enactor.agent.clauses import opened_once
from enactor.agent.later import plain_form
from enactor.curate.rows import Action
from enactor.evaluate.cases import Case
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.trace.values import Origin, Outcome, Status, Step, ToolCall, Trace
from enactor.world import COMMANDS, TOOLS, CommandError, GameState, lower, parse, preferred, resolve_place

# What of the end state is compared: what a player would notice.
_PLAYER_FACTS = (
    "location",
    "health",
    "inventory",
    "bank",
    "bankOpen",
    "equipment",
    "skills",
    "combatStyle",
    "currentTab",
)
_FACTS = ("active_loop", "client", "scenario", "combat")


@dataclass(frozen=True, slots=True)
class Reference:
    """What the right calls come to in the case's state: each as `preferred` text, the end state's facts,
    whether all of them succeed there (`feasible`), and how the last one was answered."""

    calls: tuple[str, ...]
    facts: Mapping[str, Any]
    feasible: bool
    status: Status = "ok"


@dataclass(frozen=True, slots=True)
class Score:
    """One case judged. `called` is None where no call was due, and `quiet` None where one was.

    `got` are the calls of the model's first turn: what it decided, before it mended what the game refused.
    `verb`: the same verbs (or tools) in the same order. `operands`: the same lowered calls in the same order.
    `complete`: the end states and what is kept for later agree, no call was unrequested, and what was done
    was done by a call; None where the right calls do not succeed in the case's state, so that there is
    nothing to complete.
    `progress`: the share of the right calls that were made, in their order; None where no call was due.
    """

    case: str
    family: str
    kind: str
    outcome: Outcome
    model_outcome: Outcome
    origins: tuple[Origin, ...]
    called: bool | None
    verb: bool | None
    operands: bool | None
    complete: bool | None
    quiet: bool | None
    got: tuple[str, ...]
    expected: tuple[str, ...]
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int
    progress: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the case was done as it should be: no call where none was due; the end state that the right
        calls lead to; and the right calls themselves where they only read, or are meant not to succeed."""
        if self.quiet is not None:
            return self.quiet
        reads = self.complete is None or all(map(_reads, self.expected))
        return bool(self.operands if reads else self.complete)


def play(
    case: Case, seed: int = 0, settle_s: float = 120.0, answer: Sequence[Action] | None = None
) -> Reference:
    """Carry out the right calls of a case, `answer` where several lists of calls are right, and read off what
    came of them."""
    simulator = Simulator(seed=seed, start=case.state)
    toolbox = Toolbox(simulator, loop_window_s=settle_s)
    expect = _needed([tool_call(a.tool, a.args) for a in (case.expect if answer is None else answer)], case)
    steps = []
    for call in expect:
        result = toolbox.settle(call, toolbox.call(call, confirmed=False))
        steps.append(Step(call, result))
        if result.status != "ok":
            break
    feasible = all(step.result.status == "ok" for step in steps)
    for call in expect[len(steps) :]:
        steps.append(Step(call, toolbox.skip(call)))
    status = steps[-1].result.status if steps else "ok"
    return Reference(tuple(map(call_text, steps)), facts(simulator), feasible, status)


def score(case: Case, trace: Trace, simulator: Simulator, reference: Reference) -> Score:
    """Judge a trace that was made on `simulator`, started in the case's state with the reference's seed."""
    decided = [step for step in trace.steps[: trace.meta.get("decided")] if step.call.origin != "recovered"]
    needed = list(map(id, _needed([step.call for step in decided], case)))
    got = tuple(call_text(step) for step in decided if id(step.call) in needed)
    due = bool(reference.calls)
    made = any(_taken(step) for step in trace.steps if step.call.origin != "recovered")
    verbs = _heads(got) == _heads(reference.calls)
    operands = _folded(got) == _folded(reference.calls)
    agree = facts(simulator) == reference.facts
    return Score(
        case=case.id,
        family=case.family,
        kind=case.kind,
        outcome=trace.outcome,
        model_outcome=trace.model_outcome,
        origins=tuple(step.call.origin for step in trace.steps),
        called=made if due else None,
        verb=verbs if due else None,
        operands=operands if due else None,
        complete=(
            made and agree and len(got) <= len(reference.calls) and _later(got) == _later(reference.calls)
        )
        if due and reference.feasible
        else None,
        quiet=None if due else not trace.steps,
        got=got,
        expected=reference.calls,
        latency_ms=trace.latency_ms,
        prompt_tokens=trace.prompt_tokens,
        completion_tokens=trace.completion_tokens,
        progress=_in_order(_folded(got), _folded(reference.calls)) / len(reference.calls) if due else None,
    )


def score_best(case: Case, trace: Trace, simulator: Simulator, references: Sequence[Reference]) -> Score:
    """As `score`, against the list of right calls that suits the trace best; the first of equals."""
    scores = [score(case, trace, simulator, reference) for reference in references]
    return max(scores, key=lambda s: (s.passed, bool(s.operands), bool(s.verb), s.progress or 0.0))


def _needed(calls: Sequence[ToolCall], case: Case) -> tuple[ToolCall, ...]:
    """The calls without those that open a bank which is open already."""
    return opened_once(calls, is_open=bool(GameState.from_case(case.state).bank_open))


def _in_order(got: Sequence[str], wanted: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(wanted) + 1)
    for one in got:
        before = row
        row = [0]
        for at, other in enumerate(wanted):
            row.append(before[at] + 1 if one == other else max(before[at + 1], row[at]))
    return row[-1]


def _folded(calls: Sequence[str]) -> tuple[str, ...]:
    return tuple(call.casefold() for call in calls)


def _reads(call: str) -> bool:
    """Whether a call, as text, changes nothing."""
    head = call.split()[0] if call else ""
    spec = COMMANDS.get(head) or TOOLS.get(head.removeprefix("@"))
    return spec is not None and spec.effect == "read"


def _taken(step: Step) -> bool:
    """Whether the step is a call that the grammar and the world could read, whatever the game said to it."""
    if step.call.tool == "send_command":
        return step.result.lowered is not None
    return step.call.parsed is not None and step.call.tool in TOOLS


def call_text(step: Step) -> str:
    """A step as one line for comparison: the lowered command in its preferred form, or the tool with its
    arguments. In a line that was not sent (the bank holds none of it) names still are as the plugin spells
    them."""
    if step.call.tool == "send_command":
        line = str((step.call.parsed or {}).get("command", step.call.arguments))
        return preferred(step.result.lowered or _spelt(line))
    args = dict(step.call.parsed or {})
    if step.call.tool == "defer" and step.result.status == "ok":
        args |= {key: step.result.content[key] for key in ("condition", "command")}
    return action_text(Action(step.call.tool, args))


def action_text(action: Action) -> str:
    """An action that was not carried out, in the same form."""
    if action.tool == "send_command":
        return preferred(str(action.args["command"]))
    if action.tool == "defer":
        args = plain_form(action.args)
        return f"@defer {args.get('condition')} do {args.get('command')}"
    args = {k: _plain(k, v) for k, v in sorted(action.args.items())}
    return f"@{action.tool} " + " ".join(f"{k}={v}" for k, v in args.items())


def _spelt(line: str) -> str:
    try:
        return lower(parse(line), GameState()).render()
    except CommandError:
        return line


def _plain(key: str, value: Any) -> Any:
    """An argument without what makes no difference: order of fields, spelling of a name."""
    if isinstance(value, list):
        return sorted(value)
    if key == "location":
        try:
            return resolve_place(str(value)).form
        except CommandError:
            pass
    if isinstance(value, str):
        return value.replace("_", " ").casefold().removesuffix("s")
    return value


def facts(simulator: Simulator) -> Mapping[str, Any]:
    """The parts of the state that tell one ending from another."""
    state = simulator.observe()
    player = state.get("player") or {}
    return {**{k: player.get(k) for k in _PLAYER_FACTS}, **{k: _steady(state.get(k)) for k in _FACTS}}


def _steady(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: v for k, v in value.items() if k not in ("updated_at", "timestamp")}
    return value


def _later(calls: Sequence[str]) -> list[str]:
    """What is kept for later or dropped from it, which leaves no mark on the world."""
    return [call for call in calls if call.startswith(("@defer ", "@cancel_deferred "))]


def _heads(calls: Sequence[str]) -> list[str]:
    return [call.split()[0] if call else "" for call in calls]
