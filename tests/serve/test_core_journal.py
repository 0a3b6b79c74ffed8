"""The durable queue: what a restart finds, torn and foreign lines, full disks, one owner, kills."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from core_parts import ME, SlowEngine, serving
from hypothesis import given
from hypothesis import strategies as st

from enactor.errors import EnactorError
from enactor.serve.core import Finished, Interrupted
from enactor.serve.core import journal as module
from enactor.serve.core.events import Caller
from enactor.serve.core.journal import Journal, Ticket

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def ticket(request: str, message: str = "walk", at: float | None = None) -> Ticket:
    return Ticket(request, ME, "main", message, "place", at=time.time() if at is None else at)


@given(TEXT, TEXT, TEXT, st.frozensets(TEXT, max_size=3))
def test_a_ticket_comes_back_as_it_was(
    request_id: str, message: str, place: str, roles: frozenset[str]
) -> None:
    kept = Ticket(request_id, Caller("door", "p", "name", roles), "main", message, place, "w", 3, 1.5)
    assert module._ticket(json.loads(json.dumps(kept.line("accepted")))) == kept


def test_a_start_finds_what_was_left(tmp_path: Path) -> None:
    path = tmp_path / "queue.jsonl"
    first = Journal(path)
    for name in ("a", "b", "c", "d"):
        first.write(ticket(name), "accepted")
    first.write(ticket("b"), "dispatching")
    first.write(ticket("c"), "dispatching")
    first.done("finished", "c")
    first.write(ticket("later-main-1"), "deferred")
    first.close()
    with path.open("ab") as file:
        file.write(b'no json\n{"request": 1}\n{"request":"e","step":"acc')
    second = Journal(path)
    assert [t.request for t in second.found.accepted] == ["a", "d"]
    assert [t.request for t in second.found.begun] == ["b"]
    assert [t.request for t in second.found.deferred] == ["later-main-1"]
    assert second.found.unread == 2
    assert second.known("c")
    assert not second.known("e")
    assert len(list(tmp_path.glob("*.torn"))) == 1
    second.close()


def test_one_service_has_it_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path / "queue.jsonl")
    with pytest.raises(EnactorError, match="in use by another service"):
        Journal(tmp_path / "queue.jsonl")
    first.close()
    Journal(tmp_path / "queue.jsonl").close()


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPACT_AT", 50)
    monkeypatch.setattr(module, "REMEMBERED", 10)
    path = tmp_path / "queue.jsonl"
    journal = Journal(path)
    journal.write(ticket("open"), "accepted")

    def some(name: str) -> None:
        for number in range(40):
            journal.write(ticket(f"{name}{number}"), "accepted")
            journal.done("finished", f"{name}{number}")

    threads = [threading.Thread(target=some, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert len(path.read_text().splitlines()) < 120
    again = Journal(path)
    assert [t.request for t in again.found.accepted] == ["open"]
    again.close()


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "queue.jsonl"
    journal = Journal(path)
    journal.write(ticket("a"), "accepted")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path) + 20, hard))
    try:
        with pytest.raises(EnactorError, match="cannot be kept safe"):
            journal.write(ticket("b"), "accepted")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    journal.write(ticket("c"), "accepted")
    journal.close()
    again = Journal(path)
    assert [t.request for t in again.found.accepted] == ["a", "c"]
    again.close()


def test_a_restart_carries_out_what_waited_and_reports_what_was_begun(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "queue.jsonl")
    journal.write(ticket("waits", "GOTO east 5"), "accepted")
    journal.write(ticket("old", "GOTO east 5", at=time.time() - 10_000), "accepted")
    journal.write(ticket("begun", "GOTO east 9"), "accepted")
    journal.write(ticket("begun", "GOTO east 9"), "dispatching")
    journal.close()
    with serving(None, tmp_path) as (service, heard):
        assert heard.wait(Finished).request == "waits"
        assert heard.wait(Interrupted, lambda event: event.begun).request == "begun"
        assert heard.wait(Interrupted, lambda event: not event.begun).request == "old"
        assert service.status(ME, "main").state.location == (3227, 3218, 0)
        kept = {trace.message: trace.outcome for trace in service.store.iterate()}  # type: ignore[union-attr]
        assert kept["GOTO east 9"] == "failed"
    with serving(None, tmp_path) as (_, heard):
        time.sleep(0.2)
        assert heard.events == []


def test_an_orderly_end_keeps_what_waits(tmp_path: Path) -> None:
    engine = SlowEngine()
    with serving(engine, tmp_path) as (service, _):
        service.submit(ME, "main", "walk")
        service.submit(ME, "main", "GOTO east 3")
        assert engine.under_way.wait(10)
    with serving(None, tmp_path) as (service, heard):
        heard.wait(Finished, lambda event: event.trace.message == "walk")
        heard.wait(Finished, lambda event: event.trace.message == "GOTO east 3")
        assert service.status(ME, "main").state.location == (3230, 3218, 0)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_kills_lose_and_double_nothing() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    done = subprocess.run(
        [sys.executable, str(script), "--kills", "2"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["acknowledged"] > 5


def test_what_stop_dropped_stays_dropped(tmp_path: Path) -> None:
    engine = SlowEngine(deaf=True)
    with serving(engine, tmp_path) as (service, heard):
        for message in ("walk", "walk", "GOTO east 3"):
            service.submit(ME, "main", message)
        assert engine.under_way.wait(10)
        service.submit(ME, "main", "stop")
        kept = (tmp_path / "queue.jsonl").read_text()  # as a kill at this moment would leave it
        assert len([e for e in heard.events if type(e).__name__ == "Cancelled"]) >= 2
    (tmp_path / "queue.jsonl").write_text(kept)
    with serving(None, tmp_path) as (_, heard):
        time.sleep(0.3)
        assert heard.events == []


def test_whatever_is_said_nothing_breaks_and_nobody_acts_unpermitted() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
    done = subprocess.run(
        [sys.executable, str(script), "--target", "message", "--seconds", "0.1"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
