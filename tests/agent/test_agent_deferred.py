"""Tasks for later: kept over a restart, carried out once, and plain about what cannot be watched."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enactor.agent import DeferredTasks
from enactor.errors import EnactorError
from enactor.sim import Simulator
from enactor.world import CommandError, GameState

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATE = GameState.from_plugin(Simulator(0, {"skills": {"attack": 14}, "inventory": ["Tuna"]}).observe())


def test_a_task_outlives_the_process_and_is_done_once(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    task = DeferredTasks(path).ask("after:6h do stop", NOW)
    assert task.command == "STOP"
    again = DeferredTasks(path)
    assert list(again) == [task]
    assert again.take_due(STATE, NOW + timedelta(hours=5)) == ()
    assert again.take_due(STATE, NOW + timedelta(hours=6)) == (task,)
    assert list(DeferredTasks(path)) == []


def test_conditions_are_watched_in_the_state() -> None:
    tasks = DeferredTasks()
    tasks.ask("level:attack:>=15 and idle do SWITCH_COMBAT_STYLE strength", NOW)
    done = tasks.ask("has_item:tuna do EAT", NOW)
    assert tasks.take_due(STATE, NOW) == (done,)
    assert len(list(tasks)) == 1


def test_numbers_are_not_given_twice(tmp_path: Path) -> None:
    tasks = DeferredTasks(tmp_path / "later.json")
    first = tasks.ask("idle do STOP", NOW)
    assert tasks.cancel(first.number) == first
    assert tasks.cancel(first.number) is None
    assert DeferredTasks(tmp_path / "later.json").ask("idle do STOP", NOW).number == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kills:goblin:>=5 do STOP", "cannot watch"),
        ("after:a_while do STOP", "duration"),
        ("idle do DANCE", "DANCE"),
        ("idle", "condition and a command"),
        ("", "condition and a command"),
    ],
)
def test_what_cannot_be_kept_says_why(text: str, says: str) -> None:
    tasks = DeferredTasks()
    with pytest.raises(CommandError, match=says):
        tasks.ask(text, NOW)
    assert list(tasks) == []


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    one, other = DeferredTasks(path), DeferredTasks(path)
    first = one.ask("has_item:tuna do EAT", NOW)
    second = other.ask("idle do STOP", NOW)
    assert (first.number, second.number) == (1, 2)
    assert list(one) == list(other) == [first, second]
    assert one.take_due(STATE, NOW) == (first, second)
    assert other.take_due(STATE, NOW) == ()


def test_many_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    taken: list[int] = []

    def work() -> None:
        mine = DeferredTasks(path)
        for _ in range(5):
            mine.ask("idle do STOP", NOW)
            taken.extend(task.number for task in mine.take_due(STATE, NOW))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 21))


@pytest.mark.parametrize(
    "task",
    [
        '{"number": 1, "condition": "when:ever", "command": "STOP"}',
        '{"number": 1, "condition": "idle", "command": "FLY"}',
        '{"number": 1, "condition": "idle"}',
        '{"number": 1, "condition": 5, "command": "STOP"}',
    ],
)
def test_a_task_in_the_file_that_cannot_be_done_is_an_error(tmp_path: Path, task: str) -> None:
    path = tmp_path / "later.json"
    path.write_text(f'{{"given": 1, "tasks": [{task}]}}')
    with pytest.raises(EnactorError, match=r"later\.json"):
        DeferredTasks(path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnactorError, match=r"cannot be kept|does not hold"):
        DeferredTasks(tmp_path / "file" / "later.json").ask("idle do STOP", NOW)


def test_a_file_that_is_no_list_of_tasks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    path.write_text('{"tasks": [')
    with pytest.raises(EnactorError, match=r"later\.json"):
        DeferredTasks(path)
