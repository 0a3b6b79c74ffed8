"""A recipe's base as a torch model with an adapter on it, ready to train."""

import json
import logging
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models import adapter_hash, default_adapter, find_base, known_sha256, pull
from enactor.trace import content_hash
from enactor.train.adapter import BaseIdentity
from enactor.train.memory import need_memory, weights_bytes
from enactor.train.recipe import SHIPPED, Recipe, RecipeError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A frozen causal language model of transformers in the recipe's precision, its fast tokenizer, and which
    weights it is. `gguf` is None for a folder of transformers."""

    model: Any
    tokenizer: Any
    base: BaseIdentity
    gguf: Path | None


def need_extra() -> None:
    """Raise `EnactorError` where the train extra is missing."""
    # PEFT imports it where it is installed, and it tells of kernels for CPUs that nobody asked for.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        import peft  # noqa: F401
        import torch  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise EnactorError(f"training needs {error.name}: `pip install 'enactor[train]'`") from error


def load(recipe: Recipe) -> Loaded:
    """The base of the recipe. Raises `EnactorError` where it cannot be had, `TokenizerMismatch` where it is
    not what decodes, and says before it begins when memory is short."""
    if recipe.gpu is not None:
        from enactor.train.gpu.base import card_base

        return Loaded(*card_base(recipe, recipe.gpu, dtype_of(recipe)), gguf=None)
    path = Path(recipe.base).expanduser()
    gguf: Path | None = None
    if path.is_dir():
        need_memory(weights_bytes(path), f"the weights of {path}")
        model, tokenizer, base = _load_folder(path)
    else:
        from enactor.train.base import load_base

        gguf = path if path.suffix == ".gguf" else pull(recipe.base)
        if gguf.is_file():
            need_memory(weights_bytes(gguf), f"the weights of {gguf.name}")
        model, tokenizer = load_base(gguf)
        name = path.stem if path.suffix == ".gguf" else find_base(recipe.base).name
        base = BaseIdentity(name, known_sha256(gguf))
    model.requires_grad_(False)
    return Loaded(model.to(dtype_of(recipe)), tokenizer, base, gguf)


def _load_folder(path: Path) -> tuple[Any, Any, BaseIdentity]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    weights = sorted(path.glob("*.safetensors"))
    if not (path / "config.json").is_file() or not weights:
        raise RecipeError(
            f"base: {path} is no whole folder of transformers (config.json and *.safetensors). An "
            f"interrupted download leaves it so: fetch it again"
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
        tokenizer = AutoTokenizer.from_pretrained(path)
    except Exception as error:  # safetensors and tokenizers raise classes of their own for a torn file
        raise RecipeError(f"base: {path} cannot be loaded ({error}): fetch it again") from error
    return model, tokenizer, BaseIdentity(path.name, content_hash([known_sha256(f) for f in weights]))


def dtype_of(recipe: Recipe) -> Any:
    """The torch dtype of the frozen weights."""
    import torch

    if recipe.dtype != "auto":
        return getattr(torch, recipe.dtype)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if _faster(torch.bfloat16, torch.float32) else torch.float32


@cache
def _faster(one: Any, other: Any) -> bool:
    """Whether products of the embedded base's shape clearly take less time in dtype `one`. That a processor
    has instructions for bfloat16 does not say it: its rate was seen at twice and at half that of float32."""
    import torch

    best = {one: float("inf"), other: float("inf")}
    operands = {
        dtype: (torch.ones(512, 576, dtype=dtype), torch.ones(576, 1536, dtype=dtype)) for dtype in best
    }
    for _ in range(5):
        for dtype, (left, right) in operands.items():
            started = time.perf_counter()
            left @ right
            best[dtype] = min(best[dtype], time.perf_counter() - started)
    return best[one] < 0.8 * best[other]


def with_lora(model: Any, recipe: Recipe) -> Any:
    """A fresh adapter on the model, or the one that the recipe starts from, as a PEFT model that trains."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if (start := start_folder(recipe)) is not None:
        made = PeftModel.from_pretrained(model, str(start), is_trainable=True)
    else:
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(recipe.targets),
            task_type="CAUSAL_LM",
        )
        made = get_peft_model(model, config)
    made.train()
    return made


def start_folder(recipe: Recipe) -> Path | None:
    """The folder of the adapter to go on from."""
    if recipe.start is None:
        return None
    return default_adapter() if recipe.start == SHIPPED else Path(recipe.start).expanduser()


def start_hash(recipe: Recipe, base: BaseIdentity) -> str:
    """Identity of the adapter to go on from. Raises `RecipeError` where it is none of the recipe's shape, or
    was trained on another base."""
    folder = start_folder(recipe)
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))  # type: ignore[operator]
        found = (config["r"], config["lora_alpha"], sorted(config["target_modules"]))
        wanted = (recipe.rank, recipe.alpha, sorted(recipe.targets))
        if found != wanted:
            raise RecipeError(
                f"the adapter in {folder} has rank, alpha and projections {found}, the recipe {wanted}: make "
                f"them the same"
            )
        _refuse_other_base(folder, base)  # type: ignore[arg-type]
        return adapter_hash(folder)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"start: {folder} holds no adapter to go on from ({error})") from error


def _refuse_other_base(folder: Path, base: BaseIdentity) -> None:
    note = folder / "provenance.json"
    if not note.is_file():
        return
    stated = json.loads(note.read_text(encoding="utf-8")).get("base", {})
    if stated.get("sha256") not in (None, base.sha256):
        raise RecipeError(
            f"start: {folder} was trained on {stated.get('name')}, the recipe's base is {base.name}: "
            f"quantized and full weights of one model are two bases; name the one it was trained on"
        )
