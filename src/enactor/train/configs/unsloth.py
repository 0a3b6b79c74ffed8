"""Unsloth: the configuration of its command, the template, and a script that trains on the last turn only."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from enactor.train.configs.task import OUT, Task
from enactor.train.gpu.frames import FRAMES, frame_template


def unsloth(task: Task) -> Mapping[str, str]:
    """`unsloth.yaml` in the form that `unsloth train --config` reads, `chat_template.jinja`, and
    `unsloth_train.py`, which reads both. Its command trains on every answer of a conversation, mistakes that
    a later turn corrects included; the script trains on the last turn, as we do. What that form has no key
    for stands in the script."""
    recipe, gpu = task.recipe, task.gpu
    config: dict[str, Any] = {
        "model": recipe.base,
        "data": {"local_dataset": [task.train], "format_type": "auto"},
        "training": {
            "training_type": "lora",
            "max_seq_length": recipe.max_length,
            "load_in_4bit": gpu.quantize == "nf4",
            "output_dir": OUT,
            "num_epochs": max(1, round(recipe.epochs)),
            "learning_rate": recipe.learning_rate,
            "batch_size": task.micro,
            "gradient_accumulation_steps": task.accumulation,
            "warmup_steps": round(recipe.warmup * task.steps),
            "max_steps": task.steps,
            "weight_decay": recipe.weight_decay,
            "random_seed": recipe.seed,
            "packing": False,
            "train_on_completions": True,
            "gradient_checkpointing": "unsloth" if gpu.checkpointing else "none",
        },
        "lora": {
            "lora_r": recipe.rank,
            "lora_alpha": int(recipe.alpha),
            "lora_dropout": recipe.dropout,
            "target_modules": ",".join(recipe.targets),
        },
    }
    script = (
        resources.files("enactor.train.configs").joinpath("unsloth_train.txt").read_text(encoding="utf-8")
    )
    marks = {
        "@TEST@": repr(task.test),
        "@OPTIMIZER@": repr(gpu.optimizer),
        "@CLIP@": repr(recipe.clip),
        "@FINAL@": repr(recipe.final_rate),
        "@EVERY@": repr(recipe.eval_every),
        "@PAD@": repr(FRAMES[gpu.frame].pad),
        "@END@": repr(FRAMES[gpu.frame].end),
    }
    for mark, value in marks.items():
        script = script.replace(mark, value)
    return {
        "unsloth.yaml": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        "chat_template.jinja": frame_template(gpu.frame),
        "unsloth_train.py": script,
    }
