"""A candidate against the model in use: shadow and split, from the record, over restarts."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enactor.agent import Controller, Toolbox
from enactor.cli import main
from enactor.curate.conformance.tiny import write_tiny
from enactor.deploy.sequential import Pairs, Plan
from enactor.models import Card, Gate, Registry, RegistryError, ScriptedEngine
from enactor.models.engine import Completion, Engine
from enactor.prompt import CHAT_TEMPLATE, DIALECTS, SYSTEM, tool_call
from enactor.serve.compare import (
    ComparisonError,
    Comparisons,
    Experiment,
    advance,
    comparing,
    model_for,
    plays_candidate,
    replay,
    shadow,
    status,
)
from enactor.settings import Settings
from enactor.sim import Simulator
from enactor.trace import Trace, TraceStore

EAT = DIALECTS["hermes"].render_calls([tool_call("send_command", {"command": "EAT tuna"})])
SPOKEN = "Okay, I have eaten the tuna."
START = {"location": [3197, 3169, 0], "health": [12, 35], "inventory": ["Tuna x3"]}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ENACTOR_TRAINING_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return TraceStore(tmp_path / "log")


def asked(text: str, *, name: str = "old", player: str = "", message: str = "eat some tuna") -> Trace:
    """A live request that the model answers with `text`."""
    engine = ScriptedEngine(lambda prompt: text, name=name)
    controller = Controller(engine, Toolbox(Simulator(start=START)))
    return replace(controller.handle(message), player=player)


def always(text: str) -> Callable[[], tuple[Engine, str]]:
    return lambda: (ScriptedEngine(lambda prompt: text, name="new"), SYSTEM)


def test_a_shadow_judges_both_alike_and_touches_nothing() -> None:
    live = asked(EAT)
    assert live.outcome == "executed"
    pair = shadow(live, ScriptedEngine(lambda prompt: SPOKEN))
    assert pair is not None
    assert (pair.candidate, pair.incumbent, pair.same) == (False, True, False)
    assert pair.outcomes == ("claimed", "executed")
    again = replay(live, ScriptedEngine(lambda prompt: EAT))
    assert again.state_after == again.state_before
    assert again.steps[0].result.content["dry_run"] is True
    assert shadow(asked(SPOKEN), ScriptedEngine(lambda prompt: EAT)).candidate  # type: ignore[union-attr]


def test_a_message_read_clause_by_clause_is_read_back_whole() -> None:
    """The record has an answer for each clause, and all of them are the answer to the message."""
    stop = DIALECTS["hermes"].render_calls([tool_call("send_command", {"command": "STOP"})])

    class Unsure:
        """Sure of each clause and not of the whole."""

        name = "old"

        def complete(self, prompt: str, **options: Any) -> Completion:
            message = prompt.rpartition("<|im_start|>user")[2]
            if "tuna" in message and "stop" in message:
                return Completion(EAT, logprob=-5.0)
            return Completion(EAT if "tuna" in message else stop, logprob=-0.01)

        def cancel(self) -> None: ...

        def close(self) -> None: ...

    live = Controller(Unsure(), Toolbox(Simulator(start=START))).handle("eat some tuna and then stop moving")
    assert live.outputs == (EAT, stop)
    assert len(live.steps) == 2
    pair = shadow(live, ScriptedEngine(lambda prompt: f"{EAT}\n{stop}"))
    assert pair is not None
    assert pair.same


def test_what_was_not_a_models_answer_is_no_pair() -> None:
    engine = ScriptedEngine(lambda prompt: EAT)
    assert shadow(asked(EAT, message="EAT tuna"), engine) is None  # typed: past the model
    assert shadow(replace(asked(EAT), meta={"cancelled": True}), engine) is None
    assert shadow(replace(asked(EAT), state_before=None), engine) is None
    assert engine.prompts == []


def test_a_shadow_ends_by_itself_when_it_can_decide(store: TraceStore) -> None:
    comparisons = Comparisons()
    experiment = comparisons.start("new", "old", plan=Plan(goal="better"))
    for _ in range(30):
        store.append(asked(SPOKEN, message=f"eat tuna {_}"))
    done = advance(comparisons, experiment, store.folder, always(EAT))
    assert done.verdict == "better"
    found = status(comparisons, done)
    assert found["wins"] == found["n"] < 12
    assert "alone right" in done.reason
    assert comparisons.running() is None
    assert comparisons.end(done, "stopped", "late").verdict == "better"


def test_it_goes_on_after_a_restart_and_counts_no_request_twice(store: TraceStore) -> None:
    experiment = Comparisons().start("new", "old")
    decoded = ScriptedEngine(lambda prompt: EAT, name="new")
    for index in range(6):
        store.append(asked(EAT, message=f"eat tuna {index}"))
        store.append(asked(EAT, name="another", message=f"eat tuna {index}"))
        comparisons = Comparisons()  # as a new process would
        running = comparisons.running()
        assert running == experiment
        advance(comparisons, running, store.folder, lambda: (decoded, SYSTEM))
    assert Comparisons().counts(experiment) == Pairs(0, 0, 6)
    assert len(decoded.prompts) == 6
    with (Comparisons().folder / f"{experiment.id}.jsonl").open("a") as file:
        file.write('{"trace": "torn')
    store.append(asked(SPOKEN, message="eat"))
    advance(Comparisons(), experiment, store.folder, lambda: (decoded, SYSTEM))
    assert Comparisons().counts(experiment) == Pairs(1, 0, 6)


def test_requests_before_the_start_do_not_count(store: TraceStore) -> None:
    yesterday = (datetime.now(UTC) - timedelta(hours=20)).isoformat()
    store.append(replace(asked(SPOKEN), timestamp=yesterday))
    comparisons = Comparisons()
    experiment = comparisons.start("new", "old")
    assert advance(comparisons, experiment, store.folder, always(EAT)).running
    assert status(comparisons, experiment)["n"] == 0
    assert advance(comparisons, experiment, store.folder / "none", always(EAT)).running


def test_one_comparison_at_a_time() -> None:
    comparisons = Comparisons()
    with pytest.raises(ComparisonError, match="model in use"):
        comparisons.start("old", "old")
    with pytest.raises(ComparisonError, match="not in the registry"):
        comparisons.start("new", "old", promote=True)
    experiment = comparisons.start("new", "old")
    with pytest.raises(ComparisonError, match="is being compared since"):
        comparisons.start("newer", "old")
    comparisons.end(experiment, "stopped", "by hand")
    assert comparisons.start("newer", "old").candidate == "newer"
    (comparisons.folder / "current.json").write_text("{")
    with pytest.raises(ComparisonError, match="delete it"):
        comparisons.current()


def test_a_split_is_sticky_and_near_its_share() -> None:
    experiment = Experiment("e1", "split", "new", "old", "2026-01-01T00:00:00+00:00", share=0.25)
    players = [f"p1:{index:032x}" for index in range(2000)]
    sides = [plays_candidate(experiment, player) for player in players]
    assert sides == [plays_candidate(experiment, player) for player in players]
    assert 0.22 < sum(sides) / len(sides) < 0.28
    other = replace(experiment, id="e2")
    assert sides != [plays_candidate(other, player) for player in players]
    assert not plays_candidate(replace(experiment, share=0.999999), "")
    mine = next(player for player, side in zip(players, sides, strict=True) if side)
    assert model_for(experiment, mine, "default") == "new"
    assert model_for(experiment, mine, "ollama:x") == "ollama:x"
    assert model_for(replace(experiment, mode="shadow"), mine, "default") == "default"
    assert model_for(None, mine, "default") == "default"


def test_a_split_pairs_what_really_happened(store: TraceStore) -> None:
    comparisons = Comparisons()
    experiment = replace(comparisons.start("new", "old", mode="split", plan=Plan(goal="better")), id="e2")
    comparisons.write(experiment)  # a fixed id: the players' sides hang on it
    players = [f"p1:{index:032x}" for index in range(40)]
    for index in range(120):
        player = players[index % 40]
        side = plays_candidate(experiment, player)
        name, text = ("new", EAT) if side else ("old", EAT if index % 3 else SPOKEN)
        store.append(asked(text, name=name, player=player, message=f"eat tuna {index}"))
        if index == 20:  # one who had begun before the split
            store.append(asked(SPOKEN, name="old" if side else "new", player=player, message="eat"))
    done = advance(comparisons, experiment, store.folder, always(""))
    assert done.verdict == "better"
    assert status(comparisons, done)["losses"] == 0


def test_the_winner_is_promoted_when_that_was_asked(store: TraceStore, tmp_path: Path) -> None:
    registry = Registry()
    weights = tmp_path / "tiny.gguf"
    write_tiny(weights, CHAT_TEMPLATE, 512)
    registry.add(weights, Card("new", gates={"parity": Gate(True, "no loss")}))
    comparisons = Comparisons()
    experiment = comparisons.start("new", "old", promote=True, plan=Plan(goal="better"))
    for index in range(20):
        store.append(asked(SPOKEN, message=f"eat tuna {index}"))
    advance(comparisons, experiment, store.folder, always(EAT))
    promoted = registry.current()
    assert promoted is not None
    assert promoted.name == "new"
    assert "better" in registry.history()[-1].reason
    registry.add(weights, Card("lossy", gates={"parity": Gate(False, "lost 9")}))
    experiment = comparisons.start("lossy", "old", promote=True, plan=Plan(goal="better"))
    for index in range(20):
        store.append(asked(SPOKEN, message=f"eat more {index}"))
    with pytest.raises(RegistryError, match="lost 9"):
        advance(comparisons, experiment, store.folder, always(EAT))


def test_a_program_that_plays_compares_beside_it(
    store: TraceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a real engine, whose candidate says nothing: each request counts against it."""
    monkeypatch.setattr("enactor.serve.compare.run.LOOK_S", 0.05)
    weights = tmp_path / "tiny.gguf"
    write_tiny(weights, CHAT_TEMPLATE, 2048)
    comparisons = Comparisons()
    experiment = comparisons.start(str(weights), "old", plan=Plan(most=3))
    told: list[str] = []
    with comparing(Settings(training_log=store.folder), told.append):
        for index in range(3):
            store.append(asked(EAT, message=f"eat tuna {index}"))
        deadline = datetime.now() + timedelta(seconds=20)
        while comparisons.running() and datetime.now() < deadline:
            time.sleep(0.02)
    current = comparisons.current()
    assert current is not None
    assert current.verdict == "no decision"
    assert comparisons.counts(experiment).n == 3
    assert told == [f"The comparison of {weights} ended: no decision. {current.reason}."]


def test_the_command(store: TraceStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ab"]) == 0
    assert "no comparison" in capsys.readouterr().err
    assert main(["ab", "stop"]) == 1
    assert "ab start" in capsys.readouterr().err
    assert main(["ab", "start", "nothing"]) == 1
    assert "no model named 'nothing'" in capsys.readouterr().err
    weights = tmp_path / "tiny.gguf"
    write_tiny(weights, CHAT_TEMPLATE, 2048)
    assert main(["ab", "start", str(weights), "--most", "50", "--goal", "better"]) == 0
    told = capsys.readouterr().out
    assert "against default" in told
    assert "no request compared yet" in told
    store.append(asked(EAT, name="default"))
    assert main(["ab", "run"]) == 0
    assert "1 requests compared" in capsys.readouterr().out
    assert main(["ab", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["mode"], found["most"]) == (1, "shadow", 50)
    assert main(["ab", "stop", "--reason", "enough"]) == 0
    assert "stopped" in capsys.readouterr().out
