"""`enactor serve model` under load, under attack, and when the client leaves."""

import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from model_desk import Slow, offered

from enactor.cli import main
from enactor.errors import EnactorError
from enactor.models import EngineError, EngineUnavailable, ScriptedEngine, model_file
from enactor.models.engine import PromptTooLong
from enactor.serve.model.config import Config
from enactor.serve.model.guard import token_of

BODY: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "[x]\nhi"}]}
CHATS = ("/v1/chat/completions", "/api/chat")


def wait_for(what: Callable[[], bool], limit_s: float = 5.0) -> bool:
    end = time.monotonic() + limit_s
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


@pytest.mark.parametrize("path", CHATS)
def test_model_overload_is_turned_away(path: str) -> None:
    engine = Slow()
    with offered(engine, slots=1, queue=1) as url, httpx.Client(base_url=url, timeout=10) as client:
        done: list[int] = []
        body = {**BODY, "stream": False}

        def ask() -> None:
            while (status := client.post(path, json=body).status_code) == 503:
                time.sleep(0.01)
            done.append(status)

        def shed_now() -> bool:
            try:
                return client.post(path, json=body, timeout=1).status_code == 503
            except httpx.ReadTimeout:  # it was sooner in the queue than the second request, and has left
                return False

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert engine.began.acquire(timeout=5)
        assert wait_for(shed_now, 20)
        shed = client.post(path, json=body)
        assert shed.headers["retry-after"]
        assert "all slots are taken" in shed.text
        for _ in range(6):
            engine.step.release()
        for thread in threads:
            thread.join(5)
        assert done == [200, 200]
        for _ in range(3):
            engine.step.release()
        assert client.post(path, json=body).status_code == 200  # room again


def test_model_the_openai_client_comes_back_after_overload() -> None:
    engine = Slow()
    with offered(engine, slots=1, queue=0) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=3)
        first = threading.Thread(target=lambda: httpx.post(f"{url}{CHATS[0]}", json=BODY, timeout=10))
        first.start()
        assert engine.began.acquire(timeout=5)
        threading.Timer(0.3, lambda: [engine.step.release() for _ in range(6)]).start()
        made = client.chat.completions.create(**BODY)
        assert made.choices[0].message.content == "one two three"
        first.join(5)


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("stream", [False, True])
def test_model_a_client_that_leaves_ends_its_own_completion(path: str, stream: bool) -> None:
    engine = Slow()
    with offered(engine, slots=2) as url:
        kept: list[httpx.Response] = []
        stays = threading.Thread(
            target=lambda: kept.append(httpx.post(f"{url}{path}", json={**BODY, "stream": False}, timeout=10))
        )
        stays.start()
        assert engine.began.acquire(timeout=5)
        body = json.dumps({**BODY, "stream": stream})
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as leaves:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            leaves.sendall((head + body).encode())
            assert engine.began.acquire(timeout=5)
        assert engine.end.acquire(timeout=5)
        assert [made.cancelled for made in engine.ended] == [True]
        for _ in range(3):
            engine.step.release()
        stays.join(5)
        assert kept[0].status_code == 200
        assert [made.cancelled for made in engine.ended] == [True, False]


def test_model_a_client_that_leaves_the_queue_is_not_decoded() -> None:
    engine = Slow()
    with offered(engine, slots=1, queue=2) as url:
        first = threading.Thread(target=lambda: httpx.post(f"{url}{CHATS[0]}", json=BODY, timeout=10))
        first.start()
        assert engine.began.acquire(timeout=5)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}{CHATS[0]}", json={**BODY, "stream": True}, timeout=0.3)
        time.sleep(0.2)
        for _ in range(3):
            engine.step.release()
        first.join(5)
        assert not engine.began.acquire(timeout=0.3)
        assert len(engine.ended) == 1


@pytest.mark.parametrize("path", CHATS)
def test_model_clients_that_leave_at_any_moment_leave_room(path: str) -> None:
    """No slot is lost: with one slot and no queue, a later client is answered."""
    chance = random.Random(5)
    engine = Slow()
    for _ in range(200):
        engine.step.release()
    with offered(engine, slots=1, queue=0) as url:
        port = int(url.rpartition(":")[2])
        for _ in range(40):
            body = json.dumps({**BODY, "stream": chance.random() < 0.5})
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            whole = (head + body).encode()
            with socket.create_connection(("127.0.0.1", port)) as leaves:
                leaves.sendall(whole[: chance.choice((10, len(whole) - 5, len(whole), len(whole)))])
                time.sleep(chance.random() * 0.01)
        for _ in range(200):
            engine.step.release()
        answers = [0]

        def answered() -> bool:
            answers.append(httpx.post(f"{url}{path}", json={**BODY, "stream": False}, timeout=10).status_code)
            return answers[-1] == 200

        assert wait_for(answered)
        assert set(answers) <= {0, 200, 503}


