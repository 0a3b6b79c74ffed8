"""The fast step: PEFT's model with the same weights and the same result, computed with less.

Measured on two cores with AVX512-BF16 (docs/log.md): the rate is set by matrix products, so what is saved
is everything else. `fuse` replaces the `forward` of single module instances; parameters, names and what PEFT
saves stay as they are. The head runs only where there is loss (`answer_loss`), for vocabulary 49,152 a third
of the work.
"""

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from enactor.train.batches import Batch, Layout
from enactor.train.rows import IGNORED

if TYPE_CHECKING:
    from torch import Tensor

ATTENTION = "enactor_shared_prefix"
_ROWS_AT_ONCE = 256  # of logits: 256 x 49,152 floats are 50 MB


class _Lora(torch.autograd.Function):  # type: ignore[misc]
    """y = x Wᵀ + s (x Aᵀ) Bᵀ in W's precision; W (out, in) is frozen, A (rank, in) and B (out, rank) float32.
    One node in place of PEFT's five, with the sums done inside the products."""

    @staticmethod
    def forward(ctx: Any, x: "Tensor", weight: "Tensor", a: "Tensor", b: "Tensor", scale: float) -> "Tensor":
        shape = x.shape
        x = x.reshape(-1, shape[-1]).to(weight.dtype)
        a, b = a.to(weight.dtype), (b * scale).to(weight.dtype)
        inner = x @ a.T
        y = F.linear(x, weight).addmm_(inner, b.T)
        ctx.save_for_backward(x, weight, a, b, inner)
        ctx.scale, ctx.shape = scale, shape
        return y.view(*shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: "Tensor") -> Any:
        x, weight, a, b, inner = ctx.saved_tensors
        g = grads[0].reshape(-1, weight.shape[0])
        back = g @ b
        grad_x = (g @ weight).addmm_(back, a).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return grad_x, None, (back.T @ x).float(), (g.T @ inner).float() * ctx.scale, None


class _AnswerLoss(torch.autograd.Function):  # type: ignore[misc]
    """Sum of the cross entropies of `hidden` (n, width) through a frozen head (vocabulary, width). The
    gradient is made with the loss, block by block, so that the logits are never held whole."""

    @staticmethod
    def forward(ctx: Any, hidden: "Tensor", head: "Tensor", targets: "Tensor") -> "Tensor":
        grad = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        total = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, len(targets), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            logits = F.linear(hidden[rows], head).float()
            target = targets[rows, None]
            norm = logits.logsumexp(-1, keepdim=True)
            total += (norm - logits.gather(1, target)).sum()
            if grad is not None:
                p = logits.sub_(norm).exp_()
                p.scatter_add_(1, target, p.new_full(target.shape, -1.0))
                grad[rows] = p.to(head.dtype) @ head
        ctx.save_for_backward(grad)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: "Tensor") -> Any:
        (grad,) = ctx.saved_tensors
        return grad * grads[0], None, None


class _Gate(torch.autograd.Function):  # type: ignore[misc]
    """silu(gate) * up, keeping its two inputs only."""

    @staticmethod
    def forward(ctx: Any, gate: "Tensor", up: "Tensor") -> "Tensor":
        ctx.save_for_backward(gate, up)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: "Tensor") -> Any:
        gate, up = ctx.saved_tensors
        return torch.ops.aten.silu_backward(grads[0] * up, gate), grads[0] * F.silu(gate)


class _Norm(torch.autograd.Function):  # type: ignore[misc]
    """RMSNorm with a frozen weight, in float32 inside."""

    @staticmethod
    def forward(ctx: Any, x: "Tensor", weight: "Tensor", epsilon: float) -> "Tensor":
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True).add_(epsilon))
        ctx.save_for_backward(x, weight, scale)
        # Rounded before the weight is applied, as transformers does.
        return (wide * scale).to(x.dtype) * weight

    @staticmethod
    def backward(ctx: Any, *grads: "Tensor") -> Any:
        x, weight, scale = ctx.saved_tensors
        g = (grads[0] * weight).float()
        unit = x.float().mul_(scale)
        share = (g * unit).mean(-1, keepdim=True)
        return g.sub_(unit.mul_(share)).mul_(scale).to(x.dtype), None, None


