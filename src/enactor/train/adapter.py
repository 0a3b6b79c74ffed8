"""The adapter that a run leaves behind: PEFT's two files, and where it came from."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor import __version__
from enactor.train.recipe import Recipe
from enactor.world import world_hash

PROVENANCE = "provenance.json"


@dataclass(frozen=True, slots=True)
class BaseIdentity:
    """Which weights an adapter was trained on; it fits no others."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """A folder with `adapter_model.safetensors` (float16), `adapter_config.json`, `provenance.json` and
    `curves.jsonl`. `metrics` are those of the provenance."""

    folder: Path
    base: BaseIdentity
    metrics: Mapping[str, float]


def save_adapter(model: Any, folder: Path, base: BaseIdentity) -> None:
    """Write PEFT's two files. Each appears whole."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in sorted(get_peft_model_state_dict(model).items())
    }
    partial = folder / "adapter_model.partial"
    save_file(state, partial, metadata={"format": "pt"})
    os.replace(partial, folder / "adapter_model.safetensors")
    config = model.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": base.name, "inference_mode": True}
    config["target_modules"] = sorted(config["target_modules"])
    write_json(folder / "adapter_config.json", {k: _plain(v) for k, v in config.items()})


def provenance(
    recipe: Recipe, run: Mapping[str, Any], base: BaseIdentity, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that an artefact says about itself. `run` is the identity that checkpoints carry too."""
    return {
        "schema": 1,
        "enactor": __version__,
        "recipe": recipe.model_dump(mode="json"),
        "run": dict(run),
        "base": {"name": base.name, "sha256": base.sha256},
        "dialect": recipe.dialect,
        "world": world_hash(),
        "source": source_state(),
        "versions": _versions(),
        **facts,
    }


def source_state() -> dict[str, Any]:
    """Commit of the source tree and whether it has changes; both None for an installed package."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return {"commit": None, "dirty": None}
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain").strip())}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}  # no git here; the source's version stands beside it


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "peft", "trl")}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write the object so that the file appears whole."""
    partial = path.with_suffix(".partial")
    partial.write_text(
        json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
    os.replace(partial, path)


def _plain(value: Any) -> Any:
    if isinstance(value, set | tuple):
        return sorted(value)
    return value.value if hasattr(value, "value") else value
