"""GRPO: the model tries, the simulator judges, and what was better than its group's mean becomes likelier."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.curate.rows import Row, read_rows, rows_hash
from enactor.train.adapter import Adapter
from enactor.train.judge import PARTS, Judge, judgeable, prompt_of
from enactor.train.plans import GrpoPlan
from enactor.train.recipe import Recipe
from enactor.train.rows import RowsError
from enactor.train.sft import Rows
from enactor.train.stage import Course, follow, prepare
from enactor.train.validation import validation

SHOWN = (
    "reward",
    "reward_std",
    *(f"rewards/{part}/mean" for part in PARTS),
    "entropy",
    "completions/mean_length",
)


def grpo(
    recipe: Recipe,
    rows: Iterable[Row] | Path,
    out: Path,
    *,
    held_out_rows: Rows | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> Adapter:
    """Practise on the first requests of `rows` with TRL's GRPOTrainer; the rewards are those of `Judge`. A
    run that was stopped goes on from its last checkpoint. Raises as `supervised` does."""
    console = console or Console(stderr=True)
    plan = recipe.grpo or GrpoPlan()
    loaded = prepare(recipe, out, fresh)
    asked = read_rows(rows) if isinstance(rows, Path) else rows
    encoded = ((row, loaded.tokenizer(prompt_of(row)).input_ids) for row in judgeable(asked))
    fitting = ((row, len(ids)) for row, ids in encoded if len(ids) + plan.max_tokens <= recipe.max_length)
    chosen = list(islice(fitting, plan.requests))
    if len(chosen) < (least := recipe.batch // plan.group):
        raise RowsError(
            f"{len(chosen)} requests can be practised on and a step takes {least}: name more rows, raise "
            f"max_length, or set a smaller batch"
        )
    judges = [Judge(row) for row, _ in chosen]
    held = validation(held_out_rows, loaded.tokenizer, recipe.max_length)
    course = _course(recipe, plan, judges, [length for _, length in chosen], loaded.tokenizer)
    return follow(recipe, loaded, course, held, out, console)


def _course(
    recipe: Recipe, plan: GrpoPlan, judges: Sequence[Judge], lengths: Sequence[int], tokenizer: Any
) -> Course:
    digest = rows_hash([judge.row for judge in judges])

    def make(model: Any, schedule: Any, folder: Path, run: Any, callbacks: Any) -> Any:
        from enactor.train.fused import fuse
        from enactor.train.practice_trainer import PracticeTrainer

        if recipe.fused and not plan.beta:  # the distance to the start needs PEFT's own layers
            fuse(model)
        return PracticeTrainer(
            model, tokenizer, recipe, plan, [prompt_of(judge.row) for judge in judges],
            rewards(judges), schedule, folder, run, callbacks,
        )  # fmt: skip

    return Course(
        hash=digest,
        steps=plan.steps,
        lengths=[length + plan.max_tokens for length in lengths] * plan.group,
        at_once=recipe.micro_batch or recipe.batch,
        fused=False,
        make=make,
        tokens=lambda trainer, step: int(trainer.state.num_input_tokens_seen),
        facts={"trained": len(judges), "hash": digest},
        shown=SHOWN,
    )


def rewards(judges: Sequence[Judge]) -> Mapping[str, Callable[..., list[float]]]:
    """For each part of the reward a function as TRL calls it; the column `number` tells the request."""

    def part_of(name: str) -> Callable[..., list[float]]:
        def part(*, completions: Sequence[str], number: Sequence[int], **unused: Any) -> list[float]:
            return [
                float(getattr(judges[n](text).reward, name))
                for n, text in zip(number, completions, strict=True)
            ]

        part.__name__ = name  # under which TRL reports it
        return part

    return {name: part_of(name) for name in PARTS}
