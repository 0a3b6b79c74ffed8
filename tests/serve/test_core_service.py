"""The service over real controllers, simulators and a real store; the models are scripted."""

import json
import threading
import time
from pathlib import Path

import pytest
from core_parts import ME, START, Heard, SlowEngine, serving, turn, walker

from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.models.engine import EngineError
from enactor.serve.core import (
    Accepted,
    Access,
    Account,
    Asks,
    Caller,
    Cancelled,
    Failed,
    Finished,
    Limits,
    Model,
    Models,
    Over,
    Progress,
    Queued,
    Refused,
    Shed,
    Started,
    Withdrawn,
    as_record,
    house,
)
from enactor.sim import Simulator
from enactor.trace import TraceStore

OTHER = Caller("test", "2", "other")


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TASKS_S", "LOOPS_S", "MODEL_S"):
        monkeypatch.setattr(house, name, 0.3)


def test_a_request_is_taken_carried_out_and_recorded(tmp_path: Path) -> None:
    with serving(None, tmp_path) as (service, heard):
        taken = service.submit(ME, "main", "walk a bit", place="here")
        assert isinstance(taken, Accepted)
        done = heard.wait(Finished)
        assert heard.kinds(taken.request) == ["Accepted", "Started", "Stepped", "Finished"]
        assert (done.place, done.trace.outcome) == ("here", "executed")
        assert done.played.changed == ("moved 5 tiles east to 3227, 3218",)
        (kept,) = service.store.iterate()  # type: ignore[union-attr]
        assert kept == done.trace
        assert kept.meta["account"] == "main"
        assert kept.player.startswith("p1:")
        assert service.feedback.find(done.trace_id) == kept
        json.dumps([as_record(event) for event in heard.events])


def test_a_conversation_has_its_history_and_no_other() -> None:
    engine = walker()
    with serving(engine) as (service, heard):
        for number, who in enumerate((ME, ME, OTHER)):
            request = service.submit(who, "main", f"walk no {number}").request
            heard.wait(Finished, lambda event, r=request: event.request == r)
        assert "walk no 0" in engine.prompts[1]
        assert "walk no 0" not in engine.prompts[2]


def test_requests_of_an_account_come_in_order_and_show_their_positions() -> None:
    engine = SlowEngine(step_s=0.01, words=8)
    with serving(engine) as (service, heard):
        requests = [service.submit(ME, "main", f"walk {n}") for n in range(3)]
        assert [r.position for r in requests if isinstance(r, Accepted)] == [0, 1, 2]
        assert [w.position for w in service.queue(ME, "main")] in ([0, 1, 2], [1, 2, 3])
        for taken in requests:
            heard.wait(Finished, lambda event, r=taken.request: event.request == r)
        started = [event.request for event in heard.events if isinstance(event, Started)]
        assert started == [taken.request for taken in requests]
        assert [
            e.position for e in heard.events if isinstance(e, Queued) and e.request == requests[2].request
        ]


def test_accounts_are_games_of_their_own() -> None:
    with serving(None, None, "one", "two") as (service, heard):
        service.submit(ME, "two", "walk")
        heard.wait(Finished)
        assert service.status(ME, "one").state.location == (3222, 3218, 0)
        assert service.status(ME, "two").state.location == (3227, 3218, 0)
        with pytest.raises(EnactorError, match="known: one, two"):
            service.status(ME, "three")
        assert isinstance(service.submit(ME, "three", "walk"), Refused)


# -- permissions ----------------------------------------------------------------------------------------


def looker(caller: Caller, account: str) -> Access:
    return {"1": "act", "2": "look"}.get(caller.player, "none")  # type: ignore[return-value]


def test_only_those_who_may_act_act(tmp_path: Path) -> None:
    engine = SlowEngine()
    stranger = Caller("test", "3", "stranger")
    with serving(engine, tmp_path, permit=looker) as (service, heard):
        assert isinstance(service.submit(stranger, "main", "GOTO east 5"), Refused)
        for message in ("stop", "STOP", "KILL", "halt!"):
            assert isinstance(service.submit(stranger, "main", message), Refused)
            assert isinstance(service.submit(OTHER, "main", message), Refused)
        for look in (service.status, service.queue, service.later):
            with pytest.raises(EnactorError, match="players I was set up for"):
                look(stranger, "main")
        for act in (
            lambda who: service.defer(who, "main", "after:1m do STOP"),
            lambda who: service.forget(who, "main", 1),
            lambda who: service.use_model(who, "other"),
            lambda who: service.compare(who, "main", "walk", ("a", "b")),
        ):
            with pytest.raises(EnactorError, match="players I was set up for"):
                act(OTHER)
        service.submit(OTHER, "main", "GOTO east 5")
        done = heard.wait(Finished)
        assert done.trace.steps[0].result.status == "blocked"
        assert service.status(OTHER, "main").state.location == (3222, 3218, 0)


