"""A small llama with random weights, and an adapter for it as training leaves one."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest

from enactor.curate.conformance.tiny import EMPTY, START, _byte_letters
from enactor.models import known_sha256
from enactor.prompt import END

LAYERS, WIDTH, HIDDEN, VOCAB = 8, 64, 256, 260


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A llama of eight layers with random weights whose rows are 64 and 256 long."""
    return write_llama(tmp_path / "base.gguf")


@pytest.fixture
def silent_base(tmp_path: Path) -> Path:
    """The same with one layer, which ends every turn at once, so that many turns take no time."""
    return write_llama(tmp_path / "silent.gguf", layers=1, spread=0.01, silent=True)


def write_llama(path: Path, *, layers: int = LAYERS, spread: float = 0.1, silent: bool = False) -> Path:
    """`spread` is that of the weights. A silent one has the highest logit for the end of the turn, always."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    tokens = [*_byte_letters(), "hi", EMPTY, START, END]
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_block_count(layers)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * 3)
    writer.add_token_merges(["h i"])
    writer.add_bos_token_id(258)
    writer.add_eos_token_id(259)
    writer.add_pad_token_id(257)
    writer.add_unk_token_id(257)
    writer.add_chat_template("{{ old }}")

    def add(name: str, rows: int, columns: int) -> None:
        writer.add_tensor(name, random.normal(0, spread, (rows, columns)).astype(np.float32))

    if silent:
        writer.add_tensor("token_embd.weight", np.ones((VOCAB, WIDTH), np.float32))
        output = np.zeros((VOCAB, WIDTH), np.float32)
        output[tokens.index(END)] = 1.0
        writer.add_tensor("output.weight", output)
    else:
        add("token_embd.weight", VOCAB, WIDTH)
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    for layer in range(layers):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_gate.weight", HIDDEN, WIDTH)
        add(f"blk.{layer}.ffn_up.weight", HIDDEN, WIDTH)
        add(f"blk.{layer}.ffn_down.weight", WIDTH, HIDDEN)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    safetensors = pytest.importorskip("safetensors.numpy")
    folder = tmp_path / "adapter"
    folder.mkdir()
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    random = np.random.default_rng(1)
    stem = "base_model.model.model.layers.0.mlp.down_proj.lora_"
    tensors = {
        f"{stem}A.weight": random.normal(0, 0.1, (2, HIDDEN)).astype(np.float32),
        f"{stem}B.weight": random.normal(0, 0.1, (WIDTH, 2)).astype(np.float32),
    }
    safetensors.save_file(tensors, folder / "adapter_model.safetensors")
    note = {
        "base": {"name": "tiny", "sha256": known_sha256(base)},
        "recipe": {"name": "demo", "rank": 2},
        "rows": {"hash": "t1:abc"},
        "source": {"commit": "f00d", "dirty": True},
        "world": "w1:x",
        "metrics": {"loss": 0.5},
    }
    (folder / "provenance.json").write_text(json.dumps(note))
    return folder
