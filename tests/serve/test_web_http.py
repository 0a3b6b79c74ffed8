"""The web console over a real socket: what it answers, what it refuses to whom, what it streams."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web_console import HOSTILE, TOKEN, Running, running

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("web")
    reports = folder / "reports"
    (reports / "eval").mkdir(parents=True)
    (reports / "eval" / "default.json").write_text('{"n": 1}')
    (reports / "page.html").write_text("<script>alert(1)</script>")
    (reports / "rows.jsonl").write_text("a player's words")
    (folder / "secret.json").write_text("secret")
    (reports / "link.json").symlink_to(folder / "secret.json")
    with running(folder, reports=reports) as made:
        yield made


def stream(client: httpx.Client, count: int, last: str = "") -> list[dict[str, Any]]:
    """The first events of the stream; each with its id."""
    found: list[dict[str, Any]] = []
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/api/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        identity = ""
        for line in answer.iter_lines():
            if line.startswith("id: "):
                identity = line[4:]
            if line.startswith("data: "):
                found.append({"id": identity, **json.loads(line[6:])})
            if len(found) >= count:
                return found
    return found


def test_the_page_loads_nothing_from_elsewhere(page: Running) -> None:
    got = page.client.get("/")
    policy = got.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["x-frame-options"] == "DENY"
    folder = Path(sys.modules["enactor.serve.web"].__file__ or "").parent / "static"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path.name
        assert "innerHTML" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert page.client.get(f"/static/{path.name}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/app.py",
        "/static/",
        "/reports/../secret.json",
        "/reports/%2e%2e/secret.json",
        "/reports/..%2fsecret.json",
        "/reports/link.json",
        "/reports/rows.jsonl",
        "/reports//etc/passwd",
        "/label/static/%2e%2e/desk.py",
        "/nothing",
    ],
)
def test_nothing_else_is_served(page: Running, path: str) -> None:
    host, port = page.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:  # httpx would tidy the path
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert b" 404 " in answer.split(b"\r\n", 1)[0]
    assert b"secret" not in answer
    assert b"content-security-policy" in answer.lower()


def test_reports_are_files_that_can_do_nothing(page: Running) -> None:
    listed = page.client.get("/api/reports").json()["reports"]
    assert {row["path"] for row in listed} == {"eval/default.json", "page.html"}
    got = page.client.get("/reports/page.html")
    assert got.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert len(got.headers.get_list("content-security-policy")) == 1
    assert page.client.get("/reports/eval/default.json").headers["content-type"].startswith("text/plain")


def test_a_request_is_carried_out_and_told(page: Running) -> None:
    done = page.say("walk 20 east")
    assert done["played"]["outcome"] == "executed"
    assert done["played"]["calls"][0]["args"]["command"].startswith("GOTO ")
    assert done["detail"]["steps"][0]["origin"] == "raw"
    assert done["detail"]["outputs"]
    assert page.client.post("/api/rate", json={"trace": done["trace_id"], "rating": 5}).status_code == 200
    sent = {"trace": done["trace_id"], "calls": "GOTO west 20", "reply": ""}
    assert page.client.post("/api/correct", json=sent).status_code == 200
    wrong = page.client.post("/api/correct", json={**sent, "calls": "GOO west"})
    assert wrong.status_code == 422
    assert "GOO" in wrong.json()["error"]
    assert page.store is not None
    events = [
        json.loads(line) for line in (page.store.folder / "user_feedback.jsonl").read_text().splitlines()
    ]
    assert [event["rating"] for event in events if event["trace"] == done["trace_id"]] == [5, None]
    assert events[-1]["label"]["calls"][0]["args"] == {"command": "GOTO west 20"}
    checked = page.client.post("/api/check", json={"trace": done["trace_id"], "text": "KILL_LOP Cow"}).json()
    assert checked["lines"][0]["nearest"].startswith("KILL_LOOP")
    offered = page.client.post("/api/complete", json={"trace": done["trace_id"], "line": "KILL_LOOP giant_f"})
    assert offered.json()["options"][0]["text"] == "Giant_frog"


def test_the_stream_begins_with_all_and_goes_on_where_it_was(page: Running) -> None:
    page.say("how much hp do i have")
    first = stream(page.client, 4)
    assert first[0]["event"] == "hello"
    assert not first[0]["resumed"]
    last = page.console.feed._events[-1][0]
    again = page.client.post("/api/say", json={"message": "thanks"}).json()["request"]
    on = stream(page.client, 4, f"{page.console.feed.run}-{last}")
    assert on[0]["resumed"]
    # What the world looks like may come in between.
    told = [(event["event"], event["request"]) for event in on if "request" in event]
    assert told[0] == ("accepted", again)
    assert not stream(page.client, 1, "other-5")[0]["resumed"]
    for odd in ("-", "x" * 5000, f"{page.console.feed.run}-{'9' * 30}", "\u00b2-\u00b2".encode("latin-1")):
        headers = {b"Last-Event-ID": odd if isinstance(odd, bytes) else odd.encode()}
        with page.client.stream("GET", "/api/events", headers=headers) as answer:  # type: ignore[arg-type]
            assert answer.status_code == 200


def test_only_so_many_pages_listen(page: Running) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        codes = [stack.enter_context(page.client.stream("GET", "/api/events")).status_code for _ in range(18)]
    assert codes.count(200) <= 16
    assert 503 in codes


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1:80@evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "[::1]evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_sites_can_do_nothing(page: Running, headers: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "application/json", **headers}
    assert page.client.post("/api/stop", content=b"{}", headers=sent).status_code == status


def test_other_sites_cannot_listen(page: Running) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/api/events", "/api/log", "/api/openapi.json", "/reports/page.html", "/label/api/queue"):
        assert page.client.get(path, headers=headers).status_code == 403
    no_origin = httpx.post(f"{page.base}/api/stop", json={})
    assert no_origin.status_code == 403
    assert page.client.put("/api/stop", json={}).status_code == 405
    assert page.client.options("/api/stop").status_code == 405


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/say", b"[]", 400),
        ("/api/say", b"{", 400),
        ("/api/say", b"[" * 30_000, 400),
        ("/api/say", b"\xff\xfe", 400),
        ("/api/say", b'{"message": 3}', 422),
        ("/api/say", b'{"message": ""}', 422),
        ("/api/say", b'{"message": "' + b"x" * 3000 + b'"}', 422),
        ("/api/say", b'{"message": "hi", "account": "other"}', 422),
        ("/api/say", b" " * 70_000, 413),
        ("/api/speed", b'{"speed": NaN}', 422),
        ("/api/speed", b'{"speed": 1e99}', 422),
        ("/api/model", b'{"model": "/etc/passwd"}', 422),
        ("/api/model", b'{"model": "http://evil.example/v1"}', 422),
        ("/api/scenario", b'{"scenario": "../x"}', 422),
        ("/api/rate", b'{"trace": "h1:none", "rating": 5}', 422),
        ("/api/rate", b'{"trace": "h1:none", "rating": 6}', 422),
        ("/api/rate", b'{"trace": "h1:none", "rating": true}', 422),
        ("/api/correct", b'{"trace": "h1:none", "calls": ""}', 422),
        ("/api/compare", b'{"message": "hi", "a": "default", "b": "../x"}', 422),
        ("/api/vote", b'{"comparison": "none", "choice": "first"}', 422),
        ("/api/vote", b'{"comparison": "none", "choice": "c"}', 422),
        ("/api/answer", b'{"request": "none", "yes": true}', 409),
        ("/api/cancel", b'{"request": "none"}', 409),
        ("/api/atlas", b"{}", 405),
    ],
)
def test_what_cannot_be_taken_is_refused(page: Running, path: str, body: bytes, status: int) -> None:
    answer = page.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "query", ["", "x=1", "x=a&y=2", "x=1&y=2&x=3", "x=-1&y=2", "x=1&y=2&radius=5000", "x=1&y=2&z=3"]
)
def test_a_part_of_the_map_has_bounds(page: Running, query: str) -> None:
    assert page.client.get(f"/api/atlas?{query}").status_code == 422


def test_two_models_blind_and_a_vote(page: Running) -> None:
    before = page.service.accounts["default"].observe().location
    sent = {"message": "walk 20 east", "a": "default", "b": "other", "blind": True}
    done = page.client.post("/api/compare", json=sent).json()
    for side in done["sides"].values():
        assert side["model"] is None
        assert side["detail"] is None
        assert "latency_ms" not in side["record"]
        assert side["record"]["outcome"] == "executed"
    assert page.service.accounts["default"].observe().location == before
    vote = {"comparison": done["comparison"], "choice": "second"}
    told = page.client.post("/api/vote", json=vote).json()
    assert sorted(told["models"].values()) == ["default", "other"]
    assert page.client.post("/api/vote", json=vote).status_code == 422
    assert page.store is not None
    (line,) = (page.store.folder / "ab_votes.jsonl").read_text().splitlines()
    event = json.loads(line)
    assert event["choice"] == "second"
    assert event["winner"] == told["models"]["second"]
    assert event["player"].startswith("p1:")


def test_models_scenarios_and_time(page: Running) -> None:
    assert page.client.post("/api/model", json={"model": "other"}).json()["model"] == "other"
    assert page.client.post("/api/model", json={"model": "default"}).json()["model"] == "default"
    assert page.client.post("/api/speed", json={"speed": 60}).json()["speed"] == 60
    assert page.client.post("/api/speed", json={"speed": 0}).json()["speed"] == 0
    listed = page.client.get("/api/scenarios").json()["scenarios"]
    assert len(listed) > 200
    begun = page.client.post("/api/scenario", json={"scenario": "boat_without_the_fare"}).json()
    assert "karamja" in begun["say"]
    assert page.service.accounts["default"].observe().location == (3093, 3250, 0)
    assert page.client.post("/api/scenario", json={"scenario": ""}).status_code == 200
    assert page.service.accounts["default"].observe().location == (3222, 3218, 0)
    assert page.client.get("/api/log").json()["lines"] == []


def test_texts_of_the_game_and_the_model_are_plain(page: Running) -> None:
    done = page.say(f"odd {HOSTILE}")
    assert "\u202e" not in json.dumps(done, ensure_ascii=False)
    assert "<script>" in done["played"]["reply"]  # as text: the page never makes markup of it


def test_the_description_has_every_route(page: Running) -> None:
    described = page.client.get("/api/openapi.json").json()
    assert described["openapi"] == "3.1.0"
    for path, operations in described["paths"].items():
        for method in operations:
            other = "post" if method == "get" else "get"
            assert page.client.request(other, path, json={} if other == "post" else None).status_code == 405
    references = json.dumps(described)
    for name in described["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in references


def test_a_token_guards_everything_but_the_page_itself(tmp_path: Path) -> None:
    with running(tmp_path, token=TOKEN) as made:
        assert made.client.get("/").status_code == 200
        for path in (
            "/api/session",
            "/api/events",
            "/api/openapi.json",
            "/label/",
            "/label/api/queue",
            "/reports/x",
        ):
            assert made.client.get(path).status_code == 401
        assert made.client.post("/api/stop", json={}).status_code == 401
        assert made.client.post("/api/login", json={"token": "wrong"}).status_code == 401
        opened = made.client.post("/api/login", json={"token": TOKEN})
        cookie = opened.headers["set-cookie"]
        assert cookie.startswith("enactor_web=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert made.client.get("/api/session").json()["player"] == "ann"
        assert made.client.get("/label/").status_code == 200
        assert made.client.post("/api/stop", json={}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b'{"token": "\\ud800"}', b"[" * 30_000, b'{"token": ' + b"9" * 6000 + b"}", b'{"token": null}', b"[]"],
)
def test_whatever_is_no_token_is_a_wrong_one(tmp_path: Path, body: bytes) -> None:
    with running(tmp_path, token=TOKEN) as made:
        sent = made.client.post("/api/login", content=body, headers={"Content-Type": "application/json"})
        assert (sent.status_code, sent.json()) == (401, {"error": "That is not the token."})


def test_without_a_log_nothing_is_rated(tmp_path: Path) -> None:
    with running(tmp_path, log=False) as made:
        assert made.client.get("/api/session").json()["label"] is False
        done = made.say("thanks")
        assert done["trace_id"] == ""
        assert "log" in made.client.post("/api/rate", json={"trace": "h1:x", "rating": 1}).json()["error"]
        sent = {"message": "hi", "a": "default", "b": "other"}
        comparison = made.client.post("/api/compare", json=sent).json()["comparison"]
        assert (
            made.client.post("/api/vote", json={"comparison": comparison, "choice": "first"}).status_code
            == 409
        )


def test_stop_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    with running(tmp_path, pace=5.0) as made:
        slow = made.client.post("/api/say", json={"message": "slow"}).json()["request"]
        waits = made.client.post("/api/say", json={"message": "walk 20 east"}).json()["request"]
        made.until(lambda e: e["event"] == "progress" or (e["event"] == "started" and e["request"] == slow))
        assert made.client.post("/api/stop", json={}).status_code == 200
        for request in (slow, waits):
            made.until(lambda e, r=request: e.get("request") == r and e["event"] == "cancelled")


def test_a_full_disk_is_told(page: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    done = page.say("thanks")
    monkeypatch.setattr("enactor.trace.store.append_line", full)
    answer = page.client.post("/api/rate", json={"trace": done["trace_id"], "rating": 1})
    assert answer.status_code == 507
    assert "free some space" in answer.json()["error"]


def test_the_live_game_is_shown_and_neither_reset_nor_sped_up(tmp_path: Path) -> None:
    from enactor.bridge import LiveBackend
    from enactor.sim import Simulator
    from enactor.sim.plugin_files import PluginFiles
    from enactor.world import ipc

    files = tmp_path / "game"
    files.mkdir()
    stop = threading.Event()
    plugin = PluginFiles(Simulator(), ipc.Mailbox(files, "default"), poll_s=0.005, speed=40.0)
    thread = threading.Thread(target=plugin.serve, args=(stop,), daemon=True)
    thread.start()
    try:
        with LiveBackend(folder=files) as backend, running(tmp_path, backend=backend) as made:
            session = made.client.get("/api/session").json()
            assert (session["backend"], session["speeds"], session["scenarios"]) == ("live", [], False)
            done = made.say("walk 20 east")
            assert done["played"]["outcome"] == "executed"
            for path, body in (("scenario", {"scenario": ""}), ("speed", {"speed": 1})):
                assert made.client.post(f"/api/{path}", json=body).status_code == 409
            with made.client.stream("GET", "/api/events"):  # somebody looks
                seen = made.until(lambda e: e["event"] == "scene")["scene"]
            assert seen["tile"][0] > 3222
            assert seen["npcs"]
            assert made.client.get("/api/log").status_code == 200
    finally:
        stop.set()
        thread.join(5)


def test_what_was_not_taken_is_no_part_of_the_conversation(page: Running) -> None:
    page.console.feed.publish({"event": "mark"})
    for message in ("   ", "x" * 2500):
        assert page.client.post("/api/say", json={"message": message}).status_code == 422
    page.say("thanks")
    kept = [record["event"] for _, record, _ in page.console.feed._events]
    assert "refused" not in kept[kept.index("mark") :]


def test_a_game_that_cannot_be_read_is_told(page: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from enactor.errors import EnactorError

    def broken(_: object) -> None:
        raise EnactorError("the state file is gone: start the client")

    monkeypatch.setattr(type(page.service.accounts["default"]), "observe", broken)
    with page.client.stream("GET", "/api/events"):
        page.until(lambda e: e["event"] == "scene" and "start the client" in e["scene"].get("problem", ""))


def test_a_fault_of_the_program_shows_one_sentence(page: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enactor.serve.web.console.scenarios", lambda: 1 / 0)
    answer = page.client.get("/api/scenarios")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong in the service itself; its log has more."}
    assert answer.headers["content-security-policy"]
