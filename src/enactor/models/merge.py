"""Base and adapter become one GGUF that llama.cpp loads: numpy and gguf, no torch."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from enactor.models.adapter import Adapter, AdapterError, adapter_hash, read_adapter
from enactor.models.cache import cache_folder, known_sha256, writing
from enactor.models.gguf_file import ModelFileError, check_gguf

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Precision = Literal["q8_0", "f16", "f32"]

VERSION = 1
"""Part of the cache's key: counts changes that make another file from the same inputs."""

KEEP = 6
"""Merged files kept in the cache, 145 MB each; the ones unused for longest go."""

_TENSORS = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
"""Projection in transformers -> tensor in GGUF (gguf.tensor_mapping)."""

_PERMUTED = {"llama": {"q_proj": "head_count", "k_proj": "head_count_kv"}, "qwen2": {}}
"""Architectures that can be merged, and whose rows the llama.cpp converter reorders (by which head count)."""


def merge(
    base_gguf: Path,
    adapter_dir: Path | None,
    out: Path,
    *,
    chat_template: str | None = None,
    provenance: Mapping[str, str] | None = None,
    precision: Precision = "q8_0",
) -> Path:
    """Write `base + adapter` to `out` and return it; the base alone where `adapter_dir` is None.

    Every matrix is dequantized, gets its change added in float32 and is quantized again, Q8_0 by default;
    vectors stay float32, and a matrix that has no change and the right type already stays as it is. The
    tokenizer and hyperparameters are the base's. `chat_template` replaces the base's. `provenance` is
    written as `enactor.<key>` strings beside hashes of base and adapter. `out` appears whole or not at all.

    Raises `AdapterError` (damaged, unknown kind, for another base), `ModelFileError` (the base),
    `CacheError` (disk).
    """
    from gguf import GGUFReader

    check_gguf(base_gguf)
    base_hash = known_sha256(base_gguf)
    adapter = None if adapter_dir is None else read_adapter(adapter_dir)
    if adapter is not None and adapter.base_sha256 not in (None, base_hash):
        raise AdapterError(
            f"the adapter {adapter.folder} was trained on {adapter.base_name or 'another base'} (SHA-256 "
            f"{str(adapter.base_sha256)[:16]}…), not on {base_gguf.name} ({base_hash[:16]}…): pull that "
            f"base, or train the adapter on this one"
        )
    try:
        reader = GGUFReader(base_gguf)
    except (ValueError, IndexError, KeyError) as error:
        raise ModelFileError(f"{base_gguf} is damaged ({error}): delete it and fetch it again") from error
    stamps = {**(provenance or {}), "base_sha256": base_hash}
    if adapter_dir is not None:
        stamps["adapter_sha256"] = adapter_hash(adapter_dir)
    with writing(out, need=2 * base_gguf.stat().st_size) as partial:
        _write(reader, adapter, partial, chat_template, stamps, precision)
    return out


def merged_model(
    base_gguf: Path,
    adapter_dir: Path | None,
    *,
    chat_template: str | None = None,
    folder: Path | None = None,
) -> Path:
    """The merged file from the cache, made on the first call (`merge`); keyed by the hashes of base, adapter
    and template. `chat_template` defaults to the one that matches our prompts."""
    from enactor.prompt import CHAT_TEMPLATE

    check_gguf(base_gguf)
    template = CHAT_TEMPLATE if chat_template is None else chat_template
    parts = [VERSION, known_sha256(base_gguf), adapter_hash(adapter_dir) if adapter_dir else None, template]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    cache = (folder or cache_folder()) / "merged"
    target = cache / f"{adapter_dir.name if adapter_dir else 'base'}-{key}.gguf"
    if target.is_file():
        try:
            check_gguf(target)
        except ModelFileError:
            target.unlink()  # cut off by a full disk or a copy: it is made again
    if not target.is_file():
        merge(base_gguf, adapter_dir, target, chat_template=template)
    try:
        os.utime(target)
    except OSError:
        return target  # a read-only cache is not pruned either
    _prune(cache, target)
    return target


