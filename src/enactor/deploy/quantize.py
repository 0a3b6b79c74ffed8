"""A GGUF in half precision becomes one in Q4_K_M.

The rows are quantized by `libgguf`, which has ggml's own row kernels; which tensor gets which type follows
llama.cpp's `llama_tensor_get_type` for `MOSTLY_Q4_K_M` (src/llama-quant.cpp). K-quants come in blocks of 256
values: a row that is no multiple of that gets the type that llama.cpp falls back to. In SmolLM2-135M (rows of
576) that is all but the `ffn_down` matrices, so that its "Q4_K_M" is mostly Q5_0.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enactor.errors import EnactorError
from enactor.models import check_gguf
from enactor.models.cache import writing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 256
FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""What a row gets whose length is no multiple of `BLOCK`."""

_LAYER = re.compile(r"blk\.(\d+)\.")


class QuantizeError(EnactorError):
    """The file cannot be quantized, or the package that does it is missing."""


def quantize(source: Path, out: Path, *, stamps: Mapping[str, str] | None = None) -> Counter[str]:
    """Write `source` (F16 or F32) as Q4_K_M to `out`, whole or not at all; the number of tensors by type.

    Metadata are kept, `stamps` are added as `enactor.<key>`. Raises `QuantizeError`, `ModelFileError`, and
    `CacheError` for the disk.
    """
    import gguf

    _need_libgguf()
    check_gguf(source)
    reader = gguf.GGUFReader(source)
    architecture = _contents(reader, "general.architecture")
    layers = int(_contents(reader, f"{architecture}.block_count") or 0)
    tied = not any(tensor.name == "output.weight" for tensor in reader.tensors)
    types: Counter[str] = Counter()
    with writing(out, need=source.stat().st_size) as partial:
        writer = gguf.GGUFWriter(partial, str(architecture))
        for key, field in reader.fields.items():
            if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
                continue
            inner = field.types[-1] if field.types[1:] else None
            writer.add_key_value(key, field.contents(), field.types[0], inner)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
        for key, value in (stamps or {}).items():
            writer.add_string(f"enactor.{key}", value)
        for tensor in reader.tensors:
            kind = wanted_type(tensor.name, [int(n) for n in tensor.shape], layers, tied=tied)
            data = _converted(tensor, kind)
            writer.add_tensor(tensor.name, data, raw_dtype=gguf.GGMLQuantizationType[kind])
            types[kind] += 1
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
    return types


def wanted_type(name: str, shape: list[int], layers: int, *, tied: bool) -> str:
    """The type of a tensor in Q4_K_M; `shape` as in the file, the row's length first. `tied` says that the
    embedding is the output matrix too."""
    if len(shape) < 2 or not name.endswith(".weight"):
        return "F32"
    kind = "Q4_K"
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        kind = "Q6_K"
    elif found := _LAYER.match(name):
        layer = int(found[1])
        if ("attn_v." in name or "ffn_down." in name) and _gets_more_bits(layer, layers):
            kind = "Q6_K"
        elif "attn_qkv." in name:
            kind = "Q5_K"
    return kind if shape[0] % BLOCK == 0 else FALLBACK[kind]


def _gets_more_bits(layer: int, layers: int) -> bool:
    """llama.cpp's `use_more_bits`: the first and the last eighth of the layers, and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _converted(tensor: Any, kind: str) -> "NDArray[np.generic]":
    import gguf
    import libgguf

    try:
        values: NDArray[np.generic] = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if kind == "F32":
            return values
        if values.shape[-1] % 32:
            raise ValueError(f"rows of {values.shape[-1]} values")
        rows: NDArray[np.generic] = libgguf.quantize_rows(values, int(gguf.GGMLQuantizationType[kind]))
    except (NotImplementedError, ValueError) as error:
        raise QuantizeError(f"{tensor.name} cannot be quantized ({error}): ship F16 or Q8_0") from error
    return rows


def _contents(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _need_libgguf() -> None:
    try:
        import libgguf  # noqa: F401
    except ImportError as error:
        raise QuantizeError(
            f"Q4_K_M needs {error.name}: `pip install 'enactor[deploy]'`, or leave it out with --precision"
        ) from error
