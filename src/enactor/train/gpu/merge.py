"""An adapter of a GPU run merged into its base, for runtimes that take no adapters."""

import json
import shutil
from pathlib import Path

from enactor.errors import EnactorError
from enactor.train.adapter import PROVENANCE
from enactor.train.gpu.frames import FRAMES, frame_template
from enactor.train.recipe import Recipe


def merged(adapter: Path, out: Path) -> Path:
    """Write `base + adapter` in bfloat16 as a folder of transformers, with tokenizer and the frame's
    template, for llama.cpp's converter among others. The base is loaded whole, on the CPU: two bytes a
    weight of memory and of disk.

    The adapter of a four-bit run was trained beside rounded weights and is merged into the exact ones; the
    difference is that of the rounding. Raises `EnactorError` where `adapter` is not of a GPU run, its base
    cannot be had, or the disk has no room.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    recipe = _recipe(adapter)
    plan = recipe.gpu
    if plan is None:
        raise EnactorError(f"{adapter} was not trained with a section `gpu`: `enactor deploy` merges it")
    source = str(Path(recipe.base).expanduser()) if Path(recipe.base).expanduser().is_dir() else recipe.base
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    except (OSError, ValueError) as error:
        raise EnactorError(f"the base {recipe.base} cannot be loaded: {error}") from error
    _need_room(out, 2 * sum(p.numel() for p in model.parameters()))
    PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().save_pretrained(out)
    tokenizer.chat_template = frame_template(plan.frame)
    tokenizer.pad_token = FRAMES[plan.frame].pad
    tokenizer.save_pretrained(out)
    return out


def _recipe(adapter: Path) -> Recipe:
    note = adapter / PROVENANCE
    try:
        return Recipe.model_validate(json.loads(note.read_text(encoding="utf-8"))["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnactorError(f"{note} does not say what {adapter} was trained on ({error})") from error


def _need_room(out: Path, wanted: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free
    if free < wanted:
        raise EnactorError(
            f"{out} has {free // 2**20} MB free and the merged model takes {wanted // 2**20} MB"
        )