def _prune(cache: Path, newest: Path) -> None:
    files = sorted(cache.glob("*.gguf"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[KEEP:]:
        if path != newest:
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                continue  # Windows: still open in another process


def _write(
    reader: Any,
    adapter: Adapter | None,
    path: Path,
    chat_template: str | None,
    stamps: Mapping[str, str],
    precision: Precision,
) -> None:
    import gguf

    kinds = {
        "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
        "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
        "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    }
    wanted, file_type = kinds[precision]
    writer = gguf.GGUFWriter(path, _text(reader, "general.architecture"))
    template_key = "tokenizer.chat_template"
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in ("general.architecture", "general.file_type"):
            continue
        if key == template_key and chat_template is not None:
            continue
        writer.add_key_value(
            key, field.contents(), field.types[0], field.types[-1] if field.types[1:] else None
        )
    writer.add_file_type(file_type)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    for key, value in stamps.items():
        writer.add_string(f"enactor.{key}", value)
    for name, data, kind in _tensors(reader, adapter, wanted):
        writer.add_tensor(name, data, raw_dtype=kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _tensors(reader: Any, adapter: Adapter | None, wanted: Any) -> "Iterator[tuple[str, NDArray[Any], Any]]":
    """(name, raw data, type) of each tensor of the result."""
    import gguf

    pending = {} if adapter is None else _changes(reader, adapter)
    for tensor in reader.tensors:
        change = pending.pop(tensor.name, None)
        matrix = len(tensor.shape) > 1
        if change is None and (not matrix or tensor.tensor_type == wanted):
            yield tensor.name, tensor.data, tensor.tensor_type
            continue
        try:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError as error:
            raise ModelFileError(
                f"{tensor.name} is {tensor.tensor_type.name}, which numpy cannot unpack: use another base"
            ) from error
        if change is not None:
            a, b = change
            if values.shape != (b.shape[0], a.shape[1]):
                raise AdapterError(
                    f"the adapter's {tensor.name} is {b.shape[0]}x{a.shape[1]}, the base's {values.shape[0]}x"
                    f"{values.shape[1]}: the adapter is for another base"
                )
            values = values + b @ a
        yield tensor.name, gguf.quants.quantize(values, wanted), wanted
    if pending:
        raise AdapterError(
            f"the base has no {', '.join(sorted(pending)[:3])}: the adapter is for another base"
        )


def _changes(reader: Any, adapter: Adapter) -> "dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]":
    """Tensor name -> (A, B), B scaled and with its rows in llama.cpp's order."""
    architecture = _text(reader, "general.architecture")
    if architecture not in _PERMUTED:
        known = ", ".join(_PERMUTED)
        raise AdapterError(
            f"cannot merge into a {architecture} model: known are {known}; convert with llama.cpp"
        )
    found = {}
    for (layer, projection), (a, b) in adapter.pairs.items():
        if projection not in _TENSORS:
            raise AdapterError(f"{adapter.folder} changes {projection}, which the merge does not know")
        rows = b * adapter.scale
        if count := _PERMUTED[architecture].get(projection):
            heads = int(reader.get_field(f"{architecture}.attention.{count}").contents())
            if rows.shape[0] % (2 * heads):
                raise AdapterError(
                    f"{projection} has {rows.shape[0]} rows for {heads} heads: it is for another base"
                )
            rows = _permute(rows, heads)
        found[f"blk.{layer}.{_TENSORS[projection]}.weight"] = (a, rows)
    return found


def _permute(rows: "NDArray[np.float32]", heads: int) -> "NDArray[np.float32]":
    """llama.cpp rotates neighbouring rows of a head, transformers rows half a head apart: interleave the
    halves (`LlamaModel.permute` in llama.cpp's convert_hf_to_gguf.py). Only rows move, so B is enough."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def _text(reader: Any, key: str) -> str:
    field = reader.get_field(key)
    if field is None:
        raise ModelFileError(f"the base has no {key}: it is damaged, fetch it again")
    return str(field.contents())
