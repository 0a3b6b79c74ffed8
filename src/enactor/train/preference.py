"""Preference training: pairs become an adapter that gives the right answer rather than the wrong one."""

from itertools import accumulate
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.train.adapter import Adapter
from enactor.train.batches import plan
from enactor.train.pairs import PairExamples, Pairs, encode_pairs, read_pairs
from enactor.train.recipe import Recipe
from enactor.train.sft import Rows, refuse_foreign_tokens
from enactor.train.stage import Course, follow, prepare
from enactor.train.validation import validation

SHOWN = ("rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected")


def preference(
    recipe: Recipe,
    pairs: Pairs,
    out: Path,
    *,
    held_out_rows: Rows | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> Adapter:
    """Train by TRL's DPOTrainer on `pairs`, against the adapter that the recipe starts from (or the base),
    and leave the adapter in `out`. The loss is `recipe.preference.loss` plus `anchor` times the supervised
    loss on the right answers. Resumes, and raises, as `supervised` does."""
    console = console or Console(stderr=True)
    loaded = prepare(recipe, out, fresh)
    found = read_pairs(pairs) if isinstance(pairs, Path) else pairs
    examples = encode_pairs(found, loaded.tokenizer, recipe.max_length)
    held = validation(held_out_rows, loaded.tokenizer, recipe.max_length)
    highest = (max(ids) for pair in examples.kept for ids in (pair.prompt, pair.chosen, pair.rejected))
    refuse_foreign_tokens(highest, loaded.model, recipe)
    if examples.too_long or examples.same:
        console.print(
            f"dropped: {examples.too_long} pairs longer than {recipe.max_length} tokens, {examples.same} "
            f"whose answers are the same"
        )
    return follow(recipe, loaded, _course(recipe, examples, loaded.tokenizer, console), held, out, console)


def _course(recipe: Recipe, examples: PairExamples, tokenizer: Any, console: Console) -> Course:
    counts = [pair.tokens for pair in examples.kept]
    steps = plan(counts, recipe.batch, recipe.epochs, recipe.seed)
    tokens = list(accumulate((sum(counts[row] for row in rows) for rows in steps), initial=0))

    def make(model: Any, schedule: Any, folder: Path, run: Any, callbacks: Any) -> Any:
        from enactor.train.fused import fuse, use_shared_prefix
        from enactor.train.pair_trainer import PairTrainer

        if recipe.fused:
            fuse(model)
            use_shared_prefix(model)
        return PairTrainer(
            model, tokenizer, recipe, examples.kept, steps, schedule, folder, run, callbacks, console
        )

    return Course(
        hash=examples.hash,
        steps=len(steps),
        lengths=[len(row.ids) for pair in examples.kept for row in pair.rows()],
        at_once=2 * (recipe.micro_batch or recipe.batch),
        fused=recipe.fused,
        make=make,
        tokens=lambda trainer, step: tokens[step],
        facts={
            "trained": len(examples.kept),
            "too_long": examples.too_long,
            "same": examples.same,
            "hash": examples.hash,
        },
        shown=SHOWN,
    )
