"""The controller over requests from outside: a file of cases in, a file of predictions out.

Each case is played in a fresh simulator that starts in the case's state. Every line that is not blank gives
one prediction, in order; a case that cannot be read or run has the outcome `failed` and says why under
`error`.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from enactor.agent import Controller, Toolbox
from enactor.errors import EnactorError
from enactor.evaluate.stats import quantile
from enactor.models.engine import Engine
from enactor.prompt import SYSTEM
from enactor.serve.cases import Request, read_requests
from enactor.serve.record import trace_record
from enactor.sim import Simulator
from enactor.trace import Trace, TraceStore
from enactor.world.backend import ClientAction


@dataclass(slots=True)
class Stopwatch:
    """A simulator that notes when it is first touched. The controller observes once before it thinks; the
    touch after that is the first call being carried out."""

    game: Simulator
    touched: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.game.name

    def attend(self) -> None:
        self.game.attend()

    def observe(self) -> Mapping[str, Any]:
        self.touched.append(time.perf_counter())
        return self.game.observe()

    def send(self, line: str) -> Mapping[str, Any]:
        self.sent.append(time.perf_counter())
        return self.game.send(line)

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        return self.game.settle(limit_s)

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        self.sent.append(time.perf_counter())
        return self.game.client(action)

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        self.sent.append(time.perf_counter())
        return self.game.logs(since_s, grep, level)

    def first_dispatch(self, trace: Trace) -> float | None:
        """When the first call reached the game, None when none did."""
        if self.sent:
            return self.sent[0]
        read = any(step.call.tool != "send_command" and step.result.status == "ok" for step in trace.steps)
        return self.touched[1] if read and len(self.touched) > 2 else None


@dataclass(frozen=True, slots=True)
class Predictor:
    """Plays requests. `store` keeps their traces where it is given."""

    engine: Engine
    system: str = SYSTEM
    seed: int = 0
    loop_window_s: float = 120.0
    read_only: bool = False
    dry_run: bool = False
    store: TraceStore | None = None

    def predict(self, request: Request) -> dict[str, Any]:
        """The prediction of one request; never raises for what is wrong with the request."""
        if request.problem is not None:
            return _failed(request, request.problem)
        try:
            watch = Stopwatch(Simulator(seed=self.seed, start=request.state))
            toolbox = Toolbox(watch, self.loop_window_s, self.read_only, self.dry_run)
            controller = Controller(self.engine, toolbox, system=self.system, mend=False, source="predict")
            started = time.perf_counter()
            trace = controller.handle(request.message, request.history)
        except EnactorError as error:
            return _failed(request, str(error))
        if self.store is not None:
            self.store.append(replace(trace, meta={**trace.meta, "case": request.id}))
        first = watch.first_dispatch(trace)
        return {
            "id": request.id,
            **trace_record(trace),
            "first_dispatch_ms": None if first is None else round((first - started) * 1000, 3),
        }


def _failed(request: Request, reason: str) -> dict[str, Any]:
    return {
        "id": request.id,
        "calls": [],
        "reply": "",
        "outcome": "failed",
        "latency_ms": 0.0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "first_dispatch_ms": None,
        "line": request.line,
        "error": reason,
    }


def predict_file(
    predictor: Predictor,
    cases: Path,
    out: Path,
    *,
    slots: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Any]:
    """Read `cases`, write `out` whole or not at all (an existing file is replaced), return the summary.

    `slots` requests are decoded side by side; `progress` is called with cases done and cases in all. Raises
    `EnactorError` when a file cannot be used.
    """
    requests = _load(cases)
    _check_writable(out)
    started = time.perf_counter()
    predictions: list[dict[str, Any]] = []
    pool = ThreadPoolExecutor(max_workers=slots)
    try:
        for prediction in pool.map(predictor.predict, requests):
            predictions.append(prediction)
            if progress:
                progress(len(predictions), len(requests))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        predictor.engine.cancel()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    seconds = time.perf_counter() - started
    _write(out, predictions)
    return {**summarize(predictions), "seconds": round(seconds, 1), "slots": slots}


def summarize(predictions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts and times of predictions: `cases`, `unread` (with an `error`), `outcomes`, `origins`,
    `statuses`, p50 and p95 of `latency_ms` and of `first_dispatch_ms` with their n, `peak_rss_mb` of this
    process."""
    ran = [p for p in predictions if "error" not in p]
    calls = [call for p in ran for call in p["calls"]]
    dispatched = [p["first_dispatch_ms"] for p in ran if p["first_dispatch_ms"] is not None]
    return {
        "cases": len(predictions),
        "unread": len(predictions) - len(ran),
        "outcomes": dict(Counter(p["outcome"] for p in predictions).most_common()),
        "origins": dict(Counter(call["origin"] for call in calls).most_common()),
        "statuses": dict(Counter(call["status"] for call in calls).most_common()),
        "latency_ms": _quantiles([p["latency_ms"] for p in ran]),
        "first_dispatch_ms": _quantiles(dispatched),
        "peak_rss_mb": peak_rss_mb(),
    }


def peak_rss_mb() -> float | None:
    """Peak resident memory of this process in MiB; None where the platform does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)  # bytes there, KiB elsewhere


def _quantiles(values: Sequence[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0, "p50": None, "p95": None}
    return {
        "n": len(values),
        "p50": round(quantile(values, 0.5), 1),
        "p95": round(quantile(values, 0.95), 1),
    }


def _load(cases: Path) -> list[Request]:
    try:
        with cases.open("rb") as lines:
            return list(read_requests(lines))
    except OSError as error:
        raise EnactorError(
            f"the cases at {cases} cannot be read ({error.strerror}): name a file with a JSON object a line"
        ) from error


def _check_writable(out: Path) -> None:
    """Found out before the model works for minutes."""
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise EnactorError(f"the predictions cannot be written to {out}: name a file in a folder that can be")


def _write(out: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
