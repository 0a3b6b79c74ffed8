"""One adapter out of several, without training: the mean of their weights [Wortsman et al. 2022]."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from enactor import __version__
from enactor.models.adapter import Adapter as Read
from enactor.models.adapter import AdapterError, adapter_hash, read_adapter
from enactor.train.adapter import PROVENANCE, Adapter, BaseIdentity, source_state, write_json
from enactor.train.checkpoints import RUN, sync_folder
from enactor.world import world_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

How = Literal["factors", "products"]
"""`factors` averages both matrices of LoRA each: for adapters of one run or one start, which lie near each
other; the rank stays. `products` averages what they do to the weights, exactly, for any adapters; the ranks
add up, which costs nothing once it is merged."""


def average(folders: Sequence[Path], out: Path, how: How = "factors") -> Adapter:
    """Write the mean of the adapters (or whole checkpoints) in `folders` to `out`.

    Raises `AdapterError` when there are fewer than two, they are of different bases, or for `factors` of
    different ranks or projections.
    """
    if len(folders) < 2:
        raise AdapterError("one adapter has no average: name at least two")
    read = [read_adapter(folder) for folder in folders]
    bases = [_base(one) for one in read]
    if len({base.sha256 for base in bases}) > 1:
        told = ", ".join(f"{folder} on {base.name}" for folder, base in zip(folders, bases, strict=True))
        raise AdapterError(f"adapters of different bases have no average: {told}")
    pairs, rank, scale = (_factors if how == "factors" else _products)(read)
    out.mkdir(parents=True, exist_ok=True)
    (out / PROVENANCE).unlink(missing_ok=True)
    _write(out, folders[0], pairs, rank, scale)
    sources = [{"adapter": adapter_hash(folder), "folder": folder.name} for folder in folders]
    write_json(
        out / PROVENANCE,
        {
            "schema": 1,
            "enactor": __version__,
            "averaged": {"how": how, "of": sources},
            "run": {"average": [one["adapter"] for one in sources], "how": how},
            "base": {"name": bases[0].name, "sha256": bases[0].sha256},
            "world": world_hash(),
            "source": source_state(),
            "metrics": {},
            "adapter": adapter_hash(out),
            **_shared(folders),
        },
    )
    return Adapter(out, bases[0], {})


Pairs = Mapping[tuple[int, str], "tuple[Floats, Floats]"]


def _factors(read: Sequence[Read]) -> tuple[Pairs, int, float]:
    import numpy as np

    first = read[0]
    shapes = {key: (a.shape, b.shape) for key, (a, b) in first.pairs.items()}
    for other in read[1:]:
        found = {key: (a.shape, b.shape) for key, (a, b) in other.pairs.items()}
        if found != shapes or other.scale != first.scale:
            raise AdapterError(
                f"{other.folder} has another rank, scale or other projections than {first.folder}: average "
                f"their products instead (--average-of products)"
            )
    pairs = {
        key: (
            np.mean([one.pairs[key][0] for one in read], axis=0),
            np.mean([one.pairs[key][1] for one in read], axis=0),
        )
        for key in first.pairs
    }
    return pairs, _rank(first), first.scale


def _products(read: Sequence[Read]) -> tuple[Pairs, int, float]:
    import numpy as np

    if any(set(one.pairs) != set(read[0].pairs) for one in read):
        raise AdapterError("the adapters change other projections each: they have no average")
    pairs = {
        key: (
            np.concatenate([one.pairs[key][0] for one in read], axis=0),
            np.concatenate([one.pairs[key][1] * (one.scale / len(read)) for one in read], axis=1),
        )
        for key in read[0].pairs
    }
    return pairs, sum(map(_rank, read)), 1.0


def _rank(read: Read) -> int:
    return int(next(iter(read.pairs.values()))[0].shape[0])


def _write(out: Path, like: Path, pairs: Pairs, rank: int, scale: float) -> None:
    """PEFT's two files in float16, the configuration as that of `like`. Each appears whole."""
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {}
    for (layer, projection), (a, b) in pairs.items():
        part = "self_attn" if projection in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
        name = f"base_model.model.model.layers.{layer}.{part}.{projection}"
        tensors[f"{name}.lora_A.weight"] = np.ascontiguousarray(a, dtype=np.float16)
        tensors[f"{name}.lora_B.weight"] = np.ascontiguousarray(b, dtype=np.float16)
    partial = out / "adapter_model.partial"
    save_file(dict(sorted(tensors.items())), partial, metadata={"format": "pt"})
    partial.replace(out / "adapter_model.safetensors")
    config = json.loads((like / "adapter_config.json").read_text(encoding="utf-8"))
    config |= {"r": rank, "lora_alpha": scale * rank, "inference_mode": True, "use_rslora": False}
    write_json(out / "adapter_config.json", config)
    sync_folder(out)


def _base(read: Read) -> BaseIdentity:
    """The base that the adapter, or the run of the checkpoint, says it was trained on."""
    run = read.folder / RUN
    if read.base_sha256 is None and run.is_file():
        return BaseIdentity("as its run's", json.loads(run.read_text(encoding="utf-8"))["base"])
    if read.base_sha256 is None:
        raise AdapterError(f"{read.folder} does not say which base it was trained on: it cannot be averaged")
    return BaseIdentity(read.base_name or "", read.base_sha256)


def _shared(folders: Sequence[Path]) -> dict[str, Any]:
    """What is said of training by the first that says it and the same in all that do: data and dialect."""
    notes = [
        json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        for folder in folders
        if (folder / PROVENANCE).is_file()
    ]
    return {
        key: notes[0][key]
        for key in ("dialect", "recipe", "data")
        if notes and key in notes[0] and all(note.get(key) == notes[0][key] for note in notes)
    }
