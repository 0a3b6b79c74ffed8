"""TRL's SFTTrainer with three things of our own: the loss, the order of the rows, and checkpoints that cannot
be half-written."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer
from trl import SFTConfig, SFTTrainer

from enactor.train.batches import Batch, pack
from enactor.train.fused import answer_loss
from enactor.train.plain import plain_loss
from enactor.train.recipe import Recipe
from enactor.train.rows import IGNORED, Example
from enactor.train.schedule import Schedule

RUN = "run.json"
"""In each checkpoint: which run it belongs to."""
KEEP = 2
_STAGING = ".partial"


class AnswerTrainer(SFTTrainer):  # type: ignore[misc]
    """`steps` holds the row numbers of every step of the run, in order; `run` goes into each checkpoint."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        recipe: Recipe,
        examples: Sequence[Example],
        steps: Sequence[Sequence[int]],
        schedule: Schedule,
        folder: Path,
        run: Mapping[str, Any],
        callbacks: Sequence[Any],
    ) -> None:
        self._examples = examples
        self._micro = recipe.micro_batch or recipe.batch
        self._accumulation = recipe.batch // self._micro
        self._order = _micro_batches(steps, self._micro, self._accumulation)
        self._schedule = schedule
        self._folder = folder
        self._run = dict(run)
        self._fused = recipe.fused
        self._pad = tokenizer.pad_token_id
        super().__init__(
            model=model,
            args=config(recipe, len(steps), folder),
            train_dataset=_placeholder(),
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)  # prints each step; `Watch` shows a line
        self.model_accepts_loss_kwargs = True  # the loss is a mean over the whole step's answer tokens

    def get_train_dataloader(self) -> Any:
        """The micro-batches of the whole run, in order. A resumed run skips those that were done."""
        return torch.utils.data.DataLoader(
            self._order,
            batch_size=1,
            shuffle=False,
            collate_fn=lambda items: self._collate(items[0]),
        )

    def _collate(self, rows: Sequence[int]) -> dict[str, Any]:
        batch = pack([self._examples[row] for row in rows], self._pad, share=self._fused)
        # Trainer counts a step's tokens with loss in `labels` and leaves out the first column, which
        # in a causal model's labels never has any.
        labels = torch.nn.functional.pad(batch.targets, (1, 0), value=IGNORED)
        return {"batch": batch, "labels": labels}

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean cross entropy over the step's answer tokens."""
        batch: Batch = inputs["batch"].to(self.args.device)
        self._total_train_tokens += batch.tokens
        loss = answer_loss(model, batch) if self._fused else plain_loss(model, batch)
        return loss / num_items_in_batch

    @property
    def tokens_seen(self) -> int:
        """Tokens trained on by this process, padding left out."""
        return int(self._total_train_tokens)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, self._schedule)
        return self.lr_scheduler

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._folder / _STAGING)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        target = self._folder / f"checkpoint-{self.state.global_step}"
        if target.exists():
            return
        staging = self._folder / _STAGING
        shutil.rmtree(staging, ignore_errors=True)
        Trainer._save_checkpoint(self, model, trial)  # not SFTTrainer's, which writes a model card
        made = staging / target.name
        (made / RUN).write_text(json.dumps(self._run, sort_keys=True), encoding="utf-8")
        _sync(made)
        os.replace(made, target)
        _sync_folder(self._folder)
        for _, old in checkpoints(self._folder)[:-KEEP]:
            shutil.rmtree(old)


def config(recipe: Recipe, steps: int, folder: Path) -> Any:
    """TRL's configuration. What our own parts do (order, lengths, precision, saving) is switched off."""
    micro = recipe.micro_batch or recipe.batch
    return SFTConfig(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=recipe.batch // micro,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.clip,
        optim="adamw_torch",
        seed=recipe.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        bf16=False,
        fp16=False,
        gradient_checkpointing=False,
        remove_unused_columns=False,
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
    )


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Whole checkpoints with their steps, the oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if (path / RUN).is_file()]
    return sorted((int(path.name.rpartition("-")[2]), path) for path in found)


def _micro_batches(steps: Sequence[Sequence[int]], micro: int, accumulation: int) -> list[list[int]]:
    """Each step's rows in `accumulation` parts of at most `micro`. A short last step is spread so that no
    part is empty; where it has too few rows for that, it is filled from its own start."""
    made: list[list[int]] = []
    for rows in steps:
        if accumulation == 1:
            made.append(list(rows))
            continue
        full = [rows[i % len(rows)] for i in range(max(len(rows), accumulation))]
        size, extra = divmod(len(full), accumulation)
        at = 0
        for part in range(accumulation):
            end = at + size + (part < extra)
            made.append(full[at:end])
            at = end
    return made


def _placeholder() -> Any:
    """SFTTrainer inspects a data set when it is made; the rows come from `get_train_dataloader`."""
    from datasets import Dataset

    return Dataset.from_dict({"input_ids": [[0]], "labels": [[0]]})


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
