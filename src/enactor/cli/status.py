"""`enactor status`: see `enactor.serve.health`."""

import json
from typing import TYPE_CHECKING

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.serve.health import Health


class Status(Config):
    """How the installation does: outcomes and latency of the last requests, the alarm, the engine, the
    comparison."""

    decode: bool = Field(False, description="Load the model and let it answer once.")
    as_json: bool = Field(False, alias="json", description="As JSON.")
    metrics: bool = Field(False, description="In Prometheus's text form.")
    port: int | None = Field(
        None, ge=1, le=65535, description="Serve the metrics on this port, until Ctrl-C."
    )
    host: str = Field("127.0.0.1", description="Address to serve the metrics on.")


def run(config: Status, settings: Settings) -> int:
    """0, or 1 while the alarm is on or the engine is down."""
    from enactor.serve.health import look
    from enactor.serve.metrics import metrics_text, serve_metrics

    if config.port is not None:
        server, thread = serve_metrics(lambda: look(settings), config.host, config.port)
        print(f"Metrics on http://{config.host}:{config.port}/metrics", flush=True)
        try:
            thread.join()
        finally:
            server.shutdown()
        return 0
    health = look(settings, decode=config.decode)
    if config.metrics:
        print(metrics_text(health), end="")
    elif config.as_json:
        print(json.dumps(health.to_json(), ensure_ascii=False))
    else:
        print("\n".join(lines(health, settings)))
    return 0 if health.well else 1


def lines(health: "Health", settings: Settings) -> list[str]:
    """For a person."""
    state = {True: "up", False: "DOWN", None: "unknown"}[health.engine.up]
    told = [f"engine      {health.engine.name}: {state}; {health.engine.told}"]
    card = health.promoted
    told.append(
        f"promoted    {f'{card.name}, {card.created[:16]}' if card else 'nothing: the shipped adapter'}"
    )
    if not health.window:
        told.append(f"requests    none recorded in {settings.training_log}")
    else:
        shares = ", ".join(f"{name} {n}" for name, n in health.outcomes.items() if n)
        told.append(f"requests    the last {health.window}, until {health.last[:16]}: {shares}")
        told.append(f"failing     {health.failing} described, claimed or failed")
        told.append(f"latency     p50 {health.latency_p50_ms:.0f} ms, p95 {health.latency_p95_ms:.0f} ms")
    drift = health.drift
    alarm = "ALARM: more fail than before" if drift.alarm else "no alarm"
    told.append(f"drift       {alarm} ({drift.rise:.1f} of {drift.threshold:g}, {drift.n} requests)")
    if health.unread:
        told.append(f"log         {health.unread} rows cannot be read: `enactor traces`")
    if health.comparison:
        found = health.comparison
        told.append(f"comparison  {found['candidate']}: {found['verdict'] or 'running'}; {found['told']}")
    return told


COMMAND = Command(
    Status,
    run,
    (
        "model",
        "training_log",
        "watch_window",
        "drift_slack",
        "drift_threshold",
        "drift_least",
        "endpoint",
        "key_file",
        "context",
        "threads",
        "cache",
    ),
)
