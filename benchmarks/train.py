"""How fast a training step is: TRL's own, ours, and the bare forward and backward, on the same rows.

    python benchmarks/train.py [--base GGUF] [--rounds N] [--batch N] [--threads N]

Batches of the same rows go through every variant in turn, so that what else the machine does hits all
alike; the median over the rounds counts. Tokens are those of the rows, without padding. The optimizer's part
is in the steps of TRL and ours and not in the bare one. Prints a table and one JSON line.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model

from enactor.curate.build import BuildConfig, build
from enactor.models import pull
from enactor.train.base import load_base
from enactor.train.batches import Batch, pack, plan
from enactor.train.fused import answer_loss, fuse, use_shared_prefix
from enactor.train.plain import plain_loss
from enactor.train.recipe import PROJECTIONS
from enactor.train.rows import IGNORED, encode_rows


def peft_model(base: Any, dtype: torch.dtype, *, fast: bool) -> Any:
    model = copy.deepcopy(base)
    torch.manual_seed(0)
    config = LoraConfig(r=32, lora_alpha=64, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM")
    made = get_peft_model(model.to(dtype), config)
    made.train()
    if fast:
        fuse(made)
        use_shared_prefix(made)
    return made


def trl_loss(model: Any) -> Callable[[Batch], Any]:
    """TRL's head (`add_fused_lm_head`) on whole rows, padded, with an attention mask: what SFTTrainer's
    `compute_loss` calls. Only its metrics are left out."""
    from trl.trainer.sft_trainer import add_fused_lm_head

    add_fused_lm_head(model.get_base_model(), outputs=("log_probs", "entropy", "is_top1"))

    def loss(batch: Batch) -> Any:
        ids = batch.ids.view(batch.layout.rows, batch.layout.length)
        labels = F.pad(batch.targets, (1, 0), value=IGNORED)[:, :-1]
        # The last token of each row is the newline after the answer, or padding, and has no loss.
        mask = (ids != PAD).long()
        out = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False, fused_lm_head=True)
        return -out.log_probs.sum()

    return loss


PAD = 0


def bare_loss(model: Any) -> Callable[[Batch], Any]:
    """The base without an adapter, the gradient taken to the activations: the products that no LoRA
    step can do without, at our shapes."""
    causal = model.get_base_model()

    def loss(batch: Batch) -> Any:
        ids = batch.ids.view(batch.layout.rows, batch.layout.length)
        inputs = causal.model.embed_tokens(ids).detach().requires_grad_(True)
        with model.disable_adapter():
            states = causal.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        places = batch.targets != IGNORED
        logits = causal.lm_head(states[places]).float()
        return F.cross_entropy(logits, batch.targets[places], reduction="sum")

    return loss


def timed(
    loss: Callable[[Batch], Any], batch: Batch, optimizer: Any, parameters: list[Any]
) -> tuple[float, float]:
    began = time.perf_counter()
    value = loss(batch) / max(1, int((batch.targets != IGNORED).sum()))
    value.backward()
    if optimizer is not None:
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - began, float(value.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    gguf = options.base or pull("smollm2-135m")
    base, tokenizer = load_base(gguf, check=False)
    base.requires_grad_(False)
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = build(BuildConfig(rows=400, test_rows=10, out=Path("runs/benchmark-data"))).train
    examples = encode_rows((row.segments() for row in rows), tokenizer, 512).kept
    print(f"{len(examples)} rows, {sum(len(e.ids) for e in examples) / len(examples):.0f} tokens each")

    bucketed = plan([len(e.ids) for e in examples], options.batch, 1, 0)[1 : options.rounds + 2]
    # TRL's sampler takes rows at random; the same number of rows a step, other neighbours.
    shuffled = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0)).tolist()
    random_steps = [shuffled[i * options.batch : (i + 1) * options.batch] for i in range(options.rounds + 1)]

    variants: dict[str, tuple[torch.dtype, bool, str, list[list[int]], bool]] = {
        "TRL SFTTrainer, float32": (torch.float32, False, "trl", random_steps, False),
        "TRL SFTTrainer, bfloat16": (torch.bfloat16, False, "trl", random_steps, False),
        "+ by length, no mask": (torch.bfloat16, False, "plain", bucketed, False),
        "+ fused, shared prefix (ours)": (torch.bfloat16, True, "fused", bucketed, True),
        "ours, float32": (torch.float32, True, "fused", bucketed, True),
        "bare forward + backward, bfloat16": (torch.bfloat16, False, "bare", bucketed, False),
    }
    running = {}
    for name, (dtype, fast, kind, steps, share) in variants.items():
        if options.only and not any(word in name for word in options.only):
            continue
        model = peft_model(base, dtype, fast=fast)
        parameters = [p for p in model.parameters() if p.requires_grad]
        loss = {
            "trl": trl_loss,
            "bare": bare_loss,
            "plain": lambda m: lambda b: plain_loss(m, b),
            "fused": lambda m: lambda b: answer_loss(m, b),
        }[kind](model)
        optimizer = None if kind == "bare" else torch.optim.AdamW(parameters, lr=2e-4, weight_decay=0.0)
        packed = [pack([examples[row] for row in step], PAD, share=share) for step in steps]
        running[name] = (loss, packed, optimizer, parameters)
    rates: dict[str, list[float]] = {name: [] for name in running}
    for number in range(options.rounds + 1):  # the first warms up
        for name, (loss, packed, optimizer, parameters) in running.items():
            seconds, value = timed(loss, packed[number], optimizer, parameters)
            if number:
                rates[name].append(packed[number].tokens / seconds)
            print(f"  {name}: {packed[number].tokens / seconds:.0f} tokens/s, loss {value:.3f}", flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        print(f"{name:36} {rate:6.0f} tokens/s")
    print(json.dumps({name: round(rate, 1) for name, rate in medians.items()}))


if __name__ == "__main__":
    main()
