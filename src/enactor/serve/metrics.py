"""The health as Prometheus metrics, in its text form or at an address."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from enactor.errors import EnactorError
from enactor.serve.health import Health

if TYPE_CHECKING:
    from prometheus_client.registry import CollectorRegistry

PREFIX = "enactor"


def metrics_text(health: Health) -> str:
    """The metrics of one look. Raises `EnactorError` where the package is missing."""
    from_registry = _prometheus().generate_latest(registry_of(lambda: health))
    return bytes(from_registry).decode("utf-8")


def serve_metrics(look: Callable[[], Health], host: str, port: int) -> tuple[Any, Any]:
    """Answer at `http://host:port/metrics` with a fresh look each time; the server and its thread. Raises
    `EnactorError` when the address cannot be had."""
    try:
        server, thread = _prometheus().start_http_server(port, host, registry_of(look))
    except OSError as error:
        raise EnactorError(
            f"cannot listen on {host} port {port} ({error.strerror or error}): choose another with --port"
        ) from error
    return server, thread


def registry_of(look: Callable[[], Health]) -> "CollectorRegistry":
    """A registry of `prometheus_client` that looks when it is read."""

    class Looking:
        def collect(self) -> Iterator[Any]:
            return _families(look())

    registry: CollectorRegistry = _prometheus().CollectorRegistry()
    registry.register(Looking())
    return registry


def _families(health: Health) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    def gauge(name: str, help_: str, *samples: tuple[dict[str, str], float]) -> Any:
        labels = list(samples[0][0]) if samples else []
        family = GaugeMetricFamily(f"{PREFIX}_{name}", help_, labels=labels)
        for given, value in samples:
            family.add_metric(list(given.values()), value)
        return family

    yield gauge("window_requests", "Requests that the shares are of.", ({}, health.window))
    yield gauge(
        "outcomes",
        "Requests of the window by the ledger's outcome; unaided: by what the model did alone.",
        *(({"outcome": name, "judged": "whole"}, n) for name, n in health.outcomes.items()),
        *(({"outcome": name, "judged": "unaided"}, n) for name, n in health.unaided.items()),
    )
    if health.failing.n:
        yield gauge("failing_share", "Described, claimed and failed, of all.", ({}, health.failing.value))
        yield gauge(
            "latency_seconds",
            "From a request to its answer.",
            ({"quantile": "0.5"}, health.latency_p50_ms / 1000),
            ({"quantile": "0.95"}, health.latency_p95_ms / 1000),
        )
    yield gauge(
        "drift_rise", "What Page-Hinkley's test compares with its threshold.", ({}, health.drift.rise)
    )
    yield gauge("drift_threshold", "The threshold.", ({}, health.drift.threshold))
    yield gauge("drift_alarm", "1 while the share of failures is rising.", ({}, float(health.drift.alarm)))
    if health.engine.up is not None:
        yield gauge("engine_up", "1 when the model can answer.", ({}, float(health.engine.up)))
    card = health.promoted
    info = {
        "engine": health.engine.name,
        "promoted": card.name if card else "",
        "sha256": card.sha256 if card else "",
        "world": card.world if card else "",
    }
    yield gauge("model_info", "What is in use.", (info, 1.0))
    yield gauge("unread_rows", "Rows of the training log that cannot be read.", ({}, health.unread))
    if health.comparison:
        found = health.comparison
        yield gauge("comparison_running", "1 while one runs.", ({}, float(found["verdict"] is None)))
        yield gauge(
            "comparison_pairs",
            "Requests of the last comparison by who was right.",
            *(({"result": name}, float(found[name])) for name in ("wins", "losses", "ties")),
        )


def _prometheus() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise EnactorError(
            f"the metrics need {error.name}: `pip install 'enactor[serve]'`, or read `enactor status --json`"
        ) from error
    return prometheus_client
