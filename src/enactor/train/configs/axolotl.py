"""Axolotl: its YAML."""

from collections.abc import Mapping
from typing import Any

import yaml

from enactor.train.configs.task import OUT, Task
from enactor.train.gpu.frames import FRAMES, frame_template


def axolotl(task: Task) -> Mapping[str, str]:
    """`axolotl.yaml`, for `axolotl train axolotl.yaml`. The template is the frame's, so ids and labels are
    those of our own training; no rows are packed, since ours never see each other."""
    recipe, gpu = task.recipe, task.gpu
    frame = FRAMES[gpu.frame]
    four = gpu.quantize == "nf4"
    config: dict[str, Any] = {
        "base_model": recipe.base,
        "adapter": "qlora" if four else "lora",
        "load_in_4bit": four,
        "lora_r": recipe.rank,
        "lora_alpha": _whole(recipe.alpha),
        "lora_dropout": recipe.dropout,
        "lora_target_modules": list(recipe.targets),
        "chat_template": "jinja",
        "chat_template_jinja": frame_template(gpu.frame),
        "eot_tokens": [frame.end],
        "special_tokens": {"pad_token": frame.pad},
        "train_on_inputs": False,
        "datasets": [_data(task.train)],
        "sequence_len": recipe.max_length,
        "excess_length_strategy": "drop",
        "sample_packing": False,
        "pad_to_sequence_len": False,
        "group_by_length": True,
        "micro_batch_size": task.micro,
        "gradient_accumulation_steps": task.accumulation,
        "num_epochs": recipe.epochs,
        "optimizer": gpu.optimizer,
        "lr_scheduler": "cosine",
        "cosine_min_lr_ratio": recipe.final_rate,
        "learning_rate": recipe.learning_rate,
        "warmup_ratio": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "bf16": recipe.dtype != "float32",
        "attn_implementation": "sdpa",
        "gradient_checkpointing": gpu.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if gpu.checkpointing else None,
        "bnb_config_kwargs": {
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": gpu.double_quantize,
        }
        if four
        else None,
        "val_set_size": 0.0,
        "test_datasets": [{**_data(task.test), "split": "train"}] if task.test else None,
        "eval_steps": recipe.eval_every or None,
        "logging_steps": 10,
        "save_strategy": "epoch",
        "seed": recipe.seed,
        "output_dir": OUT,
    }
    kept = {key: value for key, value in config.items() if value is not None}
    return {"axolotl.yaml": yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)}


def _data(name: str) -> dict[str, Any]:
    return {
        "path": name,
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "messages",
        "message_field_training": "train",
        "roles_to_train": [],
        "train_on_eos": "turn",
    }


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value
