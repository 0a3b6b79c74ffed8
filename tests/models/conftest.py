"""The real base weights, and a tiny llama in the same format."""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest

from enactor.errors import EnactorError
from enactor.models import LlamaEngine, merged_model, pull

LAYERS, WIDTH, HIDDEN, HEADS, KV_HEADS, VOCAB = 2, 64, 128, 2, 1, 96
SHAPES = {
    "attn_q": (WIDTH, WIDTH),
    "attn_k": (WIDTH // HEADS * KV_HEADS, WIDTH),
    "attn_v": (WIDTH // HEADS * KV_HEADS, WIDTH),
    "attn_output": (WIDTH, WIDTH),
    "ffn_gate": (HIDDEN, WIDTH),
    "ffn_up": (HIDDEN, WIDTH),
    "ffn_down": (WIDTH, HIDDEN),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("model") is None:
        monkeypatch.setenv("ENACTOR_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def base() -> Path:
    try:
        return pull()
    except EnactorError as error:
        pytest.skip(f"no base weights: {error}")


@pytest.fixture(scope="session")
def engine(base: Path) -> Iterator[LlamaEngine]:
    with LlamaEngine(merged_model(base, None), slots=2, threads=1, context=512) as loaded:
        yield loaded


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A llama of two layers with random Q4_1 matrices and a Q8_0 embedding."""
    path = tmp_path / "tiny.gguf"
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_embedding_length(WIDTH)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(VOCAB)])
    writer.add_token_types([1] * VOCAB)
    writer.add_chat_template("{{ old }}")

    def add(name: str, shape: tuple[int, int], kind: gguf.GGMLQuantizationType) -> None:
        values = random.normal(0, 0.05, shape).astype(np.float32)
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", (VOCAB, WIDTH), gguf.GGMLQuantizationType.Q8_0)
    for layer in range(LAYERS):
        writer.add_tensor(f"blk.{layer}.attn_norm.weight", np.ones(WIDTH, np.float32))
        for name, shape in SHAPES.items():
            add(f"blk.{layer}.{name}.weight", shape, gguf.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """The format as documented: length, JSON header, data."""
    names = {"float32": "F32", "float16": "F16"}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        block = array.tobytes()
        header[name] = {
            "dtype": names[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(block)],
        }
        data += block
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_adapter(
    folder: Path, projections: Mapping[str, tuple[int, int]], *, layer: int = 0, **config
) -> Path:
    """A LoRA of rank 4 on the given projections (name under `layers.N.`, [out, in])."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(1)
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": False, "bias": "none", **config}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    tensors = {}
    for name, (rows, columns) in projections.items():
        stem = f"base_model.model.model.layers.{layer}.{name}"
        tensors[f"{stem}.lora_A.weight"] = random.normal(0, 0.1, (4, columns)).astype(np.float16)
        tensors[f"{stem}.lora_B.weight"] = random.normal(0, 0.1, (rows, 4)).astype(np.float32)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    return folder
