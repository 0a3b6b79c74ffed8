"""Lines of many threads share a write: none is lost or waits for more than two, a failure is told to all."""

import threading
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.trace import Trace, TraceStore
from enactor.trace import store as module
from enactor.trace.group import Group


def at_once(jobs: list[threading.Thread]) -> None:
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(20)


def test_who_comes_during_a_write_is_written_with_the_next_one() -> None:
    entered, go_on = threading.Event(), threading.Event()
    writes: list[tuple[str, bytes]] = []

    def write(path: Path, lines: bytes) -> None:
        writes.append((path.name, lines))
        entered.set()
        assert go_on.wait(20)

    group = Group(write)
    first = threading.Thread(target=group.put, args=(Path("a"), b"1\n"))
    first.start()
    assert entered.wait(20)
    others = [threading.Thread(target=group.put, args=(Path("ab"[n % 2]), b"x\n")) for n in range(20)]
    for other in others:
        other.start()
    while len(group._lines) < 20:
        pass
    go_on.set()
    for thread in (first, *others):
        thread.join(20)
    assert sorted(writes) == [("a", b"1\n"), ("a", b"x\n" * 10), ("b", b"x\n" * 10)]


def test_a_write_that_fails_is_told_to_all_it_was_for_and_to_no_other() -> None:
    def write(path: Path, lines: bytes) -> None:
        if path.name == "full":
            raise EnactorError("the disk is full")

    group, told = Group(write), []

    def put(name: str) -> None:
        try:
            group.put(Path(name), b"x\n")
            told.append(name)
        except EnactorError as error:
            told.append(str(error))

    at_once([threading.Thread(target=put, args=(name,)) for name in ("full", "good") * 8])
    assert sorted(told) == ["good"] * 8 + ["the disk is full"] * 8


def test_every_row_of_many_threads_is_kept_with_fewer_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    append_line = module.append_line
    monkeypatch.setattr(
        module, "append_line", lambda path, lines: (writes.append(lines), append_line(path, lines))
    )
    store = TraceStore(tmp_path)

    def some(name: str) -> None:
        for number in range(20):
            trace = Trace(f"{name}{number}", "", "failed", "failed", timestamp="2030-01-02T03:04:05")
            assert store.append(trace).startswith("h")

    at_once([threading.Thread(target=some, args=(name,)) for name in "abcdefgh"])
    kept = sorted(trace.message for trace in store.iterate())
    assert kept == sorted(f"{name}{number}" for name in "abcdefgh" for number in range(20))
    assert sum(lines.count(b"\n") for lines in writes) == 160
    assert len(writes) < 160
