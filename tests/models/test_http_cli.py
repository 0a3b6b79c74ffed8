"""A remote model from the command line."""

import json
from pathlib import Path

import pytest
from remote_server import call, calls, refuse, say, serving

from enactor.cli import main

EAT = call("send_command", '{"command": "EAT tuna"}', index=0, id="a")


@pytest.fixture(autouse=True)
def own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def test_http_cli_chat_records_the_turn_and_not_the_key(
    own_log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "sk-secret-0123456789"
    monkeypatch.setenv("MODEL_API_KEY", secret)
    with serving(calls(EAT), refuse(401, f"{secret} is wrong")) as server:
        url = ("--endpoint", server.url)
        assert main(["chat", "--model", "http:m", *url, "--say", "eat tuna", "--json"]) == 0
        assert main(["chat", "--model", "http:m", *url, "--say", "eat tuna", "--json"]) == 1
    assert server.seen[0][1]["Authorization"] == f"Bearer {secret}"
    shown = capfd.readouterr()
    first = json.loads(shown.out.splitlines()[0])
    assert [made["origin"] for made in first["calls"]] == ["raw"]
    assert "MODEL_API_KEY" in shown.err + shown.out
    kept = "".join(path.read_text() for path in own_log.iterdir() if path.suffix == ".jsonl")
    assert "http:m" in kept
    for text in (shown.out, shown.err, kept):
        assert secret not in text


def test_http_cli_predicts_and_changes_to_the_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("enactor.models.remote.patience.random.uniform", lambda least, most: 0.001)
    case = {"id": "1", "message": "eat tuna", "state": {"inventory": ["Tuna"], "health": [3, 30]}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case) + "\n")
    files = ["--in", "cases.jsonl", "--out", "out.jsonl"]
    with serving(refuse(500)) as down, serving(calls(EAT)) as up:
        spare = up.url.rpartition(":")[2].removesuffix("/v1")
        monkeypatch.setenv("MODEL_API_KEY", "")
        from enactor.models.remote import presets

        monkeypatch.setitem(
            presets.PRESETS, "enactor", presets.Preset("enactor", f"http://127.0.0.1:{spare}/v1", "", "")
        )
        ask = ["--model", "http:m", "--endpoint", down.url, "--fallback", "enactor:default"]
        assert main(["predict", *files, *ask]) == 0
    (made,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["status"] for one in made["calls"]] == ["ok"]
    assert "enactor:default answers for the next 30 s" in capfd.readouterr().err


def test_http_cli_doctor_looks_at_the_server(capfd: pytest.CaptureFixture[str]) -> None:
    def findings(model: str, url: str) -> tuple[str, str, str]:
        main(["doctor", "--json", "--model", model, "--endpoint", url])
        found = json.loads(capfd.readouterr().out)
        rows = found["findings"] if isinstance(found, dict) else found
        (one,) = [row for row in rows if row["name"] == "remote model"]
        return one["level"], one["found"], one["cure"]

    with serving(refuse(200, {"data": [{"id": "qwen:latest"}]})) as server:
        level, found, cure = findings("ollama:qwen", server.url)
        assert (level, cure) == ("ok", "")
        assert "answered in" in found
        level, found, cure = findings("ollama:llama", server.url)
        assert (level, cure) == ("note", "fetch it with `ollama pull llama`")
        url = server.url
    level, found, cure = findings("ollama:qwen", url)
    assert level == "missing"
    assert "out of reach" in found
    assert "ollama serve" in cure


def test_http_cli_mistakes_name_their_cure(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(say("x")) as server:
        for arguments, cure in (
            (["--model", "http:m"], "set `endpoint`"),
            (["--model", "ollama:m", "--endpoint", "localhost:11434"], "set `endpoint`"),
            (["--model", "http:m", "--endpoint", server.url, "--fallback", "base"], "cannot stand in"),
            (["--model", "http:m", "--endpoint", server.url, "--key-file", "none"], "name another file"),
        ):
            assert main(["chat", *arguments, "--say", "hi"]) == 1
            assert cure in capfd.readouterr().err
    assert server.seen == []
