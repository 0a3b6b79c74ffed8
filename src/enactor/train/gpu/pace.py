"""How long a run takes, by a stated model. `docs/gpu.md` says how far off published runs it is.

A micro-batch costs its arithmetic at a share of the card's peak, and, where the weights are in four bits, one
unpacking of all of them for each pass (forward, forward again with checkpointing, backward), whatever its
size. So few long micro-batches are cheaper than many short ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from enactor.train.gpu.plan import GpuPlan
from enactor.train.gpu.shapes import Shape

USE = 0.43
"""Share of the peak that the matrix products get; from LLaMA-Factory's table for lengths of 1,024 to 8,192 on
an A100, of which the slope is 0.30 ms a token."""
UNPACKING = 0.22
"""Share of the memory's rate at which four-bit weights are unpacked, kernel launches included; the intercept
of the same table, 0.145 s."""
_UNPACKED_BYTES = 2.5  # half a byte is read and two are written for each weight


@dataclass(frozen=True, slots=True)
class Card:
    """`tflops`: dense products of bfloat16 with sums in float32, 10^12 a second; `gbps`: memory's rate, 10^9
    bytes a second. Both from the maker's data sheets."""

    memory_gb: float
    tflops: float
    gbps: float


CARDS: Mapping[str, Card] = {
    "RTX 3060 12 GB": Card(12, 25.5, 360),
    "RTX 4060 8 GB": Card(8, 30.2, 272),
    "RTX 4060 Ti 16 GB": Card(16, 44.1, 288),
    "RTX 4080 16 GB": Card(16, 97.5, 717),
    "RTX 3090 24 GB": Card(24, 71.2, 936),
    "RTX 4090 24 GB": Card(24, 165.2, 1008),
    "L4 24 GB": Card(24, 121.0, 300),
    "A100 40 GB": Card(40, 312.0, 1555),
    "A100 80 GB": Card(80, 312.0, 2039),
}


def seconds(
    shape: Shape,
    plan: GpuPlan,
    card: Card,
    *,
    rank: int,
    targets: tuple[str, ...],
    tokens: int,
    length: int,
    micro_batches: int,
    answers: int,
) -> float:
    """Time to train on `tokens` positions (padding included) of rows of about `length`, `answers` of them
    with loss, in so many micro-batches."""
    passes = 3 if plan.checkpointing else 2  # forward, again, and the gradient of the activations
    products = 2.0 * shape.linear + 4.0 * shape.layers * shape.heads * shape.head * length / 2
    adapter = 2.0 * shape.adapter(rank, targets)
    flops = tokens * (passes * (products + adapter) + adapter) + 6.0 * answers * shape.hidden * shape.vocab
    arithmetic = flops / (card.tflops * 1e12 * USE)
    if plan.quantize == "none":
        return arithmetic
    unpacking = passes * shape.linear * _UNPACKED_BYTES / (card.gbps * 1e9 * UNPACKING)
    return arithmetic + micro_batches * unpacking
