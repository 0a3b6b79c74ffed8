"""Was the right thing done? A case is played against the calls that are right, in two equal simulators.

Nothing counts that is only said. The verb inside `send_command` is the tool; verbs with one effect are equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.agent import Toolbox
from enactor.curate.rows import Action
from enactor.evaluate.cases import Case
from enactor.prompt import tool_call
from enactor.sim import Simulator
from enactor.trace.values import Origin, Outcome, Step, Trace
from enactor.world import TOOLS, CommandError, preferred, resolve_place

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
    """What the right calls come to in the case's state: each as `preferred` text, the end state's facts, and
    whether all of them succeed there (`feasible`)."""

    calls: tuple[str, ...]
    facts: Mapping[str, Any]
    feasible: bool


@dataclass(frozen=True, slots=True)
class Score:
    """One case judged. `called` is None where no call was due, and `quiet` None where one was.

    `got` are the calls of the model's first turn: what it decided, before it mended what the game refused.
    `verb`: the same verbs (or tools) in the same order. `operands`: the same lowered calls in the same order.
    `complete`: the end states agree, no call was unrequested, and what was done was done by a call; None
    where the right calls do not succeed in the case's state, so that there is nothing to complete.
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


def play(case: Case, seed: int = 0, settle_s: float = 120.0) -> Reference:
    """Carry out the right calls of a case and read off what came of them."""
    simulator = Simulator(seed=seed, start=case.state)
    toolbox = Toolbox(simulator, loop_window_s=settle_s)
    steps = []
    for action in case.expect:
        call = tool_call(action.tool, action.args)
        result = toolbox.settle(call, toolbox.call(call, confirmed=False))
        steps.append(Step(call, result))
        if result.status != "ok":
            break
    feasible = all(step.result.status == "ok" for step in steps)
    for action in case.expect[len(steps) :]:
        call = tool_call(action.tool, action.args)
        steps.append(Step(call, toolbox.skip(call)))
    return Reference(tuple(map(call_text, steps)), facts(simulator), feasible)


def score(case: Case, trace: Trace, simulator: Simulator, reference: Reference) -> Score:
    """Judge a trace that was made on `simulator`, started in the case's state with the reference's seed."""
    got = tuple(call_text(step) for step in trace.steps[: trace.meta.get("decided")])
    due = bool(case.expect)
    made = any(_taken(step) for step in trace.steps)
    verbs = _heads(got) == _heads(reference.calls)
    operands = got == reference.calls
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
        complete=(made and agree and len(got) <= len(reference.calls))
        if due and reference.feasible
        else None,
        quiet=None if due else not trace.steps,
        got=got,
        expected=reference.calls,
        latency_ms=trace.latency_ms,
        prompt_tokens=trace.prompt_tokens,
        completion_tokens=trace.completion_tokens,
    )


def _taken(step: Step) -> bool:
    """Whether the step is a call that the grammar and the world could read, whatever the game said to it."""
    if step.call.tool == "send_command":
        return step.result.lowered is not None
    return step.call.parsed is not None and step.call.tool in TOOLS


def call_text(step: Step) -> str:
    """A step as one line for comparison: the lowered command in its preferred form, or the tool with its
    arguments."""
    if step.call.tool == "send_command":
        line = step.result.lowered or str((step.call.parsed or {}).get("command", step.call.arguments))
        return preferred(line)
    return action_text(Action(step.call.tool, step.call.parsed or {}))


def action_text(action: Action) -> str:
    """An action that was not carried out, in the same form."""
    if action.tool == "send_command":
        return preferred(str(action.args["command"]))
    args = {k: _plain(k, v) for k, v in sorted(action.args.items())}
    return f"@{action.tool} " + " ".join(f"{k}={v}" for k, v in args.items())


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


def _heads(calls: Sequence[str]) -> list[str]:
    return [call.split()[0] if call else "" for call in calls]
