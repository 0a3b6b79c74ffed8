"""The labelling page over a real socket: what it answers, and what it refuses to whom."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from label_records import HOSTILE, copied

from enactor.cli import main
from enactor.errors import EnactorError
from enactor.serve.label import Desk, listen, make_app

pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")

TOKEN = "a-token-of-some-length"
Start = Callable[..., httpx.Client]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture(autouse=True)
def ids(folder: Path) -> dict[str, str]:
    return copied(folder)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts servers; a client for each, with the page's own origin."""
    running = []

    def begin(token: str = "", annotator: str = "") -> httpx.Client:
        bound = listen("127.0.0.1", 0, token)
        app = make_app(Desk(folder), annotator=annotator, token=token)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        base = f"http://127.0.0.1:{bound.getsockname()[1]}"
        client = httpx.Client(base_url=base, headers={"Origin": base})
        running.append((server, thread, client, bound))
        return client

    yield begin
    for server, thread, client, bound in running:
        client.close()
        server.should_exit = True
        thread.join()
        bound.close()


def test_the_page_loads_nothing_from_elsewhere(start: Start) -> None:
    page = start().get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "server" not in page.headers or "uvicorn" in page.headers["server"]
    static = Path(sys.modules["enactor.serve.label"].__file__ or "").parent / "static"
    for path in static.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path.name
        assert "innerHTML" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        got = start().get(f"/static/{path.name}") if path.name == "app.js" else None
        assert got is None or got.headers["content-type"].startswith("text/javascript")


def test_only_the_pages_own_files_are_served(start: Start) -> None:
    client = start()
    for path in (
        "/static/../desk.py",
        "/static/%2e%2e/desk.py",
        "/static/desk.py",
        "/etc/passwd",
        "/static/",
    ):
        assert client.get(path).status_code == 404


def test_a_trace_is_labelled_corrected_and_undone(start: Start, ids: dict[str, str], folder: Path) -> None:
    client = start(annotator="ann")
    assert client.get("/api/session").json() == {"annotator": "ann"}
    queue = client.get("/api/queue", params={"annotator": "ann"}).json()
    assert queue["total"] == 6
    assert queue["entries"][0]["id"] == ids["forced"]
    trace = client.get(f"/api/traces/{ids['style']}", params={"annotator": "ann"}).json()
    assert trace["calls"].splitlines()[1] == "KILL_LOOP giant_frog none 1"
    checked = client.post(
        "/api/check", json={"trace": ids["style"], "text": "SWITCH_COMBAT_STYL strength", "reply": ""}
    ).json()
    assert checked["lines"][0]["nearest"] == "SWITCH_COMBAT_STYLE strength"
    assert checked["row"]["ok"] is False
    completed = client.post(
        "/api/complete", json={"trace": ids["style"], "line": "KILL_LOOP giant_fr"}
    ).json()
    assert completed["options"][0]["text"] == "Giant_frog"
    assert completed["usage"].startswith("KILL_LOOP <npc> <food>")
    sent = {"trace": ids["style"], "annotator": "ann", "rating": 2, "calls": "STOP"}
    saved = client.post("/api/labels", json=sent).json()
    assert saved["progress"]["mine"] == 1
    [event] = [json.loads(line) for line in (folder / "user_feedback.jsonl").read_text().splitlines()]
    assert event["trace"] == ids["style"]
    assert event["label"]["calls"] == [{"tool": "send_command", "args": {"command": "STOP"}}]
    assert client.post("/api/undo", json={"annotator": "ann"}).json()["trace"] == ids["style"]
    assert client.get("/api/progress", params={"annotator": "ann"}).json()["mine"] == 0


def test_hostile_text_stays_json(start: Start, ids: dict[str, str]) -> None:
    answer = start().get(f"/api/traces/{ids['hostile']}")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["message"].startswith(HOSTILE.split("\u202e")[0])
    assert answer.text.isascii()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/labels", b"[]", 400),
        ("/api/labels", b"{", 400),
        ("/api/labels", b"[" * 30_000, 400),
        ("/api/labels", b'{"trace": "h1:none", "annotator": "a", "rating": 9}', 422),
        ("/api/check", b'{"trace": 3}', 422),
        ("/api/labels", b" " * 70_000, 413),
        ("/api/none", b"{}", 404),
    ],
)
def test_bad_requests_are_told_apart(start: Start, path: str, body: bytes, status: int) -> None:
    answer = start().post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if status != 404:
        assert answer.json()["error"]


