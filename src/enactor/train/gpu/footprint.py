"""How much memory a run takes, by a stated model. `docs/gpu.md` says how far off published runs it is.

All figures are bytes at the peak of a step, for one micro-batch of `tokens` positions (rows times the longest
row), `answers` of which have loss.
"""

from dataclasses import dataclass, fields

from enactor.train.gpu.plan import GpuPlan
from enactor.train.gpu.shapes import Shape

GIB = 2**30
BLOCK = 64  # weights that share a scale in bitsandbytes' NF4
DOUBLE_BLOCK = 256  # scales that share one of their own, quantized twice
OVERHEAD = 0.9 * GIB
"""CUDA's context, cuBLAS' workspace and what the allocator cannot give back. 0.5 to 1.5 GiB are reported."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes by what they are for."""

    weights: float
    adapter: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    workspace: float
    overhead: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(float(getattr(self, field.name)) for field in fields(self))


def footprint(
    shape: Shape,
    plan: GpuPlan,
    *,
    rank: int,
    targets: tuple[str, ...],
    tokens: int,
    answers: int,
) -> Footprint:
    """The peak of a training step."""
    trained = shape.adapter(rank, targets)
    return Footprint(
        weights=weights(shape, plan),
        adapter=4.0 * trained,
        gradients=4.0 * trained,
        optimizer=_optimizer(plan) * trained,
        activations=_activations(shape, plan, rank, targets, tokens),
        logits=logits(shape, answers),
        workspace=_workspace(shape, plan),
        overhead=OVERHEAD,
    )


def weights(shape: Shape, plan: GpuPlan) -> float:
    """The frozen weights. In NF4 the layers' matrices take half a byte and the scales of their blocks; what
    is not quantized is bfloat16."""
    if plan.quantize == "none":
        return 2.0 * shape.parameters
    scales = 1 / BLOCK + 4 / (BLOCK * DOUBLE_BLOCK) if plan.double_quantize else 4 / BLOCK
    return (0.5 + scales) * shape.linear + 2.0 * shape.other


def logits(shape: Shape, answers: int) -> float:
    """Scores of the whole vocabulary, where there is loss only: float32, their log softmax, and the gradient
    of both."""
    return 12.0 * answers * shape.vocab


def _optimizer(plan: GpuPlan) -> float:
    """Bytes for each trained weight: two moments. Paged ones may leave the card, which is not counted on."""
    return 8.0 if plan.optimizer in ("adamw_torch", "paged_adamw_32bit") else 2.0 + 8 / DOUBLE_BLOCK


def _activations(shape: Shape, plan: GpuPlan, rank: int, targets: tuple[str, ...], tokens: int) -> float:
    """What the backward pass needs of the forward one.

    A layer keeps for each token, in bfloat16: eight vectors of the hidden size (inputs of two norms, of
    attention and of the feed-forward part, residuals, attention's output), queries, keys and values, four of
    the feed-forward size, and `rank` numbers for each adapter. Attention's matrix is not kept (flash or
    memory-efficient attention). With checkpointing only each layer's input stays, and one layer at a time is
    there whole, with its gradients.
    """
    attention = (shape.heads + 2 * shape.kv_heads) * shape.head
    layer = 2.0 * (8 * shape.hidden + attention + 4 * shape.intermediate + rank * len(targets))
    if not plan.checkpointing:
        return tokens * shape.layers * layer
    kept = 2.0 * shape.hidden * shape.layers
    return tokens * (kept + layer + 2.0 * 2 * shape.intermediate)


def _workspace(shape: Shape, plan: GpuPlan) -> float:
    """The largest matrix as bfloat16, while it is multiplied."""
    if plan.quantize == "none":
        return 0.0
    return 2.0 * max(a * b for a, b in shape.projections.values())
