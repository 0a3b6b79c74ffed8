"""What our trainers have in common over TRL's, and the supervised one: TRL's SFTTrainer with the loss and the
order of the rows of our own."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer
from trl import SFTConfig, SFTTrainer

from enactor.train.batches import Batch, pack
from enactor.train.checkpoints import STAGING, seal
from enactor.train.fused import answer_loss
from enactor.train.gpu.base import trainer_settings
from enactor.train.plain import plain_loss
from enactor.train.recipe import Recipe
from enactor.train.rows import IGNORED, Example
from enactor.train.schedule import Schedule


class Sealed:
    """Mixed in before one of TRL's trainers: our schedule, checkpoints that cannot be half-written, and no
    messages home. `into` must be called before the trainer's own `__init__`."""

    def into(self, folder: Path, run: Mapping[str, Any], schedule: Schedule) -> None:
        """Say where checkpoints go, what they say of the run, and which learning rate holds."""
        self._folder, self._run, self._schedule = folder, dict(run), schedule

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """See `Trainer`."""
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer or self.optimizer,  # type: ignore[attr-defined]
            self._schedule,
        )
        return self.lr_scheduler

    def _send_telemetry(self) -> None:
        """TRL reports each run to its makers unless told not to."""

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._folder / STAGING)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        target = self._folder / f"checkpoint-{self.state.global_step}"  # type: ignore[attr-defined]
        if target.exists():
            return
        staging = self._folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        Trainer._save_checkpoint(self, model, trial)  # not TRL's, which writes a model card
        seal(staging / target.name, target, self._run)


class AnswerTrainer(Sealed, SFTTrainer):  # type: ignore[misc]
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
        self._order = micro_batches(steps, self._micro, recipe.batch // self._micro)
        self._fused = recipe.fused
        self._pad = tokenizer.pad_token_id
        self.into(folder, run, schedule)
        super().__init__(
            model=model,
            args=SFTConfig(
                **common(recipe, len(steps), folder),
                max_length=None,
                packing=False,
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
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
        loss = answer_loss(model, batch) if self._fused else plain_loss(model, batch)
        return loss / num_items_in_batch


def common(recipe: Recipe, steps: int, folder: Path) -> dict[str, Any]:
    """The part of TRL's configurations that all methods share. What our own parts do (order, lengths,
    precision, saving, showing) is switched off."""
    micro = recipe.micro_batch or recipe.batch
    return {
        "output_dir": str(folder),
        "max_steps": steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": recipe.batch // micro,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "optim": "adamw_torch",
        "seed": recipe.seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "bf16": False,
        "fp16": False,
        "gradient_checkpointing": False,
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        **(trainer_settings(recipe.gpu) if recipe.gpu else {}),
    }


def micro_batches(steps: Sequence[Sequence[int]], micro: int, accumulation: int) -> list[list[int]]:
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
