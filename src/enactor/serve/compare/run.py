"""A comparison takes in what was recorded since, and ends when it can decide."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from enactor.deploy.sequential import Pairs, bounds
from enactor.errors import EnactorError
from enactor.models.engine import Engine
from enactor.serve.compare.experiment import Comparisons, Experiment
from enactor.serve.compare.judge import comparable, shadow
from enactor.serve.compare.split import pairs_of
from enactor.serve.opening import open_engine, system_turn
from enactor.settings import Settings
from enactor.trace import Trace, TraceStore, trace_hash

LOOK_S = 5.0
"""Seconds between two looks at the record."""

Say = Callable[[str], object]


def recorded(experiment: Experiment, store: Path) -> Iterator[Trace]:
    """The requests since the start, in order of writing. In a shadow those that the incumbent answered."""
    if not store.is_dir():
        return
    found = TraceStore(store, readonly=True)
    since = datetime.fromisoformat(experiment.started)
    first = (since - timedelta(days=1)).date().isoformat()  # a clock may be off by some hours
    for trace in found.iterate([day for day in found.days() if day >= first]):
        if not _after(trace.timestamp, since):
            continue
        if experiment.mode == "split" or trace.meta.get("engine") == experiment.incumbent:
            yield trace


def advance(
    comparisons: Comparisons,
    experiment: Experiment,
    store: Path,
    candidate: Callable[[], tuple[Engine, str]],
    *,
    stop: Callable[[], bool] = lambda: False,
) -> Experiment:
    """Judge what is new, a request at a time, and end the comparison once it is decided; as it stands then.

    `candidate` gives the candidate's engine and its system turn, and is called when there is something to
    decode. `stop` is asked before each request.
    """
    known = {pair.trace for pair in comparisons.pairs(experiment)}
    counts = comparisons.counts(experiment)
    if experiment.mode == "split":
        found = (
            pair for pair in pairs_of(experiment, recorded(experiment, store)) if pair.trace not in known
        )
    else:
        new = (
            trace
            for trace in recorded(experiment, store)
            if comparable(trace) and trace_hash(trace) not in known
        )
        found = (pair for trace in new if (pair := shadow(trace, *candidate())) is not None)
    while not (verdict := experiment.plan.verdict(counts)) and not stop():
        pair = next(found, None)
        if pair is None:
            return experiment
        if comparisons.append(experiment, [pair]):
            counts = counts.with_pair(pair.candidate, pair.incumbent)
    if not verdict:
        return experiment
    done = comparisons.end(experiment, verdict, told(counts))
    if done.promote and verdict in ("better", "not worse"):
        why = f"compared as {done.id}: {verdict}, {done.reason}"
        comparisons.registry.promote(done.candidate, reason=why)
    return done


def told(counts: Pairs) -> str:
    """The counts in words."""
    if not counts.n:
        return "no request compared yet"
    low, high = bounds(counts)
    return (
        f"{counts.n} requests compared: the candidate alone right {counts.wins}, alone wrong "
        f"{counts.losses}, alike {counts.ties}; difference {100 * counts.difference:+.1f} points, "
        f"at all times between {100 * low:+.0f} and {100 * high:+.0f} (95%)"
    )


def status(comparisons: Comparisons, experiment: Experiment) -> dict[str, Any]:
    """What is known of a comparison, for programs; `expected` is the number of requests that it takes in all
    as things go, None where they point to no decision."""
    pairs = list(comparisons.pairs(experiment))
    counts = comparisons.counts(experiment)
    return {
        "id": experiment.id,
        "mode": experiment.mode,
        "candidate": experiment.candidate,
        "incumbent": experiment.incumbent,
        "started": experiment.started,
        "verdict": experiment.verdict or None,
        "ended": experiment.ended or None,
        "n": counts.n,
        "wins": counts.wins,
        "losses": counts.losses,
        "ties": counts.ties,
        "same_calls": sum(pair.same for pair in pairs),
        "difference": counts.difference if counts.n else None,
        "bounds": bounds(counts) if counts.n else (-1.0, 1.0),
        "expected": experiment.plan.expected(counts) if experiment.running else None,
        "most": experiment.plan.most,
        "told": experiment.reason or told(counts),
    }


@contextmanager
def comparing(settings: Settings, say: Say) -> Iterator[None]:
    """While a program plays: a thread looks at the record every few seconds and lets the candidate of a
    running comparison decode what is new. Costs nothing where none runs."""
    leaving = threading.Event()
    thread = threading.Thread(target=_attend, args=(settings, leaving, say), name="compare", daemon=True)
    thread.start()
    try:
        yield
    finally:
        leaving.set()
        thread.join(timeout=30)


def _attend(settings: Settings, leaving: threading.Event, say: Say) -> None:
    comparisons = Comparisons()
    loaded: dict[str, tuple[Engine, str]] = {}
    last = ""
    try:
        while not leaving.wait(LOOK_S):
            try:
                line = _look(comparisons, settings, loaded, leaving)
            except EnactorError as error:
                line = f"The comparison cannot go on now: {error}"
            if line and line != last:
                say(line)
            last = line or last
    finally:
        for engine, _ in loaded.values():
            engine.close()


def _look(
    comparisons: Comparisons,
    settings: Settings,
    loaded: dict[str, tuple[Engine, str]],
    leaving: threading.Event,
) -> str:
    """One look at the record; how the comparison ended, empty where it goes on or none runs."""
    experiment = comparisons.running()
    if experiment is None:
        return ""
    name = experiment.candidate
    done = advance(
        comparisons,
        experiment,
        settings.training_log,
        lambda: opened(settings, name, loaded),
        stop=leaving.is_set,
    )
    return "" if done.running else f"The comparison of {name} ended: {done.verdict}. {done.reason}."


def opened(settings: Settings, model: str, loaded: dict[str, tuple[Engine, str]]) -> tuple[Engine, str]:
    """The engine of a model with its system turn, opened on the first call. One thread: the model in use
    comes first."""
    if model not in loaded:
        chosen = settings.model_copy(update={"model": model, "threads": 1})
        loaded[model] = (open_engine(chosen, say=lambda line: None), system_turn(model))
    return loaded[model]


def _after(timestamp: str, since: datetime) -> bool:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return False
    return (at if at.tzinfo else at.replace(tzinfo=since.tzinfo)) >= since