# -- stop and cancel ------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["stop", "STOP", "Stop!!", "please stop", "EMERGENCY_STOP"])
@pytest.mark.parametrize("deaf", [False, True])
def test_stop_acts_while_the_model_decodes(tmp_path: Path, message: str, deaf: bool) -> None:
    engine = SlowEngine(deaf=deaf)
    with serving(engine, tmp_path) as (service, heard):
        running = service.submit(ME, "main", "walk a bit").request
        waiting = service.submit(ME, "main", "walk more").request
        assert engine.under_way.wait(10)
        began = time.monotonic()
        done = service.submit(ME, "main", message)
        took = time.monotonic() - began
        assert isinstance(done, Finished)
        assert done.trace.outcome == "executed"
        ended = heard.wait(Cancelled, lambda event: event.request == running)
        assert ended.why == "stopped by me"
        heard.wait(Cancelled, lambda event: event.request == waiting)
        # The model decodes for 10 s; how soon STOP is in the game is measured by benchmarks/load.py.
        assert time.monotonic() - began < 8
        assert took < 5
        assert service.queue(ME, "main") == ()
    kept = [trace.message for trace in TraceStore(tmp_path / "log").iterate()]
    assert sorted(kept) == sorted([message, "walk a bit"])


def test_stop_ends_a_command_that_is_awaited() -> None:
    account = Account("main", Simulator(start={**START, "location": [3259, 3268, 0]}), pace=1.0)
    with serving(accounts=[account]) as (service, heard):
        request = service.submit(ME, "main", "GOTO 3200 3200 0").request
        heard.wait(Progress, lambda event: event.doing.startswith("GOTO"))
        assert isinstance(service.submit(ME, "main", "stop"), Finished)
        ended = heard.wait(Cancelled, lambda event: event.request == request)
        assert ended.trace is not None
        assert [step.result.lowered for step in ended.trace.steps] == ["GOTO 3200 3200 0"]
        assert account.observe().active_loop is None


def test_the_end_of_a_request_ends_its_wait_for_a_condition() -> None:
    account = Account("main", Simulator(start=START), pace=0.5)
    with serving(accounts=[account]) as (service, heard):
        began = account.now()
        args = {"command": "GOTO east 5", "await_condition": "plane:3", "timeout_ms": 600_000}
        service.submit(ME, "main", f"@send_and_await {json.dumps(args)}", request="r")
        heard.wait(Started)
        time.sleep(0.2)
        assert service.cancel(ME, "r")
        heard.wait(Cancelled)
        assert (account.now() - began).total_seconds() < 120


def test_cancel_takes_a_waiting_request_out_and_ends_a_running_one() -> None:
    engine = SlowEngine()
    with serving(engine) as (service, heard):
        running = service.submit(ME, "main", "walk").request
        waiting = service.submit(ME, "main", "walk more").request
        assert engine.under_way.wait(10)
        assert not service.cancel(OTHER, waiting)
        assert service.cancel(ME, waiting)
        assert heard.wait(Cancelled).request == waiting
        assert service.cancel(ME, running)
        heard.wait(Cancelled, lambda event: event.request == running)
        assert not service.cancel(ME, running)


# -- questions ------------------------------------------------------------------------------------------


def test_a_yes_carries_out_what_was_asked() -> None:
    with serving() as (service, heard):
        asking = service.submit(ME, "main", "DROP_ALL").request
        assert heard.wait(Asks).request == asking
        later = service.submit(OTHER, "main", "GOTO east 5").request
        heard.wait(Finished, lambda event: event.request == later)
        assert service.answer(OTHER, asking, True) is None
        assert service.status(ME, "main").asked == asking
        answer = service.answer(ME, asking, True)
        assert answer is not None
        done = heard.wait(Finished, lambda event: event.request == answer.request)
        assert done.trace.outcome == "executed"
        assert [stack.name for stack in service.status(ME, "main").state.inventory or ()] == ["Bronze axe"]
        assert service.answer(ME, asking, True) is None


def test_a_question_rests_the_players_queue_and_times_out() -> None:
    engine = SlowEngine(step_s=0.02, words=4)
    with serving(engine, limits=Limits(ask_s=0.6)) as (service, heard):
        service.submit(ME, "main", "walk")
        asking = service.submit(ME, "main", "DROP_ALL").request
        after = service.submit(ME, "main", "GOTO west 5").request
        heard.wait(Asks)
        time.sleep(0.2)
        assert "Started" not in heard.kinds(after)
        closed = heard.wait(Withdrawn)
        assert (closed.request, closed.why) == (asking, "no answer within 0.6 s")
        heard.wait(Finished, lambda event: event.request == after)
        assert service.status(ME, "main").state.inventory


