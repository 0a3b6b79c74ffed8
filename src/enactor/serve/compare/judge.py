"""The same request, played again by a model that can touch nothing.

Candidate and incumbent are judged alike: by the ledger, in a simulator that stands in the recorded state and
to which nothing is sent. The incumbent is not decoded again: its recorded turns are read back.
"""

from collections.abc import Sequence

from enactor.agent import Controller, Toolbox
from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.models.engine import Engine
from enactor.prompt import DIALECTS, SYSTEM
from enactor.serve.compare.experiment import Pair
from enactor.sim import Simulator
from enactor.trace import Trace, trace_hash

BAD = ("described", "claimed", "failed")
"""Outcomes that count as wrong: what the ledger cannot tell, a wrong verb for instance, counts as right."""


def good(outcome: str) -> bool:
    """Whether the ledger finds nothing wrong with it."""
    return outcome not in BAD


def comparable(trace: Trace) -> bool:
    """Whether a model answered, alone and to its end, and the state that it saw is known."""
    return bool(trace.outputs) and trace.state_before is not None and not trace.meta.get("cancelled")


def replay(trace: Trace, engine: Engine, system: str = SYSTEM) -> Trace:
    """The request by another engine, in the recorded state and after the recorded turns. Nothing is
    dispatched: calls are checked and lowered, and end there."""
    start = {key: value for key, value in (trace.state_before or {}).items() if key != "active_loop"}
    toolbox = Toolbox(Simulator(start=start), dry_run=True)
    controller = Controller(engine, toolbox, system=system, recover=False, source="shadow")
    return controller.handle(trace.message, trace.history)


def shadow(trace: Trace, candidate: Engine, system: str = SYSTEM) -> Pair | None:
    """Both models on a recorded request; None where it cannot be played again (a state that the simulator
    does not know, a record of another form)."""
    if not comparable(trace):
        return None
    try:
        before = replay(trace, _recorded(_turns(trace)))
    except EnactorError:
        return None
    after = replay(trace, candidate, system)
    return Pair(
        trace_hash(trace),
        good(after.outcome),
        good(before.outcome),
        (after.outcome, before.outcome),
        _calls(after) == _calls(before),
        round(after.latency_ms, 1),
    )


def _turns(trace: Trace) -> Sequence[str]:
    """The recorded turns, in which those that a message read clause by clause was answered with are one turn
    of several calls."""
    decided = trace.steps[: trace.meta.get("decided")]
    due = sum(step.call.origin != "recovered" for step in decided)
    read = DIALECTS[str(trace.meta.get("dialect", "hermes"))].parse
    first: list[str] = []
    made = 0
    for text in trace.outputs:
        turn = read(text)
        if made >= due or not turn.calls or not turn.well_formed or (first and turn.text):
            break
        first.append(text)
        made += len(turn.calls)
    return ["\n".join(first), *trace.outputs[len(first) :]] if first else trace.outputs


def _recorded(outputs: Sequence[str]) -> ScriptedEngine:
    """Says the recorded turns again; more than were recorded are empty."""
    left = iter(outputs)
    return ScriptedEngine(lambda prompt: next(left, ""), name="recorded")


def _calls(trace: Trace) -> list[tuple[str, str]]:
    return [(step.call.tool, step.result.lowered or step.call.arguments) for step in trace.steps]
