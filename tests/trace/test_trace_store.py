"""Rows come back exactly; the store keeps what it acknowledged, whatever happens to its writers."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.trace import (
    Feedback,
    ReadReport,
    Trace,
    TraceStore,
)
from enactor.trace.store import with_player

SIMPLE = Trace("kill frogs", "On it.", "executed", "executed", timestamp="2030-01-02T03:04:05")


def test_append_iterate_and_read(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "new" / "folder")
    key = store.append(SIMPLE)
    store.append(Trace("hi", "Hello", "answered", "answered", timestamp="2030-01-03T00:00:00"))
    assert store.days() == ["2030-01-02", "2030-01-03"]
    assert [t.message for t in store.iterate()] == ["kill frogs", "hi"]
    assert [t.message for t in store.iterate(["2030-01-03"])] == ["hi"]
    assert store.read(key) == SIMPLE
    assert store.read("h1:none") is None


def test_a_timestamp_can_not_name_another_file(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "s")
    store.append(Trace("a", "", "failed", "failed", timestamp="../../evil"))
    assert len(store.days()) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"s"}


def test_a_torn_tail_is_set_aside_and_reported(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    path = tmp_path / "training_2030-01-02.jsonl"
    with path.open("ab") as file:
        file.write(b'{"id": "half')
    ((aside, size),) = TraceStore(tmp_path).opened.torn
    assert aside.read_bytes() == b'{"id": "half'
    assert size == 12
    assert [t.message for t in store.iterate()] == ["kill frogs"]
    # Torn while a store is open: the next append sets it aside too.
    with path.open("ab") as file:
        file.write(b'{"other')
    store.append(SIMPLE)
    assert len(list(store.iterate())) == 2
    assert len(list(tmp_path.glob("*.torn"))) == 2


def test_a_last_line_that_lacks_only_its_end_is_completed(tmp_path: Path) -> None:
    """Other programs leave the last line so; it is a row like the others."""
    path = tmp_path / "training_2030-01-02.jsonl"
    path.write_text('{"input": {"user_message": "a"}}\n{"input": {"user_message": "b"}}', encoding="utf-8")
    assert [t.message for t in TraceStore(tmp_path, readonly=True).iterate()] == ["a", "b"]
    store = TraceStore(tmp_path)
    assert not store.opened.torn
    store.append(SIMPLE)
    assert [t.message for t in store.iterate()] == ["a", "b", "kill frogs"]


def test_a_torn_tail_is_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "training_2030-01-02.jsonl"
    path.write_bytes(b'{"input": {"user_message": "a"}}\n{"' + b"x" * 200_000)
    ((_, size),) = TraceStore(tmp_path).opened.torn
    assert size == 200_002
    assert path.read_bytes() == b'{"input": {"user_message": "a"}}\n'


def test_a_look_changes_nothing(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    with (tmp_path / "training_2030-01-02.jsonl").open("ab") as file:
        file.write(b'{"id": "half')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    report = ReadReport()
    assert len(list(TraceStore(tmp_path, readonly=True).iterate(report=report))) == 1
    assert report.refused == {"torn tail": 1}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert not list(TraceStore(tmp_path / "none", readonly=True).iterate())
    assert not (tmp_path / "none").exists()


def test_reading_stops_where_the_file_ended_when_it_began(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    for found in store.iterate():
        store.append(found)
    assert len(list(store.iterate())) == 2


def test_what_a_killed_replacement_left_goes_on_opening(tmp_path: Path) -> None:
    TraceStore(tmp_path).append(SIMPLE)
    (tmp_path / "training_2030-01-02.jsonl.new").write_text("half")
    (tmp_path / "other.new").write_text("not ours")
    TraceStore(tmp_path)
    assert {p.name for p in tmp_path.glob("*.new")} == {"other.new"}


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    with (tmp_path / "training_2030-01-02.jsonl").open("ab") as file:
        file.write(b"garbage\n[1]\n{}\n\xff\xfe\n")
    report = ReadReport()
    assert len(list(store.iterate(report=report))) == report.rows == 1
    assert sum(report.refused.values()) == 4


def test_the_latest_feedback_wins(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    key = store.append(SIMPLE)
    store.add_feedback(Feedback(key, 2, "slow"))
    store.add_feedback(Feedback(key, 5))
    assert store.feedback()[key].rating == 5
    assert len((tmp_path / "user_feedback.jsonl").read_text().splitlines()) == 2
    with pytest.raises(EnactorError, match="1 to 5"):
        store.add_feedback(Feedback(key, 9))


def test_feedback_of_others_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    lines = [
        '{"trace": "h1:a", "rating": 4, "mood": "?"}',
        '{"trace": "h1:a", "rating": "9"}',
        '{"rating": 1}',
    ]
    (tmp_path / "user_feedback.jsonl").write_text("\n".join(lines) + "\n[]\n")
    report = ReadReport()
    assert store.feedback(report) == {"h1:a": Feedback("h1:a", 4)}
    assert sum(report.refused.values()) == 3


def test_a_player_is_hashed_and_can_be_forgotten(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    mine = store.append(with_player(SIMPLE, store, "Zezima"))
    other = store.append(with_player(SIMPLE, store, "Bob"))
    store.add_feedback(Feedback(mine, 1))
    store.add_feedback(Feedback(other, 4))
    (tmp_path / "origins.jsonl").write_text(f'{{"trace":"{mine}","file":"x"}}\n{{"trace":"{other}"}}\n')
    assert all(b"Zezima" not in path.read_bytes() for path in tmp_path.iterdir())
    assert stat.S_IMODE((tmp_path / ".salt").stat().st_mode) == 0o600
    assert TraceStore(tmp_path).player("Zezima") == store.player("Zezima")
    assert store.forget("Zezima") == 1
    assert [t.player for t in store.iterate()] == [store.player("Bob")]
    assert set(store.feedback()) == {other}
    assert mine not in (tmp_path / "origins.jsonl").read_text()
    assert other in (tmp_path / "origins.jsonl").read_text()
    assert store.forget("Zezima") == 0
    assert store.forget(store.player("Bob")) == 1
    assert not list(tmp_path.glob("training_*"))
    assert [note["rows"] for note in store.removals()] == [1, 1]


def test_forgetting_takes_torn_fragments_that_may_be_theirs(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    me, other = store.player("me"), store.player("other")
    path = tmp_path / "training_2030-01-02.jsonl"
    for piece in (f'{{"enactor":{{"player":"{me}","st', f'{{"enactor":{{"player":"{other}","st', '{"ena'):
        with path.open("ab") as file:
            file.write(piece.encode())
        TraceStore(tmp_path)
    assert len(list(tmp_path.glob("*.torn"))) == 3
    store.forget("me")
    (left,) = tmp_path.glob("*.torn")
    assert other in left.read_text()
    assert store.removals()[-1]["fragments"] == 2


def test_old_days_go_with_their_feedback_and_a_note(tmp_path: Path) -> None:
    keep_all = TraceStore(tmp_path)
    today = datetime.now(UTC)
    ages = [0, 29, 30, 31, 400]
    ids = {
        age: keep_all.append(replace(SIMPLE, timestamp=(today - timedelta(days=age)).isoformat()))
        for age in ages
    }
    for identity in ids.values():
        keep_all.add_feedback(Feedback(identity, 4))
    old = (today - timedelta(days=400)).date().isoformat()
    (tmp_path / f"training_{old}.jsonl.abcd.torn").write_text("{")
    (tmp_path / "training_notes.jsonl").write_text("no day in its name\n")
    assert not TraceStore(tmp_path).opened.expired

    opened = TraceStore(tmp_path, retention_days=30).opened
    assert sum(opened.expired.values()) == 2
    assert min(opened.expired) == old
    assert "2 recorded requests of 2 days" in opened.lines()[-1]
    assert len(keep_all.days()) == 4  # one is `notes`
    assert set(keep_all.feedback()) == {ids[0], ids[29], ids[30]}
    assert not list(tmp_path.glob("*.torn"))
    (note,) = keep_all.removals()
    assert (note["reason"], note["rows"]) == ("retention", 2)
    assert not TraceStore(tmp_path, retention_days=30).opened.expired
    with pytest.raises(EnactorError, match="at least 1 day"):
        TraceStore(tmp_path, retention_days=0)


def test_a_store_that_stays_open_cleans_with_the_first_append_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TraceStore(tmp_path, retention_days=30)
    day = datetime.now(UTC).date()
    store.append(replace(SIMPLE, timestamp=f"{day - timedelta(days=30)}T00:00:00"))
    store.append(replace(SIMPLE, timestamp=f"{day}T00:00:00"))
    assert len(store.days()) == 2
    monkeypatch.setattr("enactor.trace.store._today", lambda: day + timedelta(days=1))
    store.append(replace(SIMPLE, timestamp=f"{day}T00:00:00"))
    assert store.days() == [day.isoformat()]
    assert sum(store.opened.expired.values()) == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from enactor.errors import EnactorError
from enactor.trace import Trace, TraceStore

store = TraceStore(sys.argv[1])
row = Trace("a", "x" * 3000, "executed", "executed", timestamp="2030-01-02T00:00:00")
store.append(row)
size = (Path(sys.argv[1]) / "training_2030-01-02.jsonl").stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if sys.argv[2:] else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    store.append(row)
except EnactorError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path: Path) -> None:
    """A real partial write: the system takes 100 bytes of the line and refuses the rest."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert "cannot be used" in done.stdout, done.stderr
    assert "try again" in done.stdout
    store = TraceStore(tmp_path)
    assert not store.opened.torn
    assert len(list(store.iterate())) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_writer_that_dies_within_a_line_leaves_a_torn_tail_and_no_more(tmp_path: Path) -> None:
    """The system ends the process in the middle of the write: 100 bytes of the line are there."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path), "die"], timeout=60)
    assert done.returncode == -signal.SIGXFSZ
    store = TraceStore(tmp_path)
    ((aside, size),) = store.opened.torn
    assert size == aside.stat().st_size == 100
    assert "its 100 bytes are kept in" in store.opened.lines()[0]
    store.append(SIMPLE)
    assert len(list(store.iterate())) == 2


def test_a_full_disk_is_an_error_with_a_cure_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TraceStore(tmp_path)
    store.append(SIMPLE)
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 50:
            return write(handle, data[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(EnactorError, match="free some space"):
        store.append(SIMPLE)
    monkeypatch.undo()
    assert len(list(store.iterate())) == 1
    assert not TraceStore(tmp_path).opened.torn


@pytest.fixture
def without_rights() -> Iterator[None]:
    """Root may write everywhere, so it becomes nobody for a while."""
    if os.name != "posix" or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="needs the rights of POSIX")
def test_a_folder_without_the_right_to_write_can_still_be_read(
    request: pytest.FixtureRequest,
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        TraceStore(folder).append(SIMPLE)
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        request.getfixturevalue("without_rights")
        with pytest.raises(EnactorError, match="No permission: change the folder's owner"):
            TraceStore(folder)
        store = TraceStore(folder, readonly=True)
        assert [t.message for t in store.iterate()] == ["kill frogs"]
        for attempt in (lambda: store.append(SIMPLE), lambda: store.forget("x"), lambda: store.player("x")):
            with pytest.raises(EnactorError, match="opened to be read"):
                attempt()
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnactorError, match="cannot be used"):
        TraceStore(tmp_path / "file" / "store")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a read-only file system")
def test_a_read_only_folder_names_its_cure() -> None:
    with pytest.raises(EnactorError, match="cannot be used"):
        TraceStore("/proc/enactor")


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    """The benchmark, smaller: four writers, two of them killed at random and begun again."""
    script = Path(__file__).parents[2] / "benchmarks" / "store.py"
    command = [sys.executable, str(script), "800", "--seed", str(seed), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["killed"] >= 1
    assert figures["acknowledged_lost"] == figures["doubled"] == figures["missing"] == 0
