"""What the arithmetic of memory and time needs to know of a base."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from enactor.errors import EnactorError


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder of the Llama kind: grouped-query attention and a gated feed-forward part. `head` is the size
    of one attention head; `tied` says that the output matrix is the embedding; `bias` counts the layers'
    projections with a bias (Qwen2: three)."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    intermediate: int
    vocab: int
    tied: bool = False
    bias: bool = False

    @property
    def projections(self) -> Mapping[str, tuple[int, int]]:
        """Inputs and outputs of each matrix of a layer, by the name that adapters know it by."""
        q, kv = self.heads * self.head, self.kv_heads * self.head
        return {
            "q_proj": (self.hidden, q),
            "k_proj": (self.hidden, kv),
            "v_proj": (self.hidden, kv),
            "o_proj": (q, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def linear(self) -> int:
        """Weights in the layers' matrices: what four-bit quantization takes."""
        return self.layers * sum(a * b for a, b in self.projections.values())

    @property
    def other(self) -> int:
        """Weights that stay in sixteen bits: embedding, output matrix, norms, biases."""
        tables = self.vocab * self.hidden * (1 if self.tied else 2)
        biases = (self.heads + 2 * self.kv_heads) * self.head if self.bias else 0
        return tables + self.layers * (2 * self.hidden + biases) + self.hidden

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.linear + self.other

    def adapter(self, rank: int, targets: tuple[str, ...]) -> int:
        """Weights of a LoRA adapter of that rank on those projections."""
        return self.layers * rank * sum(sum(self.projections[name]) for name in targets)


KNOWN: Mapping[str, Shape] = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": Shape(576, 30, 9, 3, 64, 1536, 49152, tied=True),
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(896, 24, 14, 2, 64, 4864, 151936, tied=True, bias=True),
    "Qwen/Qwen2.5-1.5B-Instruct": Shape(1536, 28, 12, 2, 128, 8960, 151936, tied=True, bias=True),
    "Qwen/Qwen2.5-3B-Instruct": Shape(2048, 36, 16, 2, 128, 11008, 151936, tied=True, bias=True),
    "Qwen/Qwen2.5-7B-Instruct": Shape(3584, 28, 28, 4, 128, 18944, 152064, bias=True),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(4096, 32, 32, 8, 128, 14336, 128256),
    "mistralai/Mistral-7B-Instruct-v0.3": Shape(4096, 32, 32, 8, 128, 14336, 32768),
}
"""From the bases' own `config.json`."""


def shape_of(base: str) -> Shape:
    """The shape of a known base, or of the folder that `base` names, by its `config.json`. Raises
    `EnactorError` where neither is there."""
    if base in KNOWN:
        return KNOWN[base]
    if base in ("smollm2-135m", "smollm2-135m-instruct-q4_1"):
        return KNOWN["HuggingFaceTB/SmolLM2-135M-Instruct"]
    path = Path(base).expanduser() / "config.json"
    if not path.is_file():
        raise EnactorError(
            f"the shape of {base} is not known: name a folder with its config.json, or one of "
            f"{', '.join(KNOWN)}"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        heads = int(found["num_attention_heads"])
        return Shape(
            hidden=int(found["hidden_size"]),
            layers=int(found["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(found.get("num_key_value_heads") or heads),
            head=int(found.get("head_dim") or found["hidden_size"] // heads),
            intermediate=int(found["intermediate_size"]),
            vocab=int(found["vocab_size"]),
            tied=bool(found.get("tie_word_embeddings", False)),
            bias=found.get("model_type") == "qwen2",
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnactorError(f"{path} is not the config.json of a causal language model ({error!r})") from error
