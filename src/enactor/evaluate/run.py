"""Run a policy over cases, each in a fresh simulator, and sum up."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from enactor.agent import Controller, Toolbox
from enactor.evaluate.cases import Case
from enactor.evaluate.score import Score, play, score
from enactor.evaluate.stats import Rate, quantile, rate
from enactor.models.engine import Engine
from enactor.prompt import SYSTEM
from enactor.sim import Simulator
from enactor.trace.values import Trace

SEED = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What is evaluated: an engine with a system turn; `ladder` lets the repair rungs help, `recover` gives
    the model a second turn after the game refused, `grammar` constrains every completion to calls."""

    name: str
    engine: Engine
    system: str = SYSTEM
    ladder: bool = True
    recover: bool = True
    grammar: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of one policy on one list of cases, each with its n; the scores behind them."""

    policy: str
    n: int
    executed: Rate
    executed_raw: Rate
    verb: Rate
    operands: Rate
    complete: Rate
    quiet: Rate
    outcomes: dict[str, int]
    origins: dict[str, int]
    latency_p50_ms: float
    latency_p95_ms: float
    scores: tuple[Score, ...]

    def rows(self) -> list[tuple[str, str]]:
        """(metric, "value [interval] of n") in the order of a table."""
        named = (
            ("executed", self.executed),
            ("executed without repair", self.executed_raw),
            ("correct verb", self.verb),
            ("all operands right", self.operands),
            ("task completed", self.complete),
            ("no call on chat", self.quiet),
        )
        rows = [(name, f"{value} of {value.n}") for name, value in named]
        return [*rows, ("latency p50 / p95", f"{self.latency_p50_ms:.0f} / {self.latency_p95_ms:.0f} ms")]


def evaluate(
    policy: Policy,
    cases: Sequence[Case],
    *,
    slots: int = 2,
    progress: Callable[[], object] | None = None,
    keep: Callable[[Case, Trace], object] | None = None,
) -> Report:
    """Play every case. `slots` requests decode at once; `progress` is called after each case, `keep` with
    each trace. Raises what the engine raises."""
    judge = partial(_one, policy, progress, keep)
    with ThreadPoolExecutor(max_workers=slots) as pool:
        scores = tuple(pool.map(judge, cases))
    return summarize(policy.name, scores)


def summarize(policy: str, scores: Sequence[Score]) -> Report:
    """Metrics from scores."""
    due = [s for s in scores if s.called is not None]
    return Report(
        policy=policy,
        n=len(scores),
        executed=rate(bool(s.called) for s in due),
        executed_raw=rate(bool(s.called) and set(s.origins) <= {"raw", "direct", "recovered"} for s in due),
        verb=rate(bool(s.verb) for s in due),
        operands=rate(bool(s.operands) for s in due),
        complete=rate(s.complete for s in due if s.complete is not None),
        quiet=rate(bool(s.quiet) for s in scores if s.quiet is not None),
        outcomes=dict(Counter(s.outcome for s in scores)),
        origins=dict(Counter(origin for s in scores for origin in s.origins)),
        latency_p50_ms=quantile((s.latency_ms for s in scores), 0.5),
        latency_p95_ms=quantile((s.latency_ms for s in scores), 0.95),
        scores=tuple(scores),
    )


def by(scores: Iterable[Score], key: Callable[[Score], str]) -> dict[str, Report]:
    """One report for each value of `key`, sorted by it."""
    groups: dict[str, list[Score]] = {}
    for one in scores:
        groups.setdefault(key(one), []).append(one)
    return {name: summarize(name, group) for name, group in sorted(groups.items())}


def _one(
    policy: Policy,
    progress: Callable[[], object] | None,
    keep: Callable[[Case, Trace], object] | None,
    case: Case,
) -> Score:
    reference = play(case, SEED)
    simulator = Simulator(seed=SEED, start=case.state)
    controller = Controller(
        policy.engine, Toolbox(simulator), system=policy.system, ladder=policy.ladder, recover=policy.recover
    )
    trace = controller.handle(case.message, case.history)
    if trace.steps and trace.steps[-1].result.status == "ok":
        controller.toolbox.settle(trace.steps[-1].call, trace.steps[-1].result)
    if keep:
        keep(case, trace)
    judged = score(case, trace, simulator, reference)
    if progress:
        progress()
    return judged
