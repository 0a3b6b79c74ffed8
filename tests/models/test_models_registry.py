"""The registry of models: promotion, going back, damage, and the engine that follows it."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from conftest import SHAPES, write_adapter
from enactor.errors import EnactorError
from enactor.models import (
    Card,
    Gate,
    PromotedEngine,
    Registry,
    RegistryError,
    ScriptedEngine,
    current,
    load_engine,
    merge,
    merged_model,
    model_file,
)

SOUND = {"parity": Gate(True, "no call was lost")}


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def other(tiny: Path, tmp_path: Path) -> Path:
    return merge(tiny, None, tmp_path / "other.gguf")


def test_what_is_promoted_is_the_default(registry: Registry, tiny: Path, other: Path) -> None:
    assert current() is None
    first = registry.add(tiny, Card("first", gates=SOUND, training={"recipe": {"name": "demo"}}))
    registry.add(other, Card("second", gates=SOUND))
    assert registry.names() == ("first", "second")
    assert registry.card("first") == first
    registry.promote("first", reason="better")
    registry.promote("second")
    assert current() == registry.card("second")
    assert model_file("default") == registry.file("second")
    assert model_file("first").read_bytes() == tiny.read_bytes()
    assert registry.rollback(reason="worse after all") == first
    assert registry.rollback() is None
    assert current() is None
    with pytest.raises(RegistryError, match="nothing is promoted"):
        registry.rollback()
    told = [(event.action, event.model, event.reason) for event in registry.history()]
    assert told == [
        ("promote", "first", "better"),
        ("promote", "second", ""),
        ("rollback", "first", "worse after all"),
        ("rollback", None, ""),
    ]


def test_a_gate_that_is_not_passed_refuses_with_its_reason(registry: Registry, tiny: Path) -> None:
    registry.add(tiny, Card("unchecked"))
    with pytest.raises(RegistryError, match="parity: not checked"):
        registry.promote("unchecked")
    registry.add(tiny, Card("lossy", gates={"parity": Gate(False, "lost 9 of 200 calls, p = 0.002")}))
    with pytest.raises(RegistryError, match="lost 9 of 200 calls"):
        registry.promote("lossy")
    assert registry.history() == ()
    registry.promote("lossy", force=True)
    assert "forced against: parity: lost 9" in registry.history()[0].reason


def test_a_name_belongs_to_one_file(registry: Registry, tiny: Path, other: Path) -> None:
    registry.add(tiny, Card("one"))
    assert registry.add(tiny, Card("one", gates=SOUND)).gates == SOUND
    with pytest.raises(RegistryError, match="another model named one"):
        registry.add(other, Card("one"))
    for name in ("default", "a/b", "..", "Big", ""):
        with pytest.raises(RegistryError, match="cannot be a model's name"):
            registry.add(tiny, Card(name))
    with pytest.raises(RegistryError, match="no model 'two'"):
        registry.card("two")
    with pytest.raises(EnactorError, match="no model named 'two'"):
        model_file("two")


def test_the_adapter_is_kept_beside_the_weights(registry: Registry, tiny: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]})
    registry.add(tiny, Card("one"), adapter=folder)
    kept = registry.adapter("one")
    assert kept is not None
    assert (kept / "adapter_model.safetensors").is_file()


def test_damage_is_an_error_with_a_cure(registry: Registry, tiny: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    registry.promote("one")
    weights = registry.folder / "models" / "one" / "model.gguf"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(RegistryError, match="rollback"):
        model_file("default")
    weights.write_bytes(whole)
    assert model_file("default") == weights
    (registry.folder / "models" / "one" / "card.json").write_text("{")
    with pytest.raises(RegistryError, match="damaged"):
        registry.card("one")
    (registry.folder / "current.json").write_text('{"stack": 1}')
    with pytest.raises(RegistryError, match="restore it, or delete it"):
        current()


def test_remove_spares_what_is_in_use(registry: Registry, tiny: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    registry.promote("one")
    with pytest.raises(RegistryError, match="in use"):
        registry.remove("one")
    registry.rollback()
    registry.remove("one")
    assert registry.names() == ()
    assert not (registry.folder / "models" / "one").exists()


def test_promotions_of_many_processes_are_all_recorded(registry: Registry, tiny: Path, other: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    registry.add(other, Card("two", gates=SOUND))
    for _ in range(15):  # what is in use already is not promoted again: 30 steps back need 30 to go back on
        registry.promote("one")
        registry.promote("two")
    code = (
        "import sys; from pathlib import Path; from enactor.models.registry import Registry\n"
        "registry = Registry(Path(sys.argv[1]))\n"
        "for _ in range(10): registry.promote('one'); registry.promote('two'); registry.rollback()"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(registry.folder)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    events = registry.history()
    stack = json.loads((registry.folder / "current.json").read_text())["stack"]
    promoted = sum(event.action == "promote" for event in events)
    assert len(stack) == promoted - (len(events) - promoted)
    assert sum(event.action == "rollback" for event in events) == 30


def test_the_engine_follows_the_registry(registry: Registry, tiny: Path, other: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    registry.add(other, Card("two", gates=SOUND))
    told: list[str] = []
    loaded: list[ScriptedEngine] = []

    def load() -> ScriptedEngine:
        card = registry.current()
        name = card.name if card else "shipped"
        loaded.append(ScriptedEngine(lambda prompt: name, name=name))
        return loaded[-1]

    with PromotedEngine(load, registry.stamp, told.append) as engine:
        assert engine.complete("x").text == "shipped"
        registry.promote("one")
        assert engine.complete("x").text == "one"
        assert not engine.reload_if_changed()
        registry.promote("two")
        assert engine.reload_if_changed()
        assert engine.name == "two"
        registry.rollback()
        assert engine.complete("x").text == "one"
    assert told == ["Now in use: one.", "Now in use: two.", "Now in use: one."]
    for old in loaded:
        with pytest.raises(EnactorError, match="closed"):
            old.complete("x")


def test_a_change_waits_for_what_is_under_way(registry: Registry, tiny: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    begun, go_on = threading.Event(), threading.Event()

    def slow(prompt: str) -> str:
        begun.set()
        assert go_on.wait(10)
        return "old"

    engines = iter([ScriptedEngine(slow), ScriptedEngine(lambda prompt: "new")])
    engine = PromotedEngine(lambda: next(engines), registry.stamp, lambda line: None)
    answers: dict[str, str] = {}

    def ask(name: str) -> None:
        answers[name] = engine.complete("x").text

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert begun.wait(10)
    registry.promote("one")
    second = threading.Thread(target=ask, args=("second",))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    go_on.set()
    first.join(10)
    second.join(10)
    assert answers == {"first": "old", "second": "new"}


def test_a_model_that_does_not_load_leaves_the_old_one(registry: Registry, tiny: Path) -> None:
    registry.add(tiny, Card("one", gates=SOUND))
    told: list[str] = []

    def load() -> ScriptedEngine:
        if registry.current():
            raise RegistryError("cut off")
        return ScriptedEngine(lambda prompt: "old", name="shipped")

    engine = PromotedEngine(load, registry.stamp, told.append)
    registry.promote("one")
    assert [engine.complete("x").text for _ in range(3)] == ["old"] * 3
    assert told == ["The promoted model does not load, shipped goes on: cut off"]


@pytest.mark.model
def test_a_real_engine_changes_without_a_restart(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "registry")
    monkeypatch.setattr("enactor.models.load.Registry", lambda: registry)
    registry.add(base, Card("first", gates=SOUND))
    registry.add(merged_model(base, None), Card("second", gates=SOUND))
    registry.promote("first")
    with load_engine("default", context=256, threads=1, follow=True) as engine:
        assert engine.complete("Hello", max_tokens=4).text
        assert engine.name == "first"
        registry.promote("second")
        assert engine.complete("Hello", max_tokens=4).text
        assert engine.name == "second"
