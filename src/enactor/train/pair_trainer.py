"""TRL's DPOTrainer on our pairs, in our order.

TRL computes the loss. The log-probabilities that it asks the model for are computed with each pair's prompt
once for both answers, and those of the reference once before the first step, by the adapter as it is then.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from rich.console import Console
from transformers import PrinterCallback
from trl import DPOConfig, DPOTrainer

from enactor.train.batches import Batch, pack
from enactor.train.fused import answer_hidden
from enactor.train.pairs import PairExample
from enactor.train.recipe import Recipe
from enactor.train.rows import IGNORED
from enactor.train.schedule import Schedule
from enactor.train.trainer import Sealed, common, micro_batches

if TYPE_CHECKING:
    from torch import Tensor

PACKS = "packs"


class PairTrainer(Sealed, DPOTrainer):  # type: ignore[misc]
    """`steps` holds the pair numbers of every step of the run, in order; `run` goes into each checkpoint."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        recipe: Recipe,
        pairs: Sequence[PairExample],
        steps: Sequence[Sequence[int]],
        schedule: Schedule,
        folder: Path,
        run: Mapping[str, Any],
        callbacks: Sequence[Any],
        console: Console,
    ) -> None:
        micro = recipe.micro_batch or recipe.batch
        self._pairs = pairs
        self._order = micro_batches(steps, micro, recipe.batch // micro)
        self._fused = recipe.fused
        self._pad = tokenizer.pad_token_id
        self._console = console
        self._reference: list[list[float]] = []
        self.into(folder, run, schedule)
        plan = recipe.preference
        if plan is None:
            raise ValueError("a recipe of the method preference has its section")
        super().__init__(
            model=model,
            args=DPOConfig(
                **common(recipe, len(steps), folder),
                beta=plan.beta,
                loss_type=[plan.loss, "sft"] if plan.anchor else [plan.loss],
                loss_weights=[1.0, plan.anchor] if plan.anchor else [1.0],
                max_length=None,
                precompute_ref_log_probs=True,
                disable_dropout=not recipe.dropout,
            ),
            train_dataset=_dataset(pairs),
            processing_class=tokenizer,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)  # prints each step; `Watch` shows a line
        model.delete_adapter("ref")  # TRL's copy of the start; its log-probabilities are known by now
        model.set_adapter("default")

    def _prepare_dataset(self, dataset: Any, *unused: Any) -> Any:
        return dataset  # tokenized by `enactor.train.pairs`, which also decides what has loss

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        """The log-probabilities of all pairs by the model as it is, which is the reference."""
        self._console.print(f"{len(dataset)} pairs: log-probabilities of the start")
        model = self.model
        was_training = model.training
        model.eval()
        with torch.no_grad():
            sums = [self._log_probs(self._collate([n])).sum(1).tolist() for n in range(len(dataset))]
        self._reference = sums
        model.train(was_training)
        return dataset

    def get_train_dataloader(self) -> Any:
        """The micro-batches of the whole run, in order. A resumed run skips those that were done."""
        return torch.utils.data.DataLoader(
            self._order,
            batch_size=1,
            shuffle=False,
            collate_fn=lambda items: self._collate(items[0]),
        )

    def _collate(self, numbers: Sequence[int]) -> dict[str, Any]:
        """TRL's batch: all right answers, then all wrong ones, padded; beside it, each pair packed."""
        pairs = [self._pairs[number] for number in numbers]
        rows = [pair.prompt + pair.chosen for pair in pairs] + [pair.prompt + pair.rejected for pair in pairs]
        width = max(map(len, rows))
        prompts = [len(pair.prompt) for pair in pairs] * 2

        def tensor(row_of: Any) -> "Tensor":
            return torch.tensor([row_of(row, start) for row, start in zip(rows, prompts, strict=True)])

        batch: dict[str, Any] = {
            "input_ids": tensor(lambda row, start: [*row, *[self._pad] * (width - len(row))]),
            "attention_mask": tensor(lambda row, start: [1] * len(row) + [0] * (width - len(row))),
            "completion_mask": tensor(
                lambda row, start: [0] * start + [1] * (len(row) - start) + [0] * (width - len(row))
            ),
        }
        if self._reference:
            known = torch.tensor([self._reference[number] for number in numbers])
            batch["ref_chosen_logps"], batch["ref_rejected_logps"] = known.unbind(1)
        if self._fused:
            batch[PACKS] = [pack(pair.rows(), self._pad) for pair in pairs]
        return batch

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
        """TRL's loss, on what `_outputs` gives in the place of the model."""
        self._inputs = inputs
        kept = {key: value for key, value in inputs.items() if key != PACKS}
        return super()._compute_loss(self._outputs, kept, return_outputs)

    def _outputs(self, **unused: Any) -> Any:
        found = self._log_probs(self._inputs)
        nothing = found.new_zeros(found.shape)
        return SimpleNamespace(log_probs=found, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool())

    def _log_probs(self, inputs: Mapping[str, Any]) -> "Tensor":
        """Log-probability of each answer token at its predecessor, (rows, width - 1) in float32, else 0."""
        if not self._fused:
            return self._plain_log_probs(inputs)
        rows, width = inputs["input_ids"].shape
        pairs = len(inputs[PACKS])
        flat: list[Tensor] = []
        places: list[Tensor] = []
        for number, batch in enumerate(inputs[PACKS]):
            batch = batch.to(self.args.device)
            hidden, targets = answer_hidden(self.model, batch)
            flat.append(-F.cross_entropy(self._logits(hidden), targets, reduction="none"))
            places.append(_places(batch, number, pairs, width - 1))
        out = flat[0].new_zeros(rows * (width - 1))
        return out.index_put((torch.cat(places),), torch.cat(flat)).view(rows, width - 1)

    def _plain_log_probs(self, inputs: Mapping[str, Any]) -> "Tensor":
        states = self.model.get_base_model().model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        )
        mask = inputs["completion_mask"][:, 1:].bool()
        hidden = states.last_hidden_state[:, :-1][mask]
        found = -F.cross_entropy(self._logits(hidden), inputs["input_ids"][:, 1:][mask], reduction="none")
        return found.new_zeros(mask.shape).masked_scatter(mask, found)

    def _logits(self, hidden: "Tensor") -> "Tensor":
        logits: Tensor = self.model.get_base_model().lm_head(hidden).float()
        return logits


def _places(batch: Batch, number: int, pairs: int, width: int) -> "Tensor":
    """Where the packed pair's answer tokens stand in the flat (2 * pairs, width): the right answers first."""
    which, offset = (batch.targets != IGNORED).nonzero(as_tuple=True)
    return (which * pairs + number) * width + batch.layout.prefix + offset


def _dataset(pairs: Sequence[PairExample]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "prompt_ids": [list(pair.prompt) for pair in pairs],
            "chosen_ids": [list(pair.chosen) for pair in pairs],
            "rejected_ids": [list(pair.rejected) for pair in pairs],
        }
    )
