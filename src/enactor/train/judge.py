"""What an answer of the model is worth: carried out in the simulator beside the right calls.

The controller that plays also plays here, without its repairs, with the answer in the model's place. So what
is rewarded is what counts later, and nothing is rewarded that is only said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from enactor.agent import Controller, Toolbox
from enactor.agent.direct import direct_lines
from enactor.curate.rows import Action, Row
from enactor.evaluate import Score, cases_of, play, score
from enactor.models import ScriptedEngine
from enactor.sim import Simulator
from enactor.trace.values import Message, Trace
from enactor.train.plans import RewardWeights

_FAKED = ("described", "claimed")
PARTS = ("format", "verb", "operands", "goal")


@dataclass(frozen=True, slots=True)
class Reward:
    """Parts, each from 0 to 1 unless said otherwise.

    Where a call is due: `format` is 1 for a readable call, 0 for none, -1 where a call was described or
    claimed; `verb` and `operands` are the shares of the calls that are right, of the longer of both lists;
    `goal` is 1 where the end state is the one that the right calls lead to (where those do not succeed, where
    they are the same calls). Where none is due: all are 1 for an answer without a call and without a claim,
    else `format` is -1 and the others 0.
    """

    format: float
    verb: float
    operands: float
    goal: float

    def total(self, weights: RewardWeights) -> float:
        """The weighted sum."""
        return float(sum(getattr(self, part) * getattr(weights, part) for part in PARTS))


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer with its calls, as the controller read them, and what they are worth. `reached`: the goal was
    reached; where there is none to reach, it never is."""

    text: str
    calls: tuple[Action, ...]
    reached: bool
    reward: Reward


class Judge:
    """Judges answers to one row. The same answer is always worth the same."""

    def __init__(self, row: Row) -> None:
        self.row = row
        (self._case,) = cases_of([row])
        self._reference = play(self._case)
        self._known: dict[str, Judged] = {}

    def __call__(self, text: str) -> Judged:
        """Carry the answer out in a fresh simulator."""
        if text not in self._known:
            self._known[text] = self._judge(text)
        return self._known[text]

    def _judge(self, text: str) -> Judged:
        simulator = Simulator(start=self._case.state)
        toolbox = Toolbox(simulator)
        trace = answered(text, toolbox, self._case.message, self._case.history)
        if trace.steps and trace.steps[-1].result.status == "ok":
            toolbox.settle(trace.steps[-1].call, trace.steps[-1].result)
        found = score(self._case, trace, simulator, self._reference)
        return Judged(text, calls_of(trace), found.complete is True, reward(found))


def answered(text: str, toolbox: Toolbox, message: str, history: Sequence[Message] = ()) -> Trace:
    """What the controller does when the model answers `text`: no repair, no second turn."""
    return Controller(ScriptedEngine([text]), toolbox, ladder=False, recover=False).handle(message, history)


def calls_of(trace: Trace) -> tuple[Action, ...]:
    """The calls of a trace, as written."""
    return tuple(Action(step.call.tool, dict(step.call.parsed or {})) for step in trace.steps)


def reward(found: Score) -> Reward:
    """The parts of the reward, from a score."""
    faked = found.model_outcome in _FAKED
    if found.quiet is not None:
        fine = found.quiet and not faked
        return Reward(1.0, 1.0, 1.0, 1.0) if fine else Reward(-1.0, 0.0, 0.0, 0.0)
    longer = max(len(found.got), len(found.expected))
    pairs = list(zip(found.got, found.expected, strict=False))
    goal = found.operands if found.complete is None else found.complete
    return Reward(
        format=-1.0 if faked else float(bool(found.called)),
        verb=sum(_head(a) == _head(b) for a, b in pairs) / longer,
        operands=sum(a == b for a, b in pairs) / longer,
        goal=float(bool(goal)),
    )


def judgeable(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that can be carried out as they stand: not those that begin with a failed try, that bear made-up
    verbs, that skip the model, or whose right calls are not known by canonical names."""
    for row in rows:
        if row.failed or row.meta.get("renamed") or direct_lines(row.message):
            continue
        if cases_of([row]):
            yield row


def prompt_of(row: Row) -> str:
    """The row's text up to where the model's answer begins."""
    return "".join(segment.text for segment in takewhile(lambda s: not s.train, row.segments()))


def shortest(judged: Sequence[Judged]) -> list[Judged]:
    """By the number of calls, then by length."""
    return sorted(judged, key=lambda one: (len(one.calls), len(one.text), one.text))


def _head(call: str) -> str:
    return call.split(" ", 1)[0]
