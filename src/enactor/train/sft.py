"""Supervised training: rows become an adapter."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.prompt import Segment
from enactor.train.adapter import Adapter
from enactor.train.batches import plan
from enactor.train.gpu.rows import framed, write_template
from enactor.train.recipe import Recipe
from enactor.train.rows import Examples, RowsError, encode_rows, read_segments
from enactor.train.stage import Course, follow, prepare
from enactor.train.validation import validation

Rows = Iterable[Sequence[Segment]] | Path
"""Rendered rows, or a JSONL file that `enactor.curate` wrote."""


def supervised(
    recipe: Recipe,
    rows: Rows,
    out: Path,
    *,
    held_out_rows: Rows | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> Adapter:
    """Train LoRA on `rows`, with loss on the answers only, and leave the adapter in `out`.

    A run that was stopped or killed goes on from its last checkpoint when the same recipe and rows come
    again, to the same weights as without the stop (with `max_minutes` the number of steps depends on the
    machine's speed). One that is finished is returned as it is. `fresh` forgets what stands in `out`.

    Raises `RecipeError` (a checkpoint in `out` is of another run, the base is unknown), `RowsError`,
    `TrainingDiverged`, `TrainingStopped` (Ctrl-C; a checkpoint was written), `EnactorError` where memory or
    disk would not do.
    """
    console = console or Console(stderr=True)
    if recipe.gpu is not None:
        rows = framed(rows, recipe.gpu, recipe.dialect, console)
        held_out_rows = held_out_rows and framed(held_out_rows, recipe.gpu, recipe.dialect, console)
    loaded = prepare(recipe, out, fresh)
    segments = read_segments(rows, earlier=recipe.earlier_turns) if isinstance(rows, Path) else rows
    examples = encode_rows(segments, loaded.tokenizer, recipe.max_length)
    held = validation(held_out_rows, loaded.tokenizer, recipe.max_length)
    refuse_foreign_tokens((max(e.ids) for e in examples.kept), loaded.model, recipe)
    if examples.too_long:
        console.print(f"{examples.too_long} rows are longer than {recipe.max_length} tokens and were dropped")
    made = follow(recipe, loaded, _course(recipe, examples, loaded.tokenizer), held, out, console)
    if recipe.gpu is not None:
        write_template(out, recipe.gpu)
    return made


def _course(recipe: Recipe, examples: Examples, tokenizer: Any) -> Course:
    lengths = [len(example.ids) for example in examples.kept]
    steps = plan(lengths, recipe.batch, recipe.epochs, recipe.seed)
    tokens = list(accumulate((sum(lengths[row] for row in rows) for rows in steps), initial=0))

    def make(model: Any, schedule: Any, folder: Path, run: Any, callbacks: Any) -> Any:
        from enactor.train.fused import fuse, use_shared_prefix
        from enactor.train.trainer import AnswerTrainer

        if recipe.fused:
            fuse(model)
            use_shared_prefix(model)
        return AnswerTrainer(
            model, tokenizer, recipe, examples.kept, steps, schedule, folder, run, callbacks=callbacks
        )

    return Course(
        hash=examples.hash,
        steps=len(steps),
        lengths=lengths,
        at_once=recipe.micro_batch or recipe.batch,
        fused=recipe.fused,
        make=make,
        tokens=lambda trainer, step: tokens[step],
        facts={"trained": len(examples.kept), "too_long": examples.too_long, "hash": examples.hash},
    )


def refuse_foreign_tokens(highest: Iterable[int], model: Any, recipe: Recipe) -> None:
    """Raise `RowsError` when a token is none of the model's: the tokenizer is of another model."""
    size = model.get_input_embeddings().weight.shape[0]
    if (top := max(highest)) >= size:
        raise RowsError(
            f"the tokenizer of {recipe.base} gives token {top} and the model has {size}: they do not "
            f"belong together"
        )
