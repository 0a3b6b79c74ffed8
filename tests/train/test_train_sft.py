"""Whole runs on a tiny model: what is left behind, and what survives a stop at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from enactor.curate.build import BuildConfig, build
from enactor.train import Recipe, RecipeError, train

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from enactor.train.schedule import Schedule  # noqa: E402
from enactor.train.watch import Looks, TrainingDiverged, TrainingStopped, Watch  # noqa: E402


def _run(recipe, rows, out, **more):
    return train(recipe, rows, out, console=Console(quiet=True), **more)


def _curves(out: Path) -> list[dict]:
    lines = [json.loads(line) for line in (out / "curves.jsonl").read_text("utf-8").splitlines()]
    return [{k: line[k] for k in ("step", "loss", "learning_rate", "grad_norm")} for line in lines]


@pytest.fixture(scope="module")
def straight(tiny_base, rows, tmp_path_factory):
    """A run without a stop."""
    out = tmp_path_factory.mktemp("straight")
    made = Recipe(
        base=str(tiny_base),
        rank=4,
        alpha=8,
        batch=4,
        epochs=2,
        max_length=200,
        dtype="float32",
        learning_rate=1e-2,
    )
    return _run(made, rows, out, held_out_rows=rows[:5])


def test_a_run_learns_and_says_what_it_did(straight, recipe, rows):
    curve = _curves(straight.folder)
    assert [line["step"] for line in curve] == list(range(1, 17))
    assert curve[-1]["loss"] < 0.8 * curve[0]["loss"]
    rates = [line["learning_rate"] for line in curve]
    assert max(rates) <= recipe.learning_rate
    assert rates[-1] < 0.2 * recipe.learning_rate
    note = json.loads((straight.folder / "provenance.json").read_text("utf-8"))
    assert note["recipe"] == recipe.model_dump(mode="json")
    assert note["world"].startswith("w1:")
    assert note["base"]["sha256"] == straight.base.sha256
    assert note["steps"] == 16
    assert note["tokens"] > 0
    assert set(note["metrics"]) == {"loss", "eval_loss", "eval_token_accuracy", "eval_row_accuracy"}
    assert not (straight.folder / "checkpoints").exists()


def test_the_adapter_is_peft_and_float16(straight, tiny_base):
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    from enactor.models.adapter import read_adapter

    tensors = load_file(straight.folder / "adapter_model.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert len(tensors) == 2 * 7 * 2
    base = AutoModelForCausalLM.from_pretrained(tiny_base)
    ids = torch.tensor([[1, 40, 41, 42]])
    before = base(ids).logits.clone()
    assert not torch.allclose(
        PeftModel.from_pretrained(base, str(straight.folder))(ids).logits, before, atol=0.1
    )
    read = read_adapter(straight.folder)
    assert read.scale == 2
    assert len(read.pairs) == 14
    assert read.base_sha256 == straight.base.sha256


def test_stopped_by_ctrl_c_it_goes_on_to_the_same_result(straight, recipe, rows, tmp_path, monkeypatch):
    plain = Watch.on_step_end

    def stop_at_five(self, args, state, control, **more):
        if state.global_step == 5 and not self.interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        plain(self, args, state, control, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "on_step_end", stop_at_five)
        with pytest.raises(TrainingStopped, match="step 5 of 16"):
            _run(recipe, rows, tmp_path)
    # What a kill leaves: a checkpoint that was being written, curves of steps after it, a cut-off line.
    (tmp_path / "checkpoints" / ".partial" / "checkpoint-9").mkdir(parents=True)
    with (tmp_path / "curves.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 6, "loss": 99, "learning_rate": 0, "grad_norm": 0}\n{"step": 7, "lo')
    again = _run(recipe, rows, tmp_path)
    _assert_same(straight.folder, again.folder)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_result(straight, recipe, rows, tmp_path):
    eager = recipe.model_copy(update={"checkpoint_minutes": 1e-6})
    (tmp_path / "recipe.json").write_text(eager.model_dump_json(), "utf-8")
    (tmp_path / "rows.json").write_text(
        json.dumps([[[s.text, s.train] for s in row] for row in rows]), "utf-8"
    )
    script = (
        "import json, sys; from pathlib import Path; from enactor.prompt import Segment\n"
        "from enactor.train import Recipe, train\n"
        "at = Path(sys.argv[1]); rows = json.loads((at / 'rows.json').read_text())\n"
        "recipe = Recipe.model_validate_json((at / 'recipe.json').read_text())\n"
        "train(recipe, [[Segment(*s) for s in row] for row in rows], at / 'out')\n"
    )
    folder = tmp_path / "out" / "checkpoints"
    for step in (3, 9):
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while not any((folder / f"checkpoint-{s}").exists() for s in range(step, 17)):
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
    _run(eager, rows, tmp_path / "out")
    _assert_same(straight.folder, tmp_path / "out")


def test_the_tokens_go_on_after_a_stop(straight, recipe, rows, tmp_path, monkeypatch):
    def stop(self, args, state, control, **more):
        self.interrupted = state.global_step == 3
        control.should_save = control.should_training_stop = self.interrupted

    with monkeypatch.context() as patched:
        patched.setattr(Watch, "on_step_end", stop)
        with pytest.raises(TrainingStopped):
            _run(recipe, rows, tmp_path)
    _run(recipe, rows, tmp_path)
    tokens = [
        [json.loads(x)["tokens"] for x in (f / "curves.jsonl").open()] for f in (straight.folder, tmp_path)
    ]
    assert tokens[0] == tokens[1]
    assert tokens[0][-1] == json.loads((tmp_path / "provenance.json").read_text("utf-8"))["tokens"]


def _validated(tmp_path, recipe, **more):
    """A recipe that looks at held-out rows every two steps, and real rows for it."""
    data = tmp_path / "data"
    build(BuildConfig(rows=24, test_rows=10, out=data, renamed=0.0))
    changes = {"eval_every": 2, "eval_rows": 4, "max_length": 3000, "epochs": 1, **more}
    return recipe.model_copy(update=changes), data


def test_it_ends_when_the_calls_get_no_better_and_keeps_the_best(recipe, tmp_path):
    early, data = _validated(tmp_path, recipe, patience=2, epochs=4)
    out = tmp_path / "out"
    made = _run(early, data / "train.jsonl", out, held_out_rows=data / "test.jsonl")
    note = json.loads((out / "provenance.json").read_text("utf-8"))
    # A byte model this small gets no call right in so few steps; where none is due, it may come to make none.
    looks = [json.loads(x) for x in (out / "curves.jsonl").open() if "eval_calls" in x]
    best = max(looks, key=lambda look: look["eval_calls"])  # the first of equals
    assert note["kept_step"] == best["step"]
    assert note["steps"] == looks[-1]["step"] == best["step"] + 4  # two looks without a better one
    assert made.metrics["eval_calls"] == best["eval_calls"]
    assert made.metrics["eval_loss"] == pytest.approx(best["eval_loss"])


@pytest.mark.slow
def test_it_may_end_on_the_loss_too_and_resumes_alike(recipe, tmp_path, monkeypatch):
    early, data = _validated(
        tmp_path, recipe, patience=2, stop_on="loss", learning_rate=0.3, clip=100.0, epochs=4
    )
    given = {"held_out_rows": data / "test.jsonl"}
    monkeypatch.setattr(Watch, "_refuse_divergence", lambda *args: None)
    whole = _run(early, data / "train.jsonl", tmp_path / "whole", **given)
    steps = json.loads((tmp_path / "whole" / "provenance.json").read_text("utf-8"))["steps"]
    plain = Watch.on_step_end

    def stop(self, args, state, control, **more):
        plain(self, args, state, control, **more)
        if state.global_step == 5 and not self.interrupted:
            self.interrupted = control.should_save = control.should_training_stop = True

    if steps > 5:
        with monkeypatch.context() as patched:
            patched.setattr(Watch, "on_step_end", stop)
            with pytest.raises(TrainingStopped):
                _run(early, data / "train.jsonl", tmp_path / "parts", **given)
    parts = _run(early, data / "train.jsonl", tmp_path / "parts", **given)
    _assert_same(whole.folder, parts.folder)
    assert parts.metrics == whole.metrics


def test_calls_are_right_by_what_they_come_to(recipe, tmp_path):
    from dataclasses import replace

    from enactor.curate.rows import Action, read_rows
    from enactor.prompt import DIALECTS
    from enactor.train.validation import is_right

    _, data = _validated(tmp_path, recipe)
    row = replace(
        next(r for r in read_rows(data / "train.jsonl") if r.say),
        state={"location": [3222, 3218, 0]},
        say=(Action("send_command", {"command": "GOTO south 20"}),),
        expect=(),
    )
    turn = '<tool_call>\n{{"name": "send_command", "arguments": {{"command": "{}"}}}}\n</tool_call>'
    hermes = DIALECTS["hermes"]
    assert is_right(row, turn.format("GOTO south"), hermes)  # a bare direction is twenty tiles
    assert not is_right(row, turn.format("GOTO north"), hermes)
    assert not is_right(row, "I went south.", hermes)


def test_curves_go_to_trackio_and_on_under_one_name(tmp_path):
    pytest.importorskip("trackio")
    script = (
        "import sys; from enactor.train.track import trackio_run\n"
        "send, finish = trackio_run('mine', {'rank': 4})\n"
        "for step in map(int, sys.argv[1:]): send({'step': step, 'loss': 1 / step})\n"
        "finish()\n"
    )
    told = "from trackio.sqlite_storage import SQLiteStorage as S; print([(x['step'], x['loss']) for x in "
    told += "S.get_logs('enactor', 'mine')])"
    env = {**os.environ, "TRACKIO_DIR": str(tmp_path)}  # it is read once, when trackio is imported
    for code, steps in ((script, ("1", "2")), (script, ("4",)), (told, ())):
        command = [sys.executable, "-c", code, *steps]
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[(1, 1.0), (2, 0.5), (4, 0.25)]"


def test_each_step_is_sent_where_the_recipe_says_so(recipe, rows, tmp_path, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "enactor.train.track.trackio_run",
        lambda name, config: (sent.append(name), (sent.append, lambda: sent.append("finished")))[1],
    )
    out = tmp_path / "mine" / "adapter"
    _run(recipe.model_copy(update={"track": True, "epochs": 0.5}), rows, out)
    assert (sent[0], sent[-1]) == ("custom-mine", "finished")
    assert sent[1:-1] == [json.loads(line) for line in (out / "curves.jsonl").open()]


def test_a_checkpoint_of_another_run_is_refused(straight, recipe, rows):
    with pytest.raises(RecipeError, match="--fresh"):
        _run(recipe.model_copy(update={"rank": 8}), rows, straight.folder)
    with pytest.raises(RecipeError, match="other rows"):
        _run(recipe, rows[1:], straight.folder)


def test_a_finished_run_is_returned_as_it_is(straight, recipe, rows):
    before = (straight.folder / "adapter_model.safetensors").stat().st_mtime_ns
    assert _run(recipe, rows, straight.folder) == straight
    assert (straight.folder / "adapter_model.safetensors").stat().st_mtime_ns == before


def test_micro_batches_give_the_same_losses(straight, recipe, rows, tmp_path):
    out = _run(recipe.model_copy(update={"micro_batch": 2}), rows, tmp_path).folder
    for whole, parts in zip(_curves(straight.folder), _curves(out), strict=True):
        assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-3)


def test_peft_s_own_step_gives_the_same_losses(straight, recipe, rows, tmp_path):
    out = _run(recipe.model_copy(update={"fused": False}), rows, tmp_path).folder
    for fused, plain in zip(_curves(straight.folder), _curves(out), strict=True):
        assert plain["loss"] == pytest.approx(fused["loss"], rel=2e-3)


def test_a_loss_that_is_no_number_stops_with_advice(recipe, rows, tiny_base, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_base, broken)
    tensors = load_file(broken / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingDiverged, match="learning_rate"):
        _run(recipe.model_copy(update={"base": str(broken)}), rows, tmp_path / "out")
    assert not list((tmp_path / "out" / "checkpoints").glob("checkpoint-*"))


def test_a_loss_that_climbs_stops_with_advice(tmp_path):
    watch = Watch(
        Schedule(100, 0.05, 0.1, None),
        tmp_path / "curves.jsonl",
        Console(quiet=True),
        tokens=lambda step: 0,
        looks=Looks(),
        checkpoint_seconds=60,
    )

    def log(step, loss):
        state = SimpleNamespace(global_step=step)
        watch.on_log(None, state, None, logs={"loss": loss, "grad_norm": 1.0, "learning_rate": 1e-3})

    for step in range(10):
        log(step, 3.0 - step / 5)
    log(11, 6.0)  # one bad batch is no divergence
    log(12, 8.0)
    with pytest.raises(TrainingDiverged, match="rose"):
        deque((log(step, 8.0) for step in range(13, 40)), maxlen=0)


def test_the_schedule_reaches_its_end_within_the_budget(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("enactor.train.schedule.time.monotonic", lambda: clock[0])
    schedule = Schedule(1000, 0.05, 0.02, seconds=100.0)
    factors = [schedule(0)]
    while schedule.remaining:
        clock[0] += 1.0 if schedule.done < 40 else 2.0  # the machine gets slower on the way
        factors.append(schedule(schedule.done + 1))
    assert schedule.done == 40 + 30
    assert 98 <= clock[0] <= 100
    assert factors[-1] == pytest.approx(0.02, abs=0.01)
    assert max(factors) == pytest.approx(1, abs=0.05)
    peak = factors.index(max(factors))
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert max(abs(a - b) for a, b in pairwise(factors[peak:])) < 0.1


def test_without_a_budget_the_rate_depends_on_the_step_alone():
    schedule = Schedule(200, 0.1, 0.02, None)
    factors = [schedule(step) for step in range(200)]
    assert factors[9] == pytest.approx(0.5)
    assert max(factors) == pytest.approx(1, abs=1e-3)
    assert factors[-1] == pytest.approx(0.02)
    again = Schedule(200, 0.1, 0.02, None)
    half = [again(step) for step in range(100)]
    resumed = Schedule(200, 0.1, 0.02, None)
    resumed.__dict__.update(again.__dict__)  # what LambdaLR's state does
    assert [*half, *(resumed(step) for step in range(100, 200))] == factors


@pytest.mark.slow
def test_a_budget_ends_a_run(recipe, rows, tmp_path):
    out = _run(recipe.model_copy(update={"epochs": 2000, "max_minutes": 0.15}), rows, tmp_path).folder
    note = json.loads((out / "provenance.json").read_text("utf-8"))
    assert note["steps"] < 16000
    assert note["seconds"] < 12
    assert _curves(out)[-1]["learning_rate"] < 0.1 * recipe.learning_rate


def _assert_same(one: Path, other: Path) -> None:
    assert _curves(one) == _curves(other)
    name = "adapter_model.safetensors"
    assert (one / name).read_bytes() == (other / name).read_bytes()