def test_a_typed_no_leaves_it() -> None:
    with serving() as (service, heard):
        service.submit(ME, "main", "DROP_ALL")
        heard.wait(Asks)
        request = service.submit(ME, "main", "nah").request
        assert heard.wait(Finished, lambda event: event.request == request).trace.reply == "Left it."
        assert service.status(ME, "main").state.inventory


# -- limits ---------------------------------------------------------------------------------------------


def test_too_much_is_turned_away_with_a_reason() -> None:
    limits = Limits(per_player=2, per_account=3, per_minute=50)
    with serving(SlowEngine(), limits=limits) as (service, _):
        kinds = [type(service.submit(ME, "main", "walk")) for _ in range(3)]
        assert kinds == [Accepted, Accepted, Shed]
        assert isinstance(service.submit(OTHER, "main", "walk"), Accepted)
        third = service.submit(Caller("test", "3"), "main", "walk")
        assert isinstance(third, Shed)
        assert "try again" in third.message
        told = [service.submit(Caller("test", "4"), "main", "") for _ in range(2)]
        assert all(isinstance(event, Refused) for event in told)


def test_a_player_who_is_too_fast_waits() -> None:
    with serving(limits=Limits(per_minute=3, per_player=100)) as (service, _):
        kinds = [type(service.submit(ME, "main", "GOTO east 1")) for _ in range(4)]
        assert kinds == [Accepted, Accepted, Accepted, Shed]
        assert isinstance(service.submit(ME, "main", "STOP"), Finished)


def test_a_busy_model_sheds_what_needs_it_and_nothing_else() -> None:
    names = tuple(f"a{n}" for n in range(6))
    with serving(SlowEngine(), None, *names, limits=Limits(engine_wait_s=5)) as (service, _):
        told = [service.submit(ME, name, "walk") for name in names]
        assert [type(event) for event in told] == [Accepted] * 3 + [Shed] * 3
        assert isinstance(told[-1], Shed)
        assert "busy" in told[-1].message
        assert isinstance(service.submit(ME, "a5", "GOTO east 1"), Accepted)
        assert isinstance(service.submit(ME, "a0", "stop"), Finished)


def test_a_message_that_is_too_long_or_empty_is_refused() -> None:
    with serving() as (service, _):
        for message in ("", "  \n", "x" * 2001):
            assert isinstance(service.submit(ME, "main", message), Refused)


# -- faults ---------------------------------------------------------------------------------------------


def test_an_engine_that_fails_hangs_or_crashes_is_told(tmp_path: Path) -> None:
    def crash(prompt: str) -> str:
        raise ValueError("a fault of the engine")

    def fail(prompt: str) -> str:
        raise EngineError("the engine is out of order: mend it")

    hangs = SlowEngine(deaf=True)
    cases = (
        (ScriptedEngine(crash), "broke off"),
        (ScriptedEngine(fail), "mend it"),
        (hangs, "did not answer within 0.3 s"),
    )
    for number, (engine, told) in enumerate(cases):
        folder = tmp_path / str(number)
        with serving(engine, folder, limits=Limits(engine_s=0.3)) as (service, heard):
            service.submit(ME, "main", "walk")
            failed = heard.wait(Failed)
            assert told in failed.message
            (kept,) = service.store.iterate()  # type: ignore[union-attr]
            assert kept.outcome == "failed"
            request = service.submit(ME, "main", "GOTO east 5").request
            heard.wait(Finished, lambda event, r=request: event.request == r)


def test_a_store_that_cannot_be_written_is_told_and_the_queue_goes_on(tmp_path: Path) -> None:
    with serving(None, tmp_path) as (service, heard):
        for file in (tmp_path / "log").iterdir():
            file.unlink()
        (tmp_path / "log").rmdir()
        (tmp_path / "log").write_text("in the way")
        service.submit(ME, "main", "walk")
        assert "cannot be used" in heard.wait(Failed).message
        assert service.status(ME, "main").state.location == (3227, 3218, 0)


def test_a_listener_that_fails_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as (service, heard):
        service.subscribe(lambda event: 1 / 0)
        more = Heard()
        leave = service.subscribe(more)
        service.submit(ME, "main", "walk")
        heard.wait(Finished)
        more.wait(Finished)
        leave()
    assert "ZeroDivisionError" in capsys.readouterr().err


# -- what goes on beside --------------------------------------------------------------------------------


