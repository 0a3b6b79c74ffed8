import json

import numpy as np
import pytest

from enactor.models.adapter import AdapterError, read_adapter
from enactor.train.average import average


def _adapter(folder, seed, rank=2, base="ab" * 32, scale=2.0):
    safetensors = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(seed)
    folder.mkdir()
    tensors = {}
    for part, projection in (("self_attn", "q_proj"), ("mlp", "up_proj")):
        name = f"base_model.model.model.layers.0.{part}.{projection}"
        tensors[f"{name}.lora_A.weight"] = rng.normal(size=(rank, 6)).astype(np.float16)
        tensors[f"{name}.lora_B.weight"] = rng.normal(size=(4, rank)).astype(np.float16)
    safetensors.save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "r": rank,
        "lora_alpha": scale * rank,
        "peft_type": "LORA",
        "target_modules": ["q_proj", "up_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    if base:
        note = {"base": {"name": "tiny", "sha256": base}, "dialect": "hermes", "recipe": {"name": f"r{seed}"}}
        (folder / "provenance.json").write_text(json.dumps(note), "utf-8")
    return folder


def _change(read):
    return {key: read.scale * b @ a for key, (a, b) in read.pairs.items()}


def test_factors_keep_the_rank(tmp_path):
    one, two = _adapter(tmp_path / "1", 1), _adapter(tmp_path / "2", 2)
    average([one, two], tmp_path / "out")
    made, a, b = read_adapter(tmp_path / "out"), read_adapter(one), read_adapter(two)
    assert made.scale == a.scale
    for key, (left, right) in made.pairs.items():
        np.testing.assert_allclose(left, (a.pairs[key][0] + b.pairs[key][0]) / 2, atol=2e-3)
        np.testing.assert_allclose(right, (a.pairs[key][1] + b.pairs[key][1]) / 2, atol=2e-3)
    note = json.loads((tmp_path / "out" / "provenance.json").read_text("utf-8"))
    assert note["base"]["sha256"] == "ab" * 32
    assert note["dialect"] == "hermes"
    assert "recipe" not in note  # it is not the same in both
    assert [source["folder"] for source in note["averaged"]["of"]] == ["1", "2"]


def test_products_are_exact_whatever_the_ranks(tmp_path):
    one, two = _adapter(tmp_path / "1", 1, rank=2), _adapter(tmp_path / "2", 2, rank=3, scale=0.5)
    average([one, two], tmp_path / "out", "products")
    made, a, b = (_change(read_adapter(f)) for f in (tmp_path / "out", one, two))
    for key, change in made.items():
        np.testing.assert_allclose(change, (a[key] + b[key]) / 2, atol=1e-2)


def test_what_has_no_average_is_refused(tmp_path):
    one, other = _adapter(tmp_path / "1", 1), _adapter(tmp_path / "2", 2, rank=3)
    with pytest.raises(AdapterError, match="average-of products"):
        average([one, other], tmp_path / "out")
    with pytest.raises(AdapterError, match="at least two"):
        average([one], tmp_path / "out")
    with pytest.raises(AdapterError, match="different bases"):
        average([one, _adapter(tmp_path / "3", 3, base="cd" * 32)], tmp_path / "out")
    with pytest.raises(AdapterError, match="does not say which base"):
        average([one, _adapter(tmp_path / "4", 4, base="")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
