"""What a run will take, said before anything is loaded: tokens, steps, memory, time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from enactor.train.batches import plan
from enactor.train.gpu.counting import Lengths, count
from enactor.train.gpu.footprint import GIB, Footprint, footprint
from enactor.train.gpu.pace import CARDS, seconds
from enactor.train.gpu.plan import GpuPlan
from enactor.train.gpu.rows import read_framed
from enactor.train.gpu.shapes import Shape, shape_of
from enactor.train.recipe import Recipe, RecipeError


@dataclass(frozen=True, slots=True)
class DryRun:
    """`tokens` are those of all epochs without padding, `padded` with it, `answers` those with loss.
    `peak_tokens` is the largest micro-batch, padding included. `hours` has the cards that the run fits on."""

    recipe: Recipe
    plan: GpuPlan
    shape: Shape
    rows: int
    too_long: int
    left_out: Mapping[str, int]
    exact: bool
    longest: int
    steps: int
    micro_batches: int
    tokens: int
    padded: int
    answers: int
    peak_tokens: int
    memory: Footprint
    hours: Mapping[str, float]

    @property
    def fits(self) -> bool:
        """Whether the prediction is within the memory that the recipe is made for."""
        return self.memory.total <= self.plan.memory_gb * GIB


def dry_run(recipe: Recipe, rows: Path) -> DryRun:
    """Follow the recipe up to the first step, on paper. `rows` is a file of `enactor.curate`.

    Raises `RecipeError` where the recipe has no section `gpu` or no row is short enough, and `EnactorError`
    for a base of unknown shape or rows that cannot be read.
    """
    if recipe.gpu is None:
        raise RecipeError(
            f"{recipe.name} has no section `gpu`, and memory and time are predicted for GPU runs only: give "
            f"it one, or take one of the recipes for GPUs (docs/gpu.md)"
        )
    shape = shape_of(recipe.base)
    framed = read_framed(rows, recipe.gpu, recipe.dialect)
    found = count(framed.rows, recipe.base, recipe.gpu.frame)
    kept = [index for index, n in enumerate(found.all) if n <= recipe.max_length]
    if not kept:
        raise RecipeError(f"no row of {rows} has at most {recipe.max_length} tokens: raise max_length")
    lengths = Lengths(tuple(found.all[i] for i in kept), tuple(found.answers[i] for i in kept), found.exact)
    return _followed(recipe, recipe.gpu, shape, lengths, len(found.all) - len(kept), framed.left_out)


def _followed(
    recipe: Recipe, gpu: GpuPlan, shape: Shape, lengths: Lengths, too_long: int, left_out: Counter[str]
) -> DryRun:
    steps = plan(lengths.all, recipe.batch, recipe.epochs, recipe.seed)
    parts = [part for step in steps for part in _parts(step, recipe.micro_batch or recipe.batch)]
    sizes = [len(part) * max(lengths.all[row] for row in part) for part in parts]
    answers = [sum(lengths.answers[row] for row in part) for part in parts]
    memory = footprint(
        shape,
        gpu,
        rank=recipe.rank,
        targets=recipe.targets,
        tokens=max(sizes),
        answers=max(answers),
    )
    hours = {
        name: seconds(
            shape,
            gpu,
            card,
            rank=recipe.rank,
            targets=recipe.targets,
            tokens=sum(sizes),
            length=sum(lengths.all) // len(lengths.all),
            micro_batches=len(parts),
            answers=sum(answers),
        )
        / 3600
        for name, card in CARDS.items()
        if memory.total <= card.memory_gb * GIB
    }
    return DryRun(
        recipe=recipe,
        plan=gpu,
        shape=shape,
        rows=len(lengths.all),
        too_long=too_long,
        left_out=dict(left_out),
        exact=lengths.exact,
        longest=max(lengths.all),
        steps=len(steps),
        micro_batches=len(parts),
        tokens=sum(lengths.all[row] for step in steps for row in step),
        padded=sum(sizes),
        answers=sum(answers),
        peak_tokens=max(sizes),
        memory=memory,
        hours=hours,
    )


def _parts(step: Sequence[int], micro: int) -> list[Sequence[int]]:
    """A step's rows in micro-batches of about equal size, as the trainer cuts them."""
    count = -(-len(step) // micro)
    size, extra = divmod(len(step), count)
    bounds = [part * size + min(part, extra) for part in range(count + 1)]
    return [step[start:end] for start, end in pairwise(bounds)]
