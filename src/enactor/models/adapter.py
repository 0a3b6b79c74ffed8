"""A LoRA adapter on disk, in PEFT's layout, read with numpy.

Formats: https://github.com/huggingface/safetensors#format and PEFT's `adapter_config.json`.
"""

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enactor.errors import EnactorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FILES = ("adapter_model.safetensors", "adapter.safetensors")
"""Names that the weights may have: PEFT's, and ours."""

_MODULE = re.compile(
    r"base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_([AB])(?:\.default)?\.weight"
)


class AdapterError(EnactorError):
    """An adapter that is missing, damaged, for another base, or of a kind that cannot be merged."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """`pairs` maps (layer, projection) to (A [rank, in], B [out, rank]) in float32; the change of the weight
    [out, in] is `scale * B @ A`. `base_sha256` is what `provenance.json` records, None where it does not."""

    folder: Path
    pairs: "Mapping[tuple[int, str], tuple[Floats, Floats]]"
    scale: float
    base_sha256: str | None
    base_name: str | None


def adapter_hash(folder: Path) -> str:
    """Hex SHA-256 over what decides the merged weights: config and tensors."""
    digest = hashlib.sha256()
    for path in (_config_path(folder), _tensors_path(folder)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_adapter(folder: Path) -> Adapter:
    """Read and check an adapter folder. Raises `AdapterError`."""
    config = _read_json(_config_path(folder))
    _refuse_unsupported(folder, config)
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or rank < 1 or not isinstance(alpha, int | float):
        raise AdapterError(f"{folder}/adapter_config.json has no usable r and lora_alpha: train it again")
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    path = _tensors_path(folder)
    halves: dict[tuple[int, str], dict[str, Any]] = {}
    for name, tensor in read_safetensors(path):
        found = _MODULE.fullmatch(name)
        if found is None:
            raise AdapterError(
                f"{path} has {name}, which cannot be merged: train LoRA on the linear layers only"
            )
        halves.setdefault((int(found[1]), found[2]), {})[found[3]] = tensor
    if not halves:
        raise AdapterError(f"{path} holds no LoRA weights: train it again")
    for (layer, projection), pair in halves.items():
        if set(pair) != {"A", "B"} or pair["A"].ndim != 2 or pair["A"].shape[0] != rank:
            raise AdapterError(f"{path} is damaged at layer {layer}, {projection}: train it again")
        if pair["B"].ndim != 2 or pair["B"].shape[1] != rank:
            raise AdapterError(f"{path} is damaged at layer {layer}, {projection}: train it again")
    note = folder / "provenance.json"
    base = _read_json(note).get("base", {}) if note.is_file() else {}
    if not isinstance(base, dict):
        raise AdapterError(f'{note}: "base" must be an object with name and sha256')
    return Adapter(
        folder=folder,
        pairs={key: (pair["A"], pair["B"]) for key, pair in halves.items()},
        scale=scale,
        base_sha256=base.get("sha256"),
        base_name=base.get("name"),
    )


def _config_path(folder: Path) -> Path:
    path = folder / "adapter_config.json"
    if not path.is_file():
        raise AdapterError(
            f"no adapter at {folder} (adapter_config.json is missing): name a folder that training wrote"
        )
    return path


def _tensors_path(folder: Path) -> Path:
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    raise AdapterError(f"no adapter weights at {folder} (looked for {' and '.join(FILES)}): train it again")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AdapterError(f"{path} is not JSON ({error}): restore it or train the adapter again") from error
    if not isinstance(value, dict):
        raise AdapterError(f"{path} is not a JSON object: restore it or train the adapter again")
    return value


def _refuse_unsupported(folder: Path, config: Mapping[str, Any]) -> None:
    problems = [
        name for name in ("use_dora", "fan_in_fan_out", "rank_pattern", "alpha_pattern") if config.get(name)
    ]
    problems += [name for name in ("modules_to_save", "layer_replication") if config.get(name)]
    if config.get("bias", "none") != "none":
        problems.append("bias")
    if config.get("peft_type", "LORA") != "LORA":
        problems.append(f"peft_type {config['peft_type']}")
    if problems:
        raise AdapterError(
            f"{folder} uses {', '.join(problems)}, which the merge does not know: train plain LoRA"
        )


def read_safetensors(path: Path) -> "Iterator[tuple[str, Floats]]":
    """(name, float32 array) for each tensor; F32, F16 and BF16. Raises `AdapterError` on a damaged file."""
    import numpy as np

    raw = path.read_bytes()
    try:
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        data = memoryview(raw)[8 + length :]
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            if not 0 <= begin <= end <= len(data):
                raise ValueError(f"{name} reaches beyond the file")
            block = data[begin:end]
            if entry["dtype"] == "BF16":  # the upper half of a float32
                array = (np.frombuffer(block, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                kind = {"F32": "<f4", "F16": "<f2"}[entry["dtype"]]
                array = np.frombuffer(block, dtype=kind).astype(np.float32)
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are not finite")
            yield name, array.reshape(entry["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(
            f"{path} is damaged or cut off ({error}): restore it or train the adapter again"
        ) from error
