"""Preference training on a tiny model: TRL's own figures, what it learns, and stops at any moment."""

import json
import random
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
from rich.console import Console

from enactor.curate.pairs import write_pairs
from enactor.curate.rejected import template_pairs, training_rows
from enactor.train import Recipe, RowsError, train
from enactor.train.pairs import encode_pairs, read_pairs

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("trl")


@pytest.fixture(scope="module")
def pairs():
    """At most twelve pairs from the phrasebook."""
    rng = random.Random(4)
    rows = islice(training_rows(rng), 400)
    wanted = {"described": 4, "wrong verb": 4, "call where none was due": 4}
    return [p for p in template_pairs(rows, wanted, rng) if not p.row.history]


@pytest.fixture
def chosen(recipe):
    """A recipe of the method, small."""
    values = recipe.model_dump(exclude={"preference", "rejection", "grpo"})
    return Recipe(**{**values, "method": "preference", "max_length": 2000, "epochs": 3, "batch": 2})


def _run(recipe, pairs, out, **more):
    return train(recipe, pairs, out, console=Console(quiet=True), **more)


def _curves(out):
    lines = [json.loads(line) for line in (out / "curves.jsonl").read_text("utf-8").splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def test_it_learns_to_tell_the_right_from_the_wrong(chosen, pairs, tmp_path):
    made = _run(chosen, pairs, tmp_path)
    curve = _curves(tmp_path)
    # At the start the model is its own reference: no margin, and the loss is log 2 plus the anchor.
    assert curve[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert curve[-1]["rewards/margins"] > 0.05
    losses = [step["loss"] for step in curve]
    epoch = len(losses) // 3  # the same pairs each
    assert sum(losses[-epoch:]) < sum(losses[:epoch])
    assert curve[-1]["tokens"] > 3 * sum(p.tokens for p in _examples(chosen, pairs).kept) * 0.99
    note = json.loads((tmp_path / "provenance.json").read_text("utf-8"))
    assert note["recipe"]["preference"]["beta"] == 0.1
    assert note["rows"]["trained"] == len(pairs)
    assert made.metrics["loss"] == pytest.approx(sum(losses[-20:]) / len(losses[-20:]))


def test_the_fast_way_gives_the_losses_of_the_plain_one(chosen, pairs, tmp_path):
    _run(chosen, pairs, tmp_path / "fast")
    _run(chosen.model_copy(update={"fused": False}), pairs, tmp_path / "plain")
    for fast, plain in zip(_curves(tmp_path / "fast"), _curves(tmp_path / "plain"), strict=True):
        assert plain["loss"] == pytest.approx(fast["loss"], rel=2e-3)
        assert plain["rewards/margins"] == pytest.approx(fast["rewards/margins"], rel=2e-2, abs=2e-3)


def test_the_first_loss_is_that_of_trl_untouched(chosen, pairs, tmp_path, tiny_base):
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    _run(chosen.model_copy(update={"epochs": 0.01}), pairs, tmp_path / "ours")
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    numbers = _first_step(chosen, pairs)
    texts = [pairs[n].texts() for n in numbers]
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(tiny_base, dtype="float32"),
        args=DPOConfig(
            output_dir=str(tmp_path / "trl"),
            loss_type=["sigmoid", "sft"],
            per_device_train_batch_size=2,
            max_steps=1,
            max_length=None,
            bf16=False,
            logging_steps=1,
            report_to=[],
        ),
        # TRL puts the end of the turn itself.
        train_dataset=Dataset.from_list(
            [dict(zip(("prompt", "chosen", "rejected"), t, strict=True)) for t in texts]
        ),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM"),
    )
    trainer.train()
    theirs = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    assert _curves(tmp_path / "ours")[0]["loss"] == pytest.approx(theirs, rel=1e-3)


@pytest.mark.slow
def test_micro_batches_give_the_same_margins(chosen, pairs, tmp_path):
    plain = chosen.model_copy(update={"preference": chosen.preference.model_copy(update={"anchor": 0.0})})
    _run(plain, pairs, tmp_path / "whole")
    _run(plain.model_copy(update={"micro_batch": 1}), pairs, tmp_path / "parts")
    for whole, parts in zip(_curves(tmp_path / "whole"), _curves(tmp_path / "parts"), strict=True):
        assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-3)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_result(chosen, pairs, tmp_path):
    _run(chosen, pairs, tmp_path / "straight")
    eager = chosen.model_copy(update={"checkpoint_minutes": 1e-6})
    (tmp_path / "recipe.json").write_text(eager.model_dump_json(), "utf-8")
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    script = (
        "import sys; from pathlib import Path; from enactor.train import Recipe, train\n"
        "at = Path(sys.argv[1]); recipe = Recipe.model_validate_json((at / 'recipe.json').read_text())\n"
        "train(recipe, at / 'pairs.jsonl', at / 'out')\n"
    )
    folder = tmp_path / "out" / "checkpoints"
    for step in (3, 8):
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while not any((folder / f"checkpoint-{s}").exists() for s in range(step, 30)):
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.wait()
    _run(eager, tmp_path / "pairs.jsonl", tmp_path / "out")
    assert _curves(tmp_path / "straight") == _curves(tmp_path / "out")
    name = "adapter_model.safetensors"
    assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_pairs_that_cannot_be_trained_on_are_refused(chosen, pairs, tmp_path):
    with pytest.raises(RowsError, match="enactor pairs"):
        _run(chosen, [], tmp_path)
    with pytest.raises(RowsError, match="are longer than 20 tokens"):
        _run(chosen.model_copy(update={"max_length": 20}), pairs, tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"message": "hi"}\n', "utf-8")
    with pytest.raises(RowsError, match="1: not a preference pair"):
        list(read_pairs(tmp_path / "rows.jsonl"))


def _examples(recipe, pairs):
    from transformers import AutoTokenizer

    return encode_pairs(pairs, AutoTokenizer.from_pretrained(recipe.base), recipe.max_length)


def _first_step(recipe, pairs):
    from enactor.train.batches import plan

    return plan([p.tokens for p in _examples(recipe, pairs).kept], recipe.batch, recipe.epochs, recipe.seed)[
        0
    ]
