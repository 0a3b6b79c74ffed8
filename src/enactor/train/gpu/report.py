"""A dry run as text."""

from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec

from enactor.train.gpu.dry_run import DryRun
from enactor.train.gpu.footprint import GIB


def lines(run: DryRun) -> Iterator[str]:
    """What was resolved, counted and predicted, a line each."""
    recipe, plan = run.recipe, run.plan
    held = "four bits (NF4)" if plan.quantize == "nf4" else "bfloat16"
    adapter = run.shape.adapter(recipe.rank, recipe.targets)
    yield f"recipe      {recipe.name}, supervised"
    yield f"base        {recipe.base}, {run.shape.parameters / 1e9:.2f} billion weights, in {held}"
    on = f"rank {recipe.rank} on {len(recipe.targets)} projections"
    yield f"adapter     {on}, {adapter / 1e6:.1f} million weights"
    yield (
        f"optimizer   {plan.optimizer}, learning rate {recipe.learning_rate:g}, gradient checkpointing "
        f"{'on' if plan.checkpointing else 'off'}"
    )
    yield f"rows        {run.rows:,}, operands {plan.operands}, frame {plan.frame}, dialect {recipe.dialect}"
    for reason, number in run.left_out.items():
        yield f"            left out, {reason}: {number:,}"
    if run.too_long:
        yield f"            left out, over {recipe.max_length} tokens: {run.too_long:,}"
    how = "by the base's tokenizer" if run.exact else "estimated from characters: the tokenizer is not here"
    yield f"tokens      {run.tokens:,} in {recipe.epochs:g} epochs, {run.answers:,} with loss ({how})"
    yield f"            longest row {run.longest:,}; padding {run.padded / run.tokens - 1:.1%}"
    yield (
        f"steps       {run.steps:,} of {recipe.batch} rows, {run.micro_batches:,} micro-batches of at most "
        f"{run.peak_tokens:,} tokens"
    )
    yield "memory, predicted"
    for field in fields(run.memory):
        yield f"  {field.name:12}{getattr(run.memory, field.name) / GIB:6.2f} GiB"
    verdict = "fits" if run.fits else "does NOT fit: lower micro_batch, max_length or rank"
    yield f"  {'total':12}{run.memory.total / GIB:6.2f} GiB of {plan.memory_gb:g}: {verdict}"
    yield "time, predicted"
    for name, hours in run.hours.items():
        taken = f"{hours:6.1f} h" if hours >= 2 else f"{max(1, round(hours * 60)):4} min"
        yield f"  {name:20}{taken}, {run.tokens / hours / 3600:,.0f} tokens/s"
    if not run.hours:
        yield "  none of the known cards has the memory"
    yield "Published runs took up to twice that time, and 0.9 to 1.4 times that memory: docs/gpu.md."
    if plan.quantize == "nf4" and find_spec("bitsandbytes") is None:
        yield "To run it: pip install 'enactor[train,gpu]'"