def test_a_loop_that_runs_on_is_told_to_its_end() -> None:
    start = {**START, "location": [3259, 3268, 0]}
    account = Account("main", Simulator(start=start), pace=30.0)
    with serving(accounts=[account]) as (service, heard):
        service.submit(ME, "main", "KILL_LOOP Cow none 2")
        done = heard.wait(Finished)
        assert done.runs_on
        over = heard.wait(Over, within_s=30)
        assert over.request == done.request
        assert any("xp" in gain for gain in over.gained)
        assert heard.wait(Progress, lambda event: event.total == 2).done is not None


def test_tasks_for_later_carry_their_place(tmp_path: Path) -> None:
    with serving(None, tmp_path) as (service, heard):
        task = service.defer(ME, "main", "health:<=100 do GOTO east 5", place="there")
        assert task.number == 1
        done = heard.wait(Finished)
        assert (done.place, done.session.player) == ("there", "1")
        assert service.later(ME, "main") == ()
        kept = service.defer(ME, "main", "level:attack:>=99 do STOP")
        assert service.forget(ME, "main", kept.number) == kept
        assert service.forget(ME, "main", kept.number) is None


def test_another_model_answers_without_an_interruption() -> None:
    before, after = SlowEngine(step_s=0.02, words=20), walker()
    promoted = ["scripted"]
    models = Models(lambda name: Model(name, after), promoted=lambda: promoted[0])
    with serving(before, models=models) as (service, heard):
        service.submit(ME, "main", "walk")
        assert before.under_way.wait(5)
        promoted[0] = "better"
        heard.wait(Finished)
        deadline = time.monotonic() + 15
        while service.desk.model.name != "better" and time.monotonic() < deadline:
            time.sleep(0.05)
        request = service.submit(ME, "main", "walk").request
        heard.wait(Finished, lambda event: event.request == request)
        assert len(after.prompts) == 1
        assert before.free.is_set()  # closed


def test_two_models_side_by_side_send_nothing(tmp_path: Path) -> None:
    models = Models(lambda name: Model(name, ScriptedEngine(lambda prompt: turn("GOTO west 5"))))
    with serving(None, tmp_path, models=models) as (service, _):
        found = service.compare(ME, "main", "walk a bit", ("scripted", "other"))
        lines = {found.models[0]: found.first, found.models[1]: found.second}
        assert lines["other"].steps[0].result.lowered == "GOTO 3217 3218 0"
        assert lines["scripted"].steps[0].result.lowered == "GOTO 3227 3218 0"
        assert service.status(ME, "main").state.location == (3222, 3218, 0)
        service.vote(ME, found.id, "first")
        with pytest.raises(EnactorError, match="already"):
            service.vote(ME, found.id, "second")
        (row,) = (tmp_path / "log" / "ab_votes.jsonl").read_text().splitlines()
        assert json.loads(row)["winner"] == found.models[0]


def test_ratings_and_corrections_reach_the_store(tmp_path: Path) -> None:
    from enactor.serve.label.journal import Journal

    with serving(None, tmp_path) as (service, heard):
        service.submit(ME, "main", "kill a cow")
        kept = heard.wait(Finished).trace_id
        desk = service.feedback
        desk.rate(kept, 1, "walked instead")
        with pytest.raises(EnactorError, match="KILL_LOP Cow"):
            desk.correct(kept, "KILL_LOP Cow none 1", by="1")
        desk.correct(kept, "KILL_LOOP Cow none 1", by="1")
        with pytest.raises(EnactorError, match="not in the log"):
            desk.rate("h1:" + "0" * 32, 5)
        label = Journal(tmp_path / "log").labels().of[kept]
        (only,) = label.values()
        assert only.calls is not None
        assert only.calls[0].args == {"command": "KILL_LOOP Cow none 1"}
        assert Journal(tmp_path / "log").labels().players[kept] == 1


def test_one_id_is_taken_once_even_at_the_same_time() -> None:
    with serving() as (service, heard):
        told: list[object] = []
        threads = [
            threading.Thread(
                target=lambda: told.append(service.submit(ME, "main", "GOTO east 1", request="m1"))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        heard.wait(Finished)
        assert sum(isinstance(event, Accepted) for event in told) == 1
        assert isinstance(service.submit(ME, "main", "GOTO east 1", request="m1"), Refused)


def test_a_tool_called_by_hand_skips_the_model(tmp_path: Path) -> None:
    engine = walker()
    with serving(engine, tmp_path) as (service, heard):
        request = service.submit(ME, "main", "@list_routines").request
        done = heard.wait(Finished, lambda event: event.request == request)
        (step,) = done.trace.steps
        assert (step.call.tool, step.call.origin, step.result.status) == ("list_routines", "direct", "ok")
        assert engine.prompts == []
        wrong = service.submit(ME, "main", '@run_routine {"loops": "many"}')
        assert isinstance(wrong, Refused)
        assert "routine_path" in wrong.message
