"""The step as PEFT and transformers compute it, with whole rows side by side: what the fused step is compared
with, and what runs where that one does not fit. And the held-out rows' loss."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from enactor.train.batches import Batch, pack
from enactor.train.fused import answer_hidden
from enactor.train.rows import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor


def plain_loss(model: Any, batch: Batch) -> "Tensor":
    """Sum of the cross entropies at the places with loss. The batch must be packed with `share=False`.
    Padding stands at the end, where causal attention keeps it from what is real, so no mask is needed."""
    hidden, targets = plain_hidden(model, batch)
    return F.cross_entropy(model.get_base_model().lm_head(hidden).float(), targets, reduction="sum")


def plain_hidden(model: Any, batch: Batch) -> "tuple[Tensor, Tensor]":
    """Last hidden states (n, width) where there is loss, and the tokens (n,) that should follow."""
    ids = batch.ids.view(batch.layout.rows, batch.layout.length)
    states = model.get_base_model().model(input_ids=ids, use_cache=False).last_hidden_state
    places = batch.targets != IGNORED
    return states[places], batch.targets[places]


@torch.no_grad()  # type: ignore[untyped-decorator]
def held_out(
    model: Any, examples: Sequence[Example], *, batch: int, pad: int, fused: bool
) -> tuple[dict[str, float], list[bool]]:
    """On rows that were not trained on: mean loss of an answer token, the share of answer tokens that are the
    likeliest given the right ones before, and the share of rows in which all are (what greedy decoding
    without a grammar gets exactly right); and for each row whether all are."""
    was_training = model.training
    model.eval()
    order = sorted(range(len(examples)), key=lambda row: len(examples[row].ids))
    loss, right, tokens = 0.0, 0, 0
    exact = [False] * len(examples)
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        packed = pack([examples[row] for row in numbers], pad, share=fused).to(model.device)
        hidden, targets = (answer_hidden if fused else plain_hidden)(model, packed)
        logits = model.get_base_model().lm_head(hidden).float()
        loss += float(F.cross_entropy(logits, targets, reduction="sum"))
        hit = logits.argmax(-1) == targets
        row_of = (packed.targets != IGNORED).nonzero()[:, 0]
        missed = torch.zeros(len(numbers), dtype=torch.long, device=hit.device).index_add_(
            0, row_of, (~hit).long()
        )
        right += int(hit.sum())
        for row, wrong in zip(numbers, missed.tolist(), strict=True):
            exact[row] = wrong == 0
        tokens += len(targets)
    model.train(was_training)
    return {
        "eval_loss": loss / tokens,
        "eval_token_accuracy": right / tokens,
        "eval_row_accuracy": sum(exact) / len(examples),
    }, exact