def test_model_the_end_of_the_server_ends_what_is_under_way() -> None:
    engine = Slow()
    answers: list[httpx.Response | Exception] = []

    def ask(url: str) -> None:
        try:
            answers.append(httpx.post(f"{url}{CHATS[0]}", json=BODY, timeout=10))
        except httpx.HTTPError as error:
            answers.append(error)

    with offered(engine) as url:
        threading.Thread(target=ask, args=(url,)).start()
        assert engine.began.acquire(timeout=5)
        started = time.monotonic()
    assert time.monotonic() - started < 8
    assert engine.ended[0].cancelled
    assert wait_for(lambda: len(answers) == 1)


class Failing:
    """Says a word if it is to, then fails."""

    name = "default"

    def __init__(self, error: EngineError, word: str = "") -> None:
        self.error, self.word = error, word

    def complete(self, prompt: str, **options: Any) -> Any:
        if self.word:
            options["on_text"](self.word)
        raise self.error

    def cancel(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("path", CHATS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PromptTooLong("the prompt has 9999 tokens"), 400),
        (EngineUnavailable("gone"), 503),
        (EngineError("broken"), 500),
    ],
)
def test_model_a_failing_engine_has_a_status(
    path: str, stream: bool, error: EngineError, status: int
) -> None:
    with offered(Failing(error)) as url:
        answer = httpx.post(f"{url}{path}", json={**BODY, "stream": stream})
    assert answer.status_code == status
    said = answer.json()["error"]
    assert str(error) in (said["message"] if isinstance(said, dict) else said)


def test_model_a_failure_in_the_middle_is_told_in_the_stream() -> None:
    with offered(Failing(EngineError("broken"), "Hel")) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0)
        seen: list[Any] = []
        stream = client.chat.completions.create(**BODY, stream=True)
        with pytest.raises(openai.APIError, match="broken"):
            seen.extend(chunk.choices[0].delta.content for chunk in stream)
        assert "Hel" in seen
        lines = httpx.post(f"{url}/api/chat", json=BODY).text.splitlines()
    assert json.loads(lines[-1]) == {"error": "broken"}


