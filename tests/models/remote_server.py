"""A real HTTP server that does what it is told, wrongly if need be: one behaviour for each request."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Hands each POST to the server's next behaviour; the last one stays."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers), body, time.monotonic()))
            self.server.ports.append(self.client_address[1])
            script = self.server.script
            behave = script.pop(0) if len(script) > 1 else script[0]
        behave(self)

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers), {}, time.monotonic()))
        self.server.script[0](self)

    def begin(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()

    def send(self, text: str) -> None:
        self.wfile.write(text.encode())
        self.wfile.flush()

    def cut(self) -> None:
        """A reset, not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.connection.close()
        self.close_connection = True

    def gone(self, limit_s: float = 10.0) -> bool:
        """Wait until the client has left."""
        self.connection.settimeout(limit_s)
        try:
            return self.connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: list[Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = script
        self.lock = threading.Lock()
        self.seen: list[tuple[str, dict[str, str], dict[str, Any], float]] = []
        self.ports: list[int] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves in the middle is what some tests want."""


@contextmanager
def serving(*script: Behaviour) -> Iterator[Server]:
    server = Server(list(script))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def event(value: Mapping[str, Any] | str) -> str:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def delta(finish: str | None = None, **piece: Any) -> str:
    return event({"choices": [{"index": 0, "delta": piece, "finish_reason": finish}]})


def stream(*events: str) -> Behaviour:
    """The events, one write each, then an orderly end."""

    def behave(handler: Handler) -> None:
        handler.begin()
        for one in events:
            handler.send(one)

    return behave


def say(text: str) -> Behaviour:
    """A good answer in two pieces, with its usage."""
    half = len(text) // 2
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    return stream(
        delta(role="assistant", content=""),
        ": keep-alive\n\n",
        delta(content=text[:half]),
        delta(content=text[half:]),
        delta(finish="stop"),
        event({"choices": [], "usage": usage}),
        event("[DONE]"),
    )


def kept_open(text: str) -> Behaviour:
    """A good answer after which the connection stays."""

    def behave(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for one in (delta(content=text), delta(finish="stop"), event("[DONE]"), ""):
            handler.send(f"{len(one.encode()):x}\r\n{one}\r\n")

    return behave


def call(name: str, arguments: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*pieces: dict[str, Any], finish: str = "tool_calls") -> Behaviour:
    """Calls, a delta each."""
    return stream(*(delta(tool_calls=[piece]) for piece in pieces), delta(finish=finish), event("[DONE]"))


def refuse(status: int, body: Any = "no", **headers: str) -> Behaviour:
    text = body if isinstance(body, str) else json.dumps(body)

    def behave(handler: Handler) -> None:
        handler.begin(status, "application/json", **headers)
        handler.send(text)

    return behave


def drop(handler: Handler) -> None:
    """The connection is reset before a word."""
    handler.cut()


def hang(handler: Handler) -> None:
    """Silence until the client leaves."""
    handler.begin()
    if handler.gone():
        handler.server.left.set()


def say_then_hang(text: str) -> Behaviour:
    def behave(handler: Handler) -> None:
        handler.begin()
        handler.send(delta(content=text))
        if handler.gone():
            handler.server.left.set()

    return behave


def truncated(text: str, *, reset: bool = False) -> Behaviour:
    """The beginning of an answer; then the connection ends, or is reset."""

    def behave(handler: Handler) -> None:
        handler.begin()
        handler.send(delta(content=text))
        if reset:
            time.sleep(0.05)
            handler.cut()

    return behave
