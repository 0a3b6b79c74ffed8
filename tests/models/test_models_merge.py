"""Merging a LoRA adapter into a GGUF, on a tiny llama and on the real base."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from conftest import HEADS, SHAPES, WIDTH, write_adapter, write_safetensors
from enactor.errors import EnactorError
from enactor.models import AdapterError, ModelFileError, known_sha256, merge, merged_model
from enactor.models.adapter import read_safetensors
from enactor.models.gguf_file import check_gguf


def weights(path: Path) -> dict[str, np.ndarray]:
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}


def q8(values: np.ndarray) -> np.ndarray:
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)


def test_models_merge_base_alone_is_q8_and_keeps_the_rest(tiny: Path, tmp_path: Path) -> None:
    out = merge(
        tiny, None, tmp_path / "out.gguf", chat_template="{{ new }}", provenance={"dialect": "hermes"}
    )
    check_gguf(out)
    reader = gguf.GGUFReader(out)
    kinds = {t.name: t.tensor_type.name for t in reader.tensors}
    assert set(kinds.values()) == {"Q8_0", "F32"}
    assert kinds["blk.0.attn_norm.weight"] == "F32"
    text = {key: field.contents() for key, field in reader.fields.items()}
    assert text["tokenizer.chat_template"] == "{{ new }}"
    assert text["enactor.dialect"] == "hermes"
    assert text["enactor.base_sha256"] == known_sha256(tiny)
    assert text["tokenizer.ggml.tokens"][:2] == ["t0", "t1"]
    assert text["general.file_type"] == gguf.LlamaFileType.MOSTLY_Q8_0
    before, after = weights(tiny), weights(out)
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, atol=np.abs(values).max() / 127)
    np.testing.assert_array_equal(after["token_embd.weight"], before["token_embd.weight"])


@pytest.mark.parametrize("rslora", [False, True])
def test_models_merge_adds_the_change(tiny: Path, tmp_path: Path, rslora: bool) -> None:
    adapter = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]}, layer=1, use_rslora=rslora)
    out = merge(tiny, adapter, tmp_path / "out.gguf", precision="f32")
    tensors = dict(read_safetensors(adapter / "adapter_model.safetensors"))
    stem = "base_model.model.model.layers.1.mlp.up_proj.lora_"
    scale = 8 / 2 if rslora else 8 / 4
    before, after = weights(tiny), weights(out)
    change = scale * tensors[f"{stem}B.weight"] @ tensors[f"{stem}A.weight"]
    np.testing.assert_allclose(
        after["blk.1.ffn_up.weight"], before["blk.1.ffn_up.weight"] + change, atol=1e-6
    )
    np.testing.assert_array_equal(after["blk.0.ffn_up.weight"], before["blk.0.ffn_up.weight"])


def test_models_merge_reorders_rows_of_queries(tiny: Path, tmp_path: Path) -> None:
    """Row j of the first half of a head goes to 2j, row j of the second half to 2j + 1."""
    adapter = write_adapter(tmp_path / "a", {"self_attn.q_proj": SHAPES["attn_q"]})
    out = merge(tiny, adapter, tmp_path / "out.gguf", precision="f32")
    tensors = dict(read_safetensors(adapter / "adapter_model.safetensors"))
    stem = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    change = 2 * tensors[f"{stem}B.weight"] @ tensors[f"{stem}A.weight"]
    got = weights(out)["blk.0.attn_q.weight"] - weights(tiny)["blk.0.attn_q.weight"]
    size = WIDTH // HEADS
    for head in range(HEADS):
        for j in range(size // 2):
            for half in (0, 1):
                source = head * size + half * size // 2 + j
                np.testing.assert_allclose(got[head * size + 2 * j + half], change[source], atol=1e-6)


def test_models_merge_refuses_an_adapter_of_another_base(tiny: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]})
    note = adapter / "provenance.json"
    note.write_text(json.dumps({"base": {"name": "qwen", "sha256": "0" * 64}}))
    with pytest.raises(AdapterError, match="trained on qwen"):
        merge(tiny, adapter, tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()
    note.write_text(json.dumps({"base": {"sha256": known_sha256(tiny)}}))
    assert merge(tiny, adapter, tmp_path / "out.gguf").is_file()


@pytest.mark.parametrize(
    ("projections", "config", "said"),
    [
        ({"mlp.up_proj": (64, 64)}, {}, "for another base"),
        ({"mlp.other_proj": (64, 64)}, {}, "does not know"),
        ({"self_attn.q_proj": (30, 64)}, {}, "another base"),
        ({"mlp.up_proj": SHAPES["ffn_up"]}, {"use_dora": True}, "use_dora"),
        ({"mlp.up_proj": SHAPES["ffn_up"]}, {"bias": "all"}, "bias"),
        ({"mlp.up_proj": SHAPES["ffn_up"]}, {"r": 8}, "damaged"),
        ({"mlp.up_proj": SHAPES["ffn_up"]}, {"r": None}, "no usable r"),
        ({}, {}, "no LoRA weights"),
    ],
)
def test_models_merge_refuses_what_it_cannot_merge(
    tiny: Path, tmp_path: Path, projections: dict, config: dict, said: str
) -> None:
    adapter = write_adapter(tmp_path / "a", projections, **config)
    with pytest.raises(AdapterError, match=said):
        merge(tiny, adapter, tmp_path / "out.gguf")
    assert not list(tmp_path.glob("*.partial"))


def test_models_merge_layer_that_the_base_lacks(tiny: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]}, layer=9)
    with pytest.raises(AdapterError, match=r"blk\.9"):
        merge(tiny, adapter, tmp_path / "out.gguf")


@pytest.mark.parametrize("keep", [0, 4, 30, 400, -10])
def test_models_merge_damaged_adapter_is_an_error(tiny: Path, tmp_path: Path, keep: int) -> None:
    adapter = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]})
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(AdapterError, match="damaged"):
        merge(tiny, adapter, tmp_path / "out.gguf")
    (adapter / "adapter_config.json").write_text("{")
    with pytest.raises(AdapterError, match="not JSON"):
        merge(tiny, adapter, tmp_path / "out.gguf")
    with pytest.raises(AdapterError, match="no adapter at"):
        merge(tiny, tmp_path / "nowhere", tmp_path / "out.gguf")


def test_models_merge_refuses_values_that_are_not_finite(tiny: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", {})
    stem = "base_model.model.model.layers.0.mlp.up_proj.lora_"
    write_safetensors(
        adapter / "adapter_model.safetensors",
        {
            f"{stem}A.weight": np.full((4, 64), np.nan, np.float32),
            f"{stem}B.weight": np.ones((128, 4), np.float32),
        },
    )
    with pytest.raises(AdapterError, match="not finite"):
        merge(tiny, adapter, tmp_path / "out.gguf")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.1, 0.5, 0.99])
def test_models_merge_cut_off_base_is_an_error(tiny: Path, tmp_path: Path, share: float) -> None:
    raw = tiny.read_bytes()
    tiny.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(ModelFileError):
        merge(tiny, None, tmp_path / "out.gguf")


def test_models_gguf_header_with_flipped_bytes_never_crashes(tiny: Path) -> None:
    raw = bytearray(tiny.read_bytes())
    random = np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(raw)
        for at in random.integers(4, 3000, 3):
            broken[at] = int(random.integers(256))
        tiny.write_bytes(broken)
        try:
            check_gguf(tiny)
        except EnactorError:
            continue


def test_models_merged_model_is_cached_by_content(tiny: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]})
    first = merged_model(tiny, adapter, chat_template="x", folder=tmp_path / "c")
    made = first.stat().st_ino
    assert merged_model(tiny, adapter, chat_template="x", folder=tmp_path / "c").stat().st_ino == made
    assert merged_model(tiny, adapter, chat_template="y", folder=tmp_path / "c") != first
    assert merged_model(tiny, None, chat_template="x", folder=tmp_path / "c") != first
    first.write_bytes(first.read_bytes()[:1000])
    assert merged_model(tiny, adapter, chat_template="x", folder=tmp_path / "c") == first
    check_gguf(first)
    write_adapter(tmp_path / "a", {"mlp.up_proj": SHAPES["ffn_up"]}, lora_alpha=16)
    assert merged_model(tiny, adapter, chat_template="x", folder=tmp_path / "c") != first
    for n in range(8):
        last = merged_model(tiny, None, chat_template=str(n), folder=tmp_path / "c")
    assert last.is_file()
    assert len(list((tmp_path / "c" / "merged").glob("*.gguf"))) == 6


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_models_merge_has_the_logits_of_peft(base: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    peft = pytest.importorskip("peft")
    from enactor.train.base import load_base

    torch.manual_seed(0)
    model, tokenizer = load_base(base, check=False)
    lora = peft.get_peft_model(
        model,
        peft.LoraConfig(
            r=8,
            lora_alpha=16,
            use_rslora=True,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        ),
    )
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.004)
    text = "<|im_start|>user\nkill 300 giant frogs<|im_end|>\n<|im_start|>assistant\n"
    ids = torch.tensor([tokenizer(text).input_ids])
    with torch.no_grad():
        expected = lora(ids).logits[0]
        with lora.disable_adapter():
            plain = lora(ids).logits[0]
    assert (expected - plain).abs().max() > 0.5  # the adapter does something
    lora.save_pretrained(tmp_path / "a")
    exact, _ = load_base(merge(base, tmp_path / "a", tmp_path / "f32.gguf", precision="f32"), check=False)
    with torch.no_grad():
        assert (exact(ids).logits[0] - expected).abs().max() < 1e-3
    # Q8_0 is exactly the rounding of those weights, and the rounding does not change what is said.
    rounded, whole = merge(base, tmp_path / "a", tmp_path / "q8.gguf"), weights(tmp_path / "f32.gguf")
    for name, values in weights(rounded).items():
        if values.ndim == 2:
            np.testing.assert_array_equal(values, q8(whole[name]))
    with torch.no_grad():
        for parameter in exact.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.from_numpy(q8(parameter.numpy())))
        assert (exact(ids).logits[0].argmax(-1) == expected.argmax(-1)).float().mean() >= 0.9