BAD: list[tuple[str, Any]] = [
    ("", "{not json"),
    ("", "[]"),
    ("", "9" * 5000),
    ("", '{"a":' * 3000),
    ("messages", {"messages": 7}),
    ("messages", {"messages": [7]}),
    ("messages", {"messages": [{"role": "pirate", "content": "x"}]}),
    ("messages", {"messages": [{"role": "user", "content": {"a": 1}}]}),
    ("messages", {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": 7}}]}]}),
    ("messages", {"messages": [{"role": "assistant", "tool_calls": [7]}]}),
    ("tools", {"tools": "all"}),
    ("tools", {"tools": [{"function": {"name": 'a" | "b'}}]}),
]
BAD_OPENAI = [
    ("messages", {"messages": []}),
    ("messages", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}),
    ("n", {"n": 2}),
    ("logprobs", {"logprobs": True}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("temperature", {"temperature": "hot"}),
    ("max_tokens", {"max_tokens": -1}),
    ("stop", {"stop": [1]}),
    ("tool_choice", {"tool_choice": "required"}),
    ("tool_choice", {"tool_choice": {"function": {"name": "none"}}}),
]
BAD_OLLAMA = [
    ("format", {"format": "json"}),
    ("messages", {"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]}),
    ("options", {"options": 7}),
    ("num_predict", {"options": {"num_predict": "many"}}),
]


@pytest.mark.parametrize("path", CHATS)
def test_model_bad_requests_say_what_is_wrong(path: str) -> None:
    engine = ScriptedEngine([])
    with offered(engine) as url, httpx.Client(base_url=url) as client:
        for field, bad in BAD + (BAD_OPENAI if path == CHATS[0] else BAD_OLLAMA):
            content = bad if isinstance(bad, str) else json.dumps({**BODY, **bad})
            answer = client.post(path, content=content)
            assert answer.status_code == 400, (bad, answer.text)
            said = answer.json()["error"]
            assert field in (said["message"] if isinstance(said, dict) else said), bad
    assert engine.prompts == []


def test_model_large_bodies_and_unknown_paths() -> None:
    with offered(ScriptedEngine([])) as url, httpx.Client(base_url=url) as client:
        assert client.post(CHATS[0], content=b" " * 3_000_000).status_code == 413
        assert client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
        assert client.post("/api/pull", json={}).status_code == 404
        assert isinstance(client.post("/api/pull", json={}).json()["error"], str)
        assert client.get(CHATS[0]).status_code == 405
        assert client.head("/").status_code == 200
        assert client.get("/api/version").json()["version"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "["}, 403),
        ({"Host": "friend"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_model_pages_of_elsewhere_are_kept_out(headers: dict[str, str], status: int) -> None:
    with offered(ScriptedEngine([]), allow=("friend",)) as url:
        for path in ("/v1/models", "/api/tags"):
            assert httpx.get(f"{url}{path}", headers=headers).status_code == status


def test_model_a_token_is_asked_for() -> None:
    token = "0123456789abcdef-token"
    with offered(ScriptedEngine(["Hi"]), token=token) as url:
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": f"Basic {token}"}):
            for path in ("/", "/v1/models", "/api/tags"):
                answer = httpx.get(f"{url}{path}", headers=headers)
                assert answer.status_code == 401
                assert token not in answer.text
        with pytest.raises(openai.AuthenticationError):
            openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0).models.list()
        right = openai.OpenAI(base_url=f"{url}/v1", api_key=token)
        assert right.chat.completions.create(**BODY).choices[0].message.content == "Hi"


def test_model_only_the_loopback_goes_without_a_token(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert token_of(Config(host=host)) is None
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org"):
        with pytest.raises(EnactorError, match="--token-file"):
            token_of(Config(host=host))
    file = tmp_path / "token"
    file.write_text("0123456789abcdef\n")
    file.chmod(0o600)
    assert token_of(Config(host="0.0.0.0", token_file=file)) == "0123456789abcdef"
    file.chmod(0o640)
    with pytest.raises(EnactorError, match="chmod 600"):
        token_of(Config(host="0.0.0.0", token_file=file))
    file.chmod(0o600)
    file.write_text("short")
    with pytest.raises(EnactorError, match="at least 16"):
        token_of(Config(token_file=file))


def test_model_the_start_refuses_with_a_cure(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, cure in (
            (["--model", "ollama:qwen"], "embedded model with --model"),
            (["--host", "0.0.0.0"], "--token-file"),
            (["--port", port], "--host or --port"),
            (["--host", "no.such.host.invalid", "--token-file", "none"], "name another file"),
            (["--port", "0", "--model", "nothing-like-it"], "no model named"),
        ):
            assert main(["serve", "model", *arguments]) == 1
            assert cure in capfd.readouterr().err
    assert main(["serve", "model", "--port", "many"]) == 2


@pytest.mark.slow
@pytest.mark.model
def test_model_the_command_serves_the_real_model(tmp_path: Path) -> None:
    try:
        model_file("default")
    except EnactorError as error:
        pytest.skip(f"no base weights: {error}")
    command = [
        sys.executable,
        "-m",
        "enactor",
        "serve",
        "model",
        "--port",
        "0",
        "--slots",
        "1",
        "--threads",
        "1",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = ""
            while "Serving" not in line:
                line = process.stderr.readline()
                assert line, "it ended"
            url = line.split(" on ")[1].split()[0]
            client = openai.OpenAI(base_url=url, api_key="x", max_retries=0, timeout=120)
            (served,) = client.models.list()
            from enactor.world import openai_tools

            ask: Any = {
                "model": served.id,
                "messages": [{"role": "user", "content": "kill 20 chickens"}],
                "tools": openai_tools(),
            }
            made = client.chat.completions.create(**ask).choices[0]
            assert made.finish_reason == "tool_calls"
            calls: Any = made.message.tool_calls
            assert calls[0].function.name == "send_command"
            assert "KILL_LOOP" in calls[0].function.arguments
            import ollama

            base = url.removesuffix("/v1")
            parts = list(
                ollama.Client(base, timeout=120).chat(
                    model=served.id, messages=ask["messages"], tools=ask["tools"], stream=True
                )
            )
            assert [c.function.name for part in parts for c in part.message.tool_calls or ()] == [
                "send_command"
            ]
            with pytest.raises(openai.BadRequestError) as long:
                client.chat.completions.create(
                    model=served.id, messages=[{"role": "user", "content": "tuna " * 3000}]
                )
            assert long.value.code == "context_length_exceeded"
            card = ollama.Client(base).show(served.id)
            assert card.details is not None
            assert card.details.quantization_level == "Q8_0"
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
