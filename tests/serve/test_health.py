"""`enactor status`: shares, the alarm, the engine, and the metrics as Prometheus reads them."""

import json
import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from enactor.cli import main
from enactor.curate.conformance.tiny import write_tiny
from enactor.errors import EnactorError
from enactor.models import Card, Gate, Registry
from enactor.prompt import CHAT_TEMPLATE
from enactor.serve.compare import Comparisons
from enactor.serve.health import REMEMBERED, look
from enactor.serve.metrics import metrics_text, serve_metrics
from enactor.settings import Settings
from enactor.trace import Outcome, Trace, TraceStore


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    write_tiny(path, CHAT_TEMPLATE, 2048)
    return path


@pytest.fixture
def settings(tmp_path: Path, weights: Path) -> Settings:
    return Settings(model=str(weights), training_log=tmp_path / "log")


def record(settings: Settings, *outcomes: Outcome, day: str = "2026-01-02") -> None:
    folder = settings.training_log
    TraceStore(folder)
    with (folder / f"training_{day}.jsonl").open("a", encoding="utf-8") as file:
        from enactor.trace import to_row

        for index, outcome in enumerate(outcomes):
            stamp = f"{day}T00:{index // 60 % 60:02d}:{index % 60:02d}+00:00"
            trace = Trace(
                "x", "y", outcome, outcome, outputs=("z",), timestamp=stamp, latency_ms=100.0 + index
            )
            file.write(json.dumps(to_row(trace)) + "\n")


def test_without_a_record_it_says_so(settings: Settings) -> None:
    health = look(settings)
    assert (health.window, health.last, health.well) == (0, "", True)
    assert health.engine.up
    assert json.dumps(health.to_json(), allow_nan=False)
    assert metrics_text(health)


def test_shares_are_of_the_last_requests_over_days(settings: Settings) -> None:
    record(settings, *["failed"] * 50, day="2026-01-01")
    record(settings, *["executed"] * 150, *["claimed"] * 40, *["answered"] * 10)
    health = look(settings)
    assert health.window == settings.watch_window == 200
    assert (health.outcomes["executed"], health.outcomes["claimed"]) == (150, 40)
    assert (health.failing.hits, health.failing.n) == (40, 200)
    assert health.drift.n == 250
    assert health.last.startswith("2026-01-02T00:03:19")
    assert health.latency_p50_ms == pytest.approx(199.5)


def test_a_rise_of_failures_raises_the_alarm(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    record(settings, *["executed"] * 300, day="2026-01-01")
    assert not look(settings).drift.alarm
    record(settings, *["described", "executed"] * 30)
    assert look(settings).drift.alarm
    assert not look(settings.model_copy(update={"drift_threshold": 100.0})).drift.alarm
    assert main(["status", "--model", str(settings.model)]) == 1
    assert "ALARM: more fail than before" in capsys.readouterr().out


def test_a_long_record_is_read_from_its_end(settings: Settings) -> None:
    record(settings, *["failed"] * 10, day="2025-12-31")
    record(settings, *["executed"] * (REMEMBERED + 300), day="2026-01-01")
    health = look(settings)
    assert health.drift.n == REMEMBERED
    assert health.drift.mean == 0


def test_rows_that_cannot_be_read_are_counted(settings: Settings) -> None:
    record(settings, "executed")
    with (settings.training_log / "training_2026-01-02.jsonl").open("a") as file:
        file.write("no json\n[]\n")
    assert look(settings).unread == 2


def test_an_engine_that_is_down_is_told(settings: Settings, weights: Path) -> None:
    weights.write_bytes(weights.read_bytes()[:-50])
    health = look(settings)
    assert health.engine.up is False
    assert "cut off" in health.engine.told
    assert not health.well
    gone = look(settings.model_copy(update={"model": "ollama:x", "endpoint": "http://127.0.0.1:9/v1"}))
    assert gone.engine.up is False


def test_decoding_once_tells_the_time(settings: Settings) -> None:
    health = look(settings, decode=True)
    assert health.engine.up
    assert health.engine.seconds is not None
    assert "a first token in" in health.engine.told


def test_the_metrics_are_read_by_prometheus_own_parser(settings: Settings, weights: Path) -> None:
    record(settings, "executed", "failed", "executed", "answered")
    registry = Registry()
    registry.add(weights, Card("one", world="w1:x", gates={"parity": Gate(True, "")}))
    registry.promote("one")
    Comparisons().start("one", "old")
    health = look(settings)
    families = {family.name: family for family in text_string_to_metric_families(metrics_text(health))}
    samples = {
        sample.labels.get("outcome"): sample.value for sample in families["enactor_outcomes"].samples[:7]
    }
    assert samples == {**dict.fromkeys(samples, 0), "executed": 2, "failed": 1, "answered": 1}
    assert families["enactor_failing_share"].samples[0].value == 0.25
    assert families["enactor_engine_up"].samples[0].value == 1
    assert families["enactor_model_info"].samples[0].labels["promoted"] == "one"
    assert families["enactor_comparison_running"].samples[0].value == 1
    quantiles = families["enactor_latency_seconds"].samples
    assert [sample.labels["quantile"] for sample in quantiles] == ["0.5", "0.95"]


def test_the_address_looks_afresh_each_time(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server, thread = serve_metrics(lambda: look(settings), "127.0.0.1", port)
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        assert "enactor_window_requests 0.0" in httpx.get(url, trust_env=False).text
        record(settings, "executed")
        answer = httpx.get(url, trust_env=False)
        assert "enactor_window_requests 1.0" in answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")
        with pytest.raises(EnactorError, match="choose another with --port"):
            serve_metrics(lambda: look(settings), "127.0.0.1", port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_command_as_text_json_and_metrics(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    record(settings, "executed", "claimed")
    options = ["--model", str(settings.model)]
    assert main(["status", *options]) == 0
    told = capsys.readouterr().out
    assert "executed 1, claimed 1" in told
    assert "up; " in told
    assert main(["status", *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failing"]["share"] == 0.5
    assert main(["status", *options, "--metrics"]) == 0
    assert "# TYPE enactor_drift_alarm gauge" in capsys.readouterr().out


def test_status_looks_without_writing_anything(settings: Settings, tmp_path: Path) -> None:
    """A look from another user's shell must not need to write."""
    look(settings)
    assert not (tmp_path / "log").exists()
    assert not (tmp_path / "cache" / "registry").exists()