def test_bad_queries_are_refused(start: Start) -> None:
    client = start()
    assert client.get("/api/queue", params={"view": "secret"}).status_code == 422
    assert len(client.get("/api/queue", params={"limit": "-1"}).json()["entries"]) == 6
    assert len(client.get("/api/queue", params={"limit": "9" * 30}).json()["entries"]) == 6
    assert len(client.get("/api/queue", params={"limit": "2"}).json()["entries"]) == 2
    assert client.get("/api/traces/h1:none").status_code == 422
    assert client.delete("/api/labels").status_code == 405


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_cannot_write(
    start: Start, ids: dict[str, str], headers: dict[str, str], status: int
) -> None:
    client = start()
    sent = {"trace": ids["clean"], "annotator": "ann", "rating": 1}
    answer = client.post(
        "/api/labels", content=json.dumps(sent), headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status_code == status
    assert client.get("/api/progress").json()["labelled"] == 0


def test_other_sites_cannot_read(start: Start) -> None:
    client = start()
    assert client.get("/api/queue", headers={"Host": "rebound.example"}).status_code == 421
    assert client.get("/api/queue", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    answer = client.get("/api/queue")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_length_that_lies_is_cut_off(start: Start) -> None:
    client = start()
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        host = f"{client.base_url.host}:{client.base_url.port}"
        raw.sendall(
            f"POST /api/labels HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(5):
            raw.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        assert b" 413 " in raw.recv(200)


def test_a_token_opens_a_session(start: Start, ids: dict[str, str]) -> None:
    client = start(token=TOKEN)
    assert client.get("/").status_code == 200  # the page itself holds nothing
    for path in ("/api/session", "/api/queue", f"/api/traces/{ids['clean']}", "/api/progress"):
        assert client.get(path).status_code == 401
    sent = {"trace": ids["clean"], "annotator": "ann", "rating": 1}
    assert client.post("/api/labels", json=sent).status_code == 401
    began = time.perf_counter()
    for wrong in ({"token": "guess"}, {"token": None}, {}, []):
        assert client.post("/api/login", json=wrong).status_code == 401
    assert time.perf_counter() - began > 1.5  # guesses are slowed down
    login = client.post("/api/login", json={"token": TOKEN})
    assert login.status_code == 200
    assert {"HttpOnly", "SameSite=Strict"} <= set(login.headers["set-cookie"].replace(" ", "").split(";"))
    assert TOKEN not in login.headers["set-cookie"]
    assert client.get("/api/queue").json()["total"] == 6
    assert client.post("/api/labels", json=sent).status_code == 200
    assert (
        client.get("/api/queue", headers={"Host": "by-its-name.lan"}).status_code == 200
    )  # a session is enough
    client.cookies.clear()
    client.cookies.set("enactor_label", "guess")
    assert client.get("/api/queue").status_code == 401
    assert client.post("/api/login", json={"token": TOKEN}, headers={"Origin": "http://x"}).status_code == 403


def test_without_a_token_there_is_nothing_to_log_in_to(start: Start) -> None:
    assert start().post("/api/login", json={"token": ""}).status_code == 401


@pytest.mark.parametrize(
    ("host", "token", "told"),
    [
        ("0.0.0.0", "", "can be reached from other machines"),
        ("::", "", "can be reached from other machines"),
        ("127.0.0.1", "short", "too short"),
    ],
)
def test_listening_is_refused_where_others_could_come_in(host: str, token: str, told: str) -> None:
    with pytest.raises(EnactorError, match=told):
        listen(host, 0, token)


def test_a_taken_port_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["label", "--training-log", str(folder), "--no-open", "--port", port]) == 1
    assert "name another with --port" in capsys.readouterr().err


def test_the_command_serves_until_it_is_interrupted(folder: Path) -> None:
    command = [sys.executable, "-m", "enactor", "label", "--training-log", str(folder), "--no-open"]
    running = subprocess.Popen(
        [*command, "--port", "0", "--token", "new", "--annotator", "ann"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        told = running.stdout.readline()
        base, _, token = told.split(" at ")[1].split()[0].partition("/#token=")
        assert len(token) >= 16
        with httpx.Client(base_url=base, headers={"Origin": base}) as client:
            assert client.get("/api/session").status_code == 401
            client.post("/api/login", json={"token": token})
            assert client.get("/api/session").json() == {"annotator": "ann"}
        running.send_signal(2)
        _, complaint = running.communicate(timeout=20)
    finally:
        running.kill()
    assert running.returncode == 0
    assert "Traceback" not in complaint
