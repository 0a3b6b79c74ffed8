"""Which rows make a step, and how they lie in one tensor.

Rows of like length go into a batch, so little is padded. Tokens that all rows of a batch begin with (the
system turn) are computed once: with causal attention their activations are the same in every row, and the
gradients that reach them add up, so loss and gradients are those of separate rows.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from enactor.train.rows import IGNORED, Example

if TYPE_CHECKING:
    import torch

POOL = 16
"""Batches that are drawn together and sorted by length among themselves: more pads less and mixes less."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How `rows` rows lie in one sequence: `prefix` shared tokens, then `rows` times `length` tokens."""

    prefix: int
    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`ids` and `positions` are (1, prefix + rows*length); `targets` (rows, length) holds at each place the
    token that follows it where that has loss, IGNORED elsewhere; `tokens` counts what the rows have, padding
    left out and the prefix in each."""

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    targets: "torch.Tensor"
    layout: Layout
    tokens: int

    def to(self, device: "torch.device") -> "Batch":
        """The same batch with its tensors on `device`."""
        return replace(
            self,
            ids=self.ids.to(device),
            positions=self.positions.to(device),
            targets=self.targets.to(device),
        )


def plan(lengths: Sequence[int], batch: int, epochs: float, seed: int) -> list[list[int]]:
    """Row numbers of each step over all epochs; a function of its arguments alone, so a resumed run finds
    its place by the step's number. Every row stands once in each whole epoch; a last incomplete batch of an
    epoch is kept."""
    steps: list[list[int]] = []
    per_epoch = -(-len(lengths) // batch)
    wanted = max(1, round(epochs * per_epoch))
    epoch = 0
    while len(steps) < wanted:
        rng = random.Random(f"{seed}:{epoch}")
        order = list(range(len(lengths)))
        rng.shuffle(order)
        made: list[list[int]] = []
        for start in range(0, len(order), batch * POOL):
            pool = sorted(order[start : start + batch * POOL], key=lambda row: lengths[row])
            made += [pool[at : at + batch] for at in range(0, len(pool), batch)]
        rng.shuffle(made)
        steps += made
        epoch += 1
    return steps[:wanted]


def shared_prefix(examples: Sequence[Example]) -> int:
    """Tokens at the start that all rows have in common and that stand before any token with loss; each row
    keeps at least one token, the one that its first answer token is predicted from."""
    limit = min(next(i for i, label in enumerate(e.labels) if i and label != IGNORED) for e in examples) - 1
    first = examples[0].ids
    prefix = 0
    while prefix < limit and all(e.ids[prefix] == first[prefix] for e in examples):
        prefix += 1
    return prefix


def pack(examples: Sequence[Example], pad: int, *, share: bool = True) -> Batch:
    """Tensors of one batch. `share` False keeps the prefix in every row."""
    import torch

    prefix = shared_prefix(examples) if share else 0
    length = max(len(example.ids) for example in examples) - prefix
    ids = torch.full((len(examples), length), pad, dtype=torch.long)
    targets = torch.full((len(examples), length), IGNORED, dtype=torch.long)
    for row, example in enumerate(examples):
        kept = len(example.ids) - prefix
        ids[row, :kept] = torch.tensor(example.ids[prefix:])
        targets[row, : kept - 1] = torch.tensor(example.labels[prefix + 1 :])
    shared = torch.tensor(examples[0].ids[:prefix], dtype=torch.long)
    own = torch.arange(prefix, prefix + length)
    return Batch(
        ids=torch.cat([shared, ids.flatten()])[None],
        positions=torch.cat([torch.arange(prefix), own.repeat(len(examples))])[None],
        targets=targets,
        layout=Layout(prefix, len(examples), length),
        tokens=sum(len(example.ids) for example in examples),
    )
