"""Whole turns on a tiny model: one that promotes, some that refuse, and what is not done twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from enactor.cli import main
from enactor.models import Registry
from enactor.serve.compare import Comparisons
from enactor.serve.flywheel import FlywheelError, flywheel_recipe_names, load_flywheel_recipe, turn
from enactor.settings import Settings
from enactor.trace import Trace, TraceStore


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


# -- the recipe ---------------------------------------------------------------------


@pytest.mark.parametrize("name", flywheel_recipe_names())
def test_the_recipes_that_ship_can_be_read(name: str) -> None:
    recipe = load_flywheel_recipe(name)
    assert recipe.name == name
    from enactor.train import load_recipe

    assert load_recipe(recipe.train.recipe, recipe.train.changes)


def test_a_recipes_problems_are_named_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("parity: {prompts: 50}\nevaluate: {cases: 0}\ngater: {}\n")
    with pytest.raises(FlywheelError) as found:
        load_flywheel_recipe(path)
    assert "evaluate.cases" in str(found.value)
    assert "gater" in str(found.value)
    path.write_text("parity: {prompts: 50}\n")
    with pytest.raises(FlywheelError, match="200 prompts at least"):
        load_flywheel_recipe(path)
    with pytest.raises(FlywheelError, match="one of demo"):
        load_flywheel_recipe("nothing")
    for text, said in (("- a\n", "not a mapping"), ("a: [\n", "not YAML")):
        path.write_text(text)
        with pytest.raises(FlywheelError, match=said):
            load_flywheel_recipe(path)


# -- turns --------------------------------------------------------------------------


def recipe(base: Path, **changes: Any) -> Any:
    """A dozen rows of the phrasebook and two steps."""
    plain = {
        "name": "tiny",
        "build": {"recipe": None},
        "train": {
            "recipe": "demo",
            "changes": {
                "base": str(base),
                "data": {"rows": 12, "test_rows": 20},
                "rank": 2,
                "alpha": 4.0,
                "epochs": 1,
                "batch": 8,
                "max_length": 4096,
                "dtype": "float32",
            },
        },
        "evaluate": {"cases": 4, "against": str(base)},
        "parity": {"reference": "f16"},
        "shadow": None,
    }
    return load_flywheel_recipe("demo", {**plain, "ship": "q8_0", "promote": True, **changes})


def quick(**changes: Any) -> dict[str, Any]:
    """Few prompts, where nothing is promoted."""
    return {"promote": False, "parity": {"prompts": 4, "reference": "f16"}, **changes}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(training_log=tmp_path / "log", slots=2)


def states(outcome: Any) -> dict[str, str]:
    return {step.name: step.state for step in outcome.steps}


@pytest.mark.train
def test_a_turn_that_promotes_and_is_not_done_twice(
    silent_base: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    monkeypatch.setattr("enactor.serve.flywheel.recipe.PROMPTS", 24)  # a tenth of the time
    console = Console(record=True, width=100)
    wanted = recipe(silent_base, parity={"reference": "f16", "prompts": 24})
    outcome = turn(wanted, settings, console)
    assert outcome.promoted, outcome.steps
    assert states(outcome) == {
        **dict.fromkeys(("gather", "build", "train", "export", "evaluate", "parity"), "passed"),
        "shadow": "left out",
        "promote": "passed",
    }
    card = Registry().current()
    assert card is not None
    assert card.name == outcome.candidate
    assert set(card.gates) == {"evaluate", "parity"}
    assert card.training["recipe"]["name"] == "demo"
    assert "latency p50 / p95" in card.metrics
    assert Registry().adapter(card.name)
    again = turn(wanted, settings, console := Console(record=True, width=100))
    assert again.end.told.endswith("is in use already")
    shown = console.export_text()
    assert shown.count("done before") == 6
    assert "nothing has changed since the last turn" in shown
    assert len(Registry().history()) == 1


@pytest.mark.train
def test_a_turn_that_is_refused_says_why_and_keeps_the_old_model(
    silent_base: Path, settings: Settings
) -> None:
    pytest.importorskip("trl")
    wanting = {"cases": 4, "against": str(silent_base), "at_least": {"executed": 0.9}}
    outcome = turn(recipe(silent_base, **quick(evaluate=wanting)), settings, Console(quiet=True))
    assert outcome.end.name == "evaluate"
    assert outcome.end.state == "refused", outcome.end.told
    assert outcome.end.told.startswith("executed is ")
    assert "has to be 90%" in outcome.end.told
    assert not outcome.well
    assert Registry().current() is None
    note = json.loads(Path("runs/demo/flywheel.json").read_text())
    assert note["ended"] == "refused"
    # With a gate that it passes the same candidate goes on from there; nothing is trained again.
    console = Console(record=True, width=100)
    after = turn(recipe(silent_base, **quick()), settings, console)
    assert states(after)["promote"] == "left out"
    assert after.candidate == outcome.candidate
    assert after.well
    assert console.export_text().count("done before") >= 4
    assert Registry().card(after.candidate).gates["parity"].passed
    # The shadow waits for live requests, and goes on waiting after a restart.
    shadowed = recipe(silent_base, **quick(shadow={"most": 10}))
    for _ in range(2):
        waiting = turn(shadowed, settings, Console(quiet=True))
        assert (waiting.end.name, waiting.end.state) == ("shadow", "waiting")
        assert "requests in all are expected" in waiting.end.told
        assert waiting.well
    running = Comparisons().running()
    assert running is not None
    assert running.candidate == outcome.candidate
    Comparisons().end(running, "worse", "it lost 8")
    refused = turn(shadowed, settings, Console(quiet=True))
    assert (refused.end.name, refused.end.state) == ("shadow", "refused")
    assert refused.end.told.startswith("worse: ")


def test_too_little_that_is_new_does_not_begin_a_turn(silent_base: Path, settings: Settings) -> None:
    store = TraceStore(settings.training_log)
    for index in range(3):
        store.append(Trace(f"eat {index}", "x", "executed", "executed", timestamp="2026-01-02T03:04:05"))
    wanting = recipe(silent_base, gather={"at_least": 50}, build={"recipe": "recorded"})
    outcome = turn(wanting, settings, Console(quiet=True))
    assert (outcome.end.name, outcome.end.state) == ("gather", "waiting")
    assert outcome.end.told == "3 new requests, and 50 are wanted for a turn"


def test_what_fails_is_told_and_tried_again(silent_base: Path, settings: Settings) -> None:
    broken = recipe(
        silent_base, build={"recipe": "recorded", "changes": {"split": {"novel_families": ["camera"]}}}
    )
    outcome = turn(broken, settings, Console(quiet=True))
    assert (outcome.end.name, outcome.end.state) == ("gather", "failed")
    assert "novel_rows and novel_families need each other" in outcome.end.told
    missing = recipe(
        silent_base, build={"recipe": "recorded", "changes": {"gather": {"labelled": ["gone.jsonl"]}}}
    )
    outcome = turn(missing, settings, Console(quiet=True))
    assert (outcome.end.name, outcome.end.state) == ("build", "failed")
    assert json.loads(Path("runs/demo/flywheel.json").read_text())["ended"] == ""


def test_the_command_names_its_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flywheel", "nothing"]) == 1
    assert "demo, nightly" in capsys.readouterr().err
