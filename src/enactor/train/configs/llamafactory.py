"""LLaMA-Factory: its YAML, its index of data sets, and rows whose calls are text already.

Its templates write calls in each base's own form (Llama 3: one call, `parameters`; Mistral: `[TOOL_CALLS]`).
Ours are Hermes' in every frame, so the rows hold the text of the answer and of the results, and its
templates only frame them.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import yaml

from enactor.curate.export import Example, Unfit
from enactor.prompt import DIALECTS, escape, render_turn
from enactor.train.configs.task import OUT, Task
from enactor.train.gpu.plan import FrameName

TEMPLATES: Mapping[FrameName, str] = {"chatml": "qwen", "llama3": "llama3", "mistral": "mistral"}
"""Its name for the frame."""
DONE = "Done."


def plain(example: Example, frame: FrameName) -> dict[str, Any]:
    """`{"conversations": [{"from", "value"}], "system"}`. It wants human and gpt by turns. Where the player
    speaks right after a result, Mistral's frame makes one turn of both; in the others a turn "Done." is put
    between them, which our own rows do not have and which is not trained. Raises `Unfit` for two answers in a
    row."""
    system, *_ = example.messages
    turns: list[dict[str, str]] = []
    for speaker, text in _turns(example):
        if turns and turns[-1]["from"] == speaker:
            if speaker == "gpt":
                raise Unfit("two answers in a row")
            if frame == "mistral":
                turns[-1]["value"] += f"\n\n{text}"
                continue
            turns.append({"from": "gpt", "value": DONE})
        turns.append({"from": speaker, "value": text})
    return {"conversations": turns, "system": system.content}


def _turns(example: Example) -> Iterator[tuple[str, str]]:
    for role, group in groupby(example.messages[1:], key=lambda message: message.role):
        if role == "tool":
            results = (escape(message.content).strip() for message in group)
            yield "human", "\n".join(f"<tool_response>\n{text}\n</tool_response>" for text in results)
        elif role == "user":
            for message in group:
                yield "human", escape(message.content).strip()
        else:
            for message in group:
                yield "gpt", render_turn(escape(message.content), message.tool_calls, DIALECTS["hermes"])


def llamafactory(task: Task) -> Mapping[str, str]:
    """`llamafactory.yaml`, for `llamafactory-cli train llamafactory.yaml` in this folder, and
    `dataset_info.json`."""
    recipe, gpu = task.recipe, task.gpu
    config: dict[str, Any] = {
        "model_name_or_path": recipe.base,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": recipe.rank,
        "lora_alpha": int(recipe.alpha),
        "lora_dropout": recipe.dropout,
        "lora_target": ",".join(recipe.targets),
        "dataset_dir": ".",
        "dataset": "enactor_train",
        "eval_dataset": "enactor_test" if task.test else None,
        "template": TEMPLATES[gpu.frame],
        "mask_history": True,
        "cutoff_len": recipe.max_length,
        "packing": False,
        "per_device_train_batch_size": task.micro,
        "gradient_accumulation_steps": task.accumulation,
        "num_train_epochs": recipe.epochs,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": recipe.final_rate},
        "warmup_steps": round(recipe.warmup * task.steps),
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "optim": gpu.optimizer,
        "bf16": recipe.dtype != "float32",
        "disable_gradient_checkpointing": not gpu.checkpointing,
        "eval_strategy": "steps" if task.test and recipe.eval_every else "no",
        "eval_steps": recipe.eval_every if task.test and recipe.eval_every else None,
        "logging_steps": 10,
        "save_strategy": "epoch",
        "report_to": "none",
        "seed": recipe.seed,
        "output_dir": OUT,
    }
    if gpu.quantize == "nf4":
        config |= {
            "quantization_method": "bnb",
            "quantization_bit": 4,
            "quantization_type": "nf4",
            "double_quantization": gpu.double_quantize,
        }
    kept = {key: value for key, value in config.items() if value is not None}
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    info = {
        name: {
            "file_name": file,
            "formatting": "sharegpt",
            "columns": {"messages": "conversations", "system": "system"},
            "tags": tags,
        }
        for name, file in task.named.items()
    }
    return {
        "llamafactory.yaml": yaml.safe_dump(kept, sort_keys=False, allow_unicode=True),
        "dataset_info.json": json.dumps(info, indent=2) + "\n",
    }
