"""How fast a training step is: TRL's own, ours, and the bare forward and backward, on the same rows.

    python benchmarks/train.py [--base GGUF] [--rounds N] [--batch N] [--threads N]

As many rows a step go through every variant in turn, so that what else the machine does hits all alike; the
median over the rounds counts. Tokens are those of the rows, without padding. Collation and the optimizer are
in the steps of TRL and ours, and not the optimizer in the bare one. TRL's are SFTTrainer's own steps.
Prints a table with the ratios, and one JSON line. Smallest: `--rounds 2 --batch 4 --rows 40`.
"""

import argparse
import copy
import json
import statistics
import tempfile
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
from enactor.train.memory import keep_freed_memory
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


def trl_trainer(model: Any, tokenizer: Any, examples: Any, batch: int, *, checkpointing: bool) -> Any:
    """TRL's own trainer on our rows, with its defaults but for the dtype of the model, and with or without
    the gradient checkpointing that is one of them."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    made = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=batch,
            max_steps=1000,
            report_to=[],
            gradient_checkpointing=checkpointing,
            use_cpu=not torch.cuda.is_available(),  # without it the default bf16 is refused here
        ),
        train_dataset=Dataset.from_dict(
            {"input_ids": [list(e.ids) for e in examples], "labels": [list(e.labels) for e in examples]}
        ),
        processing_class=tokenizer,
    )
    made.model.train()
    return made


def trl_step(trainer: Any) -> Callable[[list[int]], float]:
    """SFTTrainer's training step: collation, forward, its metrics, backward."""

    def step(rows: list[int]) -> float:
        inputs = trainer.data_collator([trainer.train_dataset[row] for row in rows])
        answers = (inputs["labels"][:, 1:] != IGNORED).sum()
        return float(trainer.training_step(trainer.model, inputs, answers))

    return step


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


def our_step(loss: Callable[[Batch], Any], examples: Any, share: bool) -> Callable[[list[int]], float]:
    """Packing, forward and backward."""

    def step(rows: list[int]) -> float:
        batch = pack([examples[row] for row in rows], PAD, share=share)
        value = loss(batch) / max(1, int((batch.targets != IGNORED).sum()))
        value.backward()
        return float(value.detach())

    return step


def timed(
    clock: Callable[[], float],
    step: Callable[[list[int]], float],
    rows: list[int],
    optimizer: Any,
    parameters: list[Any],
) -> tuple[float, float]:
    """Seconds of a step, the optimizer's included where there is one, and its loss."""
    began = clock()
    value = step(rows)
    if optimizer is not None:
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return clock() - began, value


TRL, TRL_PLAIN = "TRL SFTTrainer, its defaults", "TRL SFTTrainer, no checkpointing"
OURS, BARE = "ours", "bare forward + backward"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=400, help="rows to draw the batches from")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument(
        "--cpu-time", action="store_true", help="of one thread, where others use the core too"
    )
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    clock = time.process_time if options.cpu_time else time.perf_counter
    keep_freed_memory()
    gguf = options.base or pull("smollm2-135m")
    base, tokenizer = load_base(gguf, check=False)
    base.requires_grad_(False)
    if options.threads or options.cpu_time:
        torch.set_num_threads(options.threads or 1)
    with tempfile.TemporaryDirectory() as folder:
        rows = build(BuildConfig(rows=options.rows, test_rows=10, out=Path(folder))).train
    examples = encode_rows((row.segments() for row in rows), tokenizer, 512).kept
    lengths = [len(e.ids) for e in examples]
    print(f"{len(examples)} rows, {sum(lengths) / len(lengths):.0f} tokens each")

    bucketed = plan(lengths, options.batch, 1, 0)[: options.rounds + 1]
    # TRL's sampler takes rows at random; the same number of rows a step, other neighbours.
    shuffled = torch.randperm(len(examples), generator=torch.Generator().manual_seed(0)).tolist()
    at_random = [shuffled[i * options.batch : (i + 1) * options.batch] for i in range(options.rounds + 1)]

    dtype = getattr(torch, options.dtype)
    running: dict[str, tuple[Callable[[list[int]], float], list[list[int]], Any, list[Any]]] = {}
    for name in (TRL, TRL_PLAIN, OURS, BARE):
        if options.only and not any(word in name for word in options.only):
            continue
        model = peft_model(base, dtype, fast=name == OURS)
        parameters = [p for p in model.parameters() if p.requires_grad]
        optimizer = None if name == BARE else torch.optim.AdamW(parameters, lr=2e-4, weight_decay=0.0)
        if name in (TRL, TRL_PLAIN):
            trainer = trl_trainer(model, tokenizer, examples, options.batch, checkpointing=name == TRL)
            running[name] = (trl_step(trainer), at_random, optimizer, parameters)
        elif name == OURS:
            ours = our_step(lambda batch, m=model: answer_loss(m, batch), examples, True)
            running[name] = (ours, bucketed, optimizer, parameters)
        else:
            running[name] = (our_step(bare_loss(model), examples, False), bucketed, None, parameters)
    rates: dict[str, list[float]] = {name: [] for name in running}
    for number in range(options.rounds + 1):  # the first warms up
        for name, (step, steps, optimizer, parameters) in running.items():
            seconds, value = timed(clock, step, steps[number], optimizer, parameters)
            rate = sum(lengths[row] for row in steps[number]) / seconds
            if number:
                rates[name].append(rate)
            print(f"  {name}: {rate:.0f} tokens/s, loss {value:.3f}", flush=True)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, rate in medians.items():
        against = ""
        if OURS in rates:
            ratios = [ours / other for ours, other in zip(rates[OURS], rates[name], strict=True)]
            against = f"   ours is {statistics.median(ratios):.2f} of it"
        print(f"{name:34} {rate:6.0f} tokens/s{against}")
    print(json.dumps({name: round(rate, 1) for name, rate in medians.items()}))


if __name__ == "__main__":
    main()