def _attend(q: "Tensor", k: "Tensor", v: "Tensor", scaling: float, earlier: int) -> "Tensor":
    """Causal attention (rows, heads, n, d) over keys of which `earlier` stand before the first query. Plain
    products: torch's CPU flash attention takes 147 ms forward and back in bfloat16 where these take 37
    (16 rows of 120 + 29 tokens, 9 heads)."""
    rows, heads, n, d = q.shape
    kv = k.shape[1]
    group = heads // kv
    mask = q.new_full((n, k.shape[2]), float("-inf")).triu_(earlier + 1).repeat(group, 1)
    scores = torch.baddbmm(
        mask[None],
        q.reshape(rows * kv, group * n, d),
        k.reshape(rows * kv, -1, d).transpose(1, 2),
        alpha=scaling,
    )
    out = torch.bmm(torch.softmax(scores, -1), v.reshape(rows * kv, -1, d))
    return out.view(rows, heads, n, d)


def shared_prefix_attention(
    module: Any,
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: "Tensor | None",
    *,
    scaling: float,
    layout: Layout,
    **unused: Any,
) -> "tuple[Tensor, None]":
    """An attention function of transformers. In: (1, heads, prefix + rows*length, d). Each row attends to the
    prefix and to itself; padding stands after what is real and is attended to by padding alone."""
    total = query.shape[2]

    def cut(x: "Tensor") -> "tuple[Tensor, Tensor]":
        heads, _, d = x[0].shape
        first, rest = x[0].split([layout.prefix, total - layout.prefix], dim=1)
        return first[None], rest.reshape(heads, layout.rows, layout.length, d).transpose(0, 1)

    (q0, q1), (k0, k1), (v0, v1) = cut(query), cut(key), cut(value)
    keys = torch.cat([k0.expand(layout.rows, -1, -1, -1), k1], dim=2)
    values = torch.cat([v0.expand(layout.rows, -1, -1, -1), v1], dim=2)
    out = _attend(q1, keys, values, scaling, layout.prefix).transpose(1, 2).flatten(0, 1)
    if layout.prefix:
        out = torch.cat([_attend(q0, k0, v0, scaling, 0)[0].transpose(0, 1), out])
    return out[None], None


def fuse(model: Any) -> int:
    """Put the fused forwards into a PEFT model of the Llama family; how many modules were replaced. What does
    not fit (quantized weights, biases, dropout, other norms) stays as it is."""
    replaced = 0
    for module in model.modules():
        kind = type(module).__name__
        if hasattr(module, "lora_A") and _is_plain(module):
            a, b = module.lora_A["default"].weight, module.lora_B["default"].weight
            scale = float(module.scaling["default"])
            module.forward = _lora_forward(module.base_layer, a, b, scale)
        elif kind.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            module.forward = _norm_forward(module)
        elif hasattr(module, "gate_proj") and type(getattr(module, "act_fn", None)).__name__.startswith(
            "SiLU"
        ):
            module.forward = _gate_forward(module)
        else:
            continue
        replaced += 1
    return replaced


def _is_plain(module: Any) -> bool:
    layer = module.base_layer
    return (
        type(layer) is torch.nn.Linear
        and layer.bias is None
        and layer.weight.is_floating_point()
        and isinstance(module.lora_dropout["default"], torch.nn.Identity)
        and not module.lora_variant
    )


# The parameters are looked up in the closures, not the module, at each call; PEFT loads into them in place.
def _lora_forward(layer: Any, a: "Tensor", b: "Tensor", scale: float) -> Any:
    return lambda x: _Lora.apply(x, layer.weight, a, b, scale)


def _norm_forward(module: Any) -> Any:
    return lambda x: _Norm.apply(x, module.weight, module.variance_epsilon)


def _gate_forward(module: Any) -> Any:
    return lambda x: module.down_proj(_Gate.apply(module.gate_proj(x), module.up_proj(x)))


def use_shared_prefix(model: Any) -> None:
    """Let the model attend by `shared_prefix_attention`; its forward then needs `layout`."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, shared_prefix_attention)
    model.get_base_model().set_attn_implementation(ATTENTION)


def answer_loss(model: Any, batch: Batch) -> "Tensor":
    """Sum of the cross entropies at the places with loss, a float32 scalar. `model` is a PEFT model whose
    attention is `shared_prefix_attention`."""
    hidden, targets = answer_hidden(model, batch)
    loss: Tensor = _AnswerLoss.apply(hidden, model.get_base_model().lm_head.weight, targets)
    return loss


def answer_hidden(model: Any, batch: Batch) -> "tuple[Tensor, Tensor]":
    """Last hidden states (n, width) where there is loss, and the tokens (n,) that should follow."""
    causal = model.get_base_model()
    states = causal.model(
        input_ids=batch.ids, position_ids=batch.positions, use_cache=False, layout=batch.layout
    ).last_hidden_state
    own = states[0, batch.layout.prefix :]
    targets = batch.targets.flatten()
    places = (targets != IGNORED).nonzero()[:, 0]
    return own.index_select(0, places), targets[places]
