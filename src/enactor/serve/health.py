"""How the installation does: outcomes, drift and latency by the training log, the engine, the comparison."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from enactor.deploy.drift import PageHinkley
from enactor.errors import EnactorError
from enactor.evaluate.stats import Rate, quantile
from enactor.models import Card, EngineError, Registry, check_gguf, is_remote, model_file, open_remote
from enactor.models.load import engine_name
from enactor.serve.compare import BAD, Comparisons, status
from enactor.serve.opening import open_engine, system_turn
from enactor.settings import Settings
from enactor.trace import OUTCOMES, ReadReport, Trace, TraceStore

REMEMBERED = 2000
"""Requests over which drift is looked for."""

ANSWER_S = 5.0
"""Seconds that a remote server gets to answer."""


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """`up` is None where that was not found out. `told` is for a person; `seconds` is the time of one answer
    where one was decoded."""

    name: str
    up: bool | None
    told: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """`outcomes` counts the last `window` requests by the ledger's outcome, `unaided` by what the model did
    alone. `failing` is the share of described, claimed and failed among them. `drift` has seen up to
    `REMEMBERED` requests. Latencies in milliseconds, NaN for none. `last` is the time of the last request."""

    outcomes: Mapping[str, int]
    unaided: Mapping[str, int]
    failing: Rate
    drift: PageHinkley
    latency_p50_ms: float
    latency_p95_ms: float
    last: str
    unread: int
    engine: EngineHealth
    promoted: Card | None
    comparison: Mapping[str, Any] | None

    @property
    def window(self) -> int:
        return sum(self.outcomes.values())

    @property
    def well(self) -> bool:
        """Neither a drift nor an engine that is down."""
        return not self.drift.alarm and self.engine.up is not False

    def to_json(self) -> dict[str, Any]:
        return {
            "well": self.well,
            "requests": self.window,
            "outcomes": dict(self.outcomes),
            "unaided": dict(self.unaided),
            "failing": {
                "share": self.failing.value if self.failing.n else None,
                "interval": self.failing.interval,
            },
            "drift": {
                "alarm": self.drift.alarm,
                "rise": round(self.drift.rise, 3),
                "threshold": self.drift.threshold,
                "n": self.drift.n,
            },
            "latency_ms": {"p50": _finite(self.latency_p50_ms), "p95": _finite(self.latency_p95_ms)},
            "last": self.last or None,
            "unread": self.unread,
            "engine": {
                "name": self.engine.name,
                "up": self.engine.up,
                "told": self.engine.told,
                "seconds": self.engine.seconds,
            },
            "promoted": self.promoted.name if self.promoted else None,
            "comparison": dict(self.comparison) if self.comparison else None,
        }


def look(settings: Settings, *, decode: bool = False) -> Health:
    """The health of this installation. `decode` loads the model and lets it answer once. What is wrong with
    the engine is told, not raised; raises `EnactorError` where the log or the registry cannot be read."""
    report = ReadReport()
    traces = _last(settings, report)
    drift = PageHinkley(settings.drift_slack, settings.drift_threshold, settings.drift_least)
    for trace in traces:
        drift = drift.seen(trace.outcome in BAD)
    window = traces[-settings.watch_window :]
    comparisons = Comparisons()
    experiment = comparisons.current()
    return Health(
        outcomes=_counts(trace.outcome for trace in window),
        unaided=_counts(trace.model_outcome for trace in window if trace.outputs),
        failing=Rate(sum(trace.outcome in BAD for trace in window), len(window)),
        drift=drift,
        latency_p50_ms=quantile((trace.latency_ms for trace in window), 0.5),
        latency_p95_ms=quantile((trace.latency_ms for trace in window), 0.95),
        last=traces[-1].timestamp if traces else "",
        unread=sum(report.refused.values()),
        engine=engine_health(settings, decode=decode),
        promoted=Registry().current(),
        comparison=status(comparisons, experiment) if experiment else None,
    )


def engine_health(settings: Settings, *, decode: bool = False) -> EngineHealth:
    """Whether the model of the settings can answer: its file is whole, or its server is there and has it."""
    model = settings.model
    try:
        if is_remote(model):
            return _remote(settings)
        name = engine_name(model) or model
        path = model_file(model)
        check_gguf(path)
        if not decode:
            return EngineHealth(name, True, f"{path} is whole ({path.stat().st_size / 2**20:.0f} MB)")
        started = time.perf_counter()
        with open_engine(settings, say=lambda line: None) as engine:
            loaded = time.perf_counter()
            done = engine.complete(f"<|im_start|>system\n{system_turn(model)}<|im_end|>\n", max_tokens=1)
            seconds = time.perf_counter() - loaded
        told = f"loaded in {loaded - started:.1f} s, a first token in {seconds:.2f} s"
        return EngineHealth(name, bool(done.completion_tokens), told, seconds)
    except (EngineError, EnactorError) as error:
        return EngineHealth(model, False, str(error))


def _remote(settings: Settings) -> EngineHealth:
    started = time.perf_counter()
    with open_remote(
        settings.model, url=settings.endpoint, key_file=settings.key_file, timeout_s=ANSWER_S
    ) as engine:
        names = engine.models()
        seconds = time.perf_counter() - started
        wanted = engine.endpoint.model
    if names and not any(name.removesuffix(":latest") == wanted.removesuffix(":latest") for name in names):
        return EngineHealth(settings.model, False, f"the server answers and has no {wanted}")
    return EngineHealth(settings.model, True, f"the server answers in {seconds:.2f} s", seconds)


def _last(settings: Settings, report: ReadReport) -> list[Trace]:
    """The last requests that the model or the player's typing decided, oldest first."""
    if not settings.training_log.is_dir():
        return []
    store = TraceStore(settings.training_log, readonly=True)
    found: list[Trace] = []
    for day in reversed(store.days()):
        found = [*_of_day(store, day, report), *found]
        if len(found) >= REMEMBERED:
            break
    return found[-REMEMBERED:]


def _of_day(store: TraceStore, day: str, report: ReadReport) -> list[Trace]:
    """A day's last requests: of a long one only what is remembered is held."""
    kept: list[Trace] = []
    traces: Iterator[Trace] = store.iterate([day], report)
    while block := list(islice(traces, REMEMBERED)):
        kept = [*kept, *block][-REMEMBERED:]
    return kept


def _counts(outcomes: Iterator[str] | Any) -> dict[str, int]:
    counted = Counter(outcomes)
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def _finite(value: float) -> float | None:
    return value if value == value else None
