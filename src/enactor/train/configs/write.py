"""Write a trainer's folder: data and configuration."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enactor.curate.export import FORMS, Example, Unfit, read_examples
from enactor.errors import EnactorError
from enactor.train.configs.axolotl import axolotl
from enactor.train.configs.llamafactory import llamafactory, plain
from enactor.train.configs.task import Task
from enactor.train.configs.unsloth import unsloth
from enactor.train.gpu.plan import GpuPlan
from enactor.train.recipe import Recipe, RecipeError

TrainerName = Literal["axolotl", "llamafactory", "unsloth"]


@dataclass(frozen=True, slots=True)
class Trainer:
    """`line` is one example in the trainer's form, `files` the text of what stands beside the data, and
    `command` what starts the run."""

    line: Callable[[Example, GpuPlan], Mapping[str, Any]]
    files: Callable[[Task], Mapping[str, str]]
    command: str


@dataclass(frozen=True, slots=True)
class Emitted:
    """What became of the rows: data file -> lines, and how many had no form, by reason."""

    folder: Path
    command: str
    lines: Mapping[str, int]
    left_out: Mapping[str, int]


def _of_form(form: str) -> Callable[[Example, GpuPlan], Mapping[str, Any]]:
    def line(example: Example, gpu: GpuPlan) -> Mapping[str, Any]:
        [made] = FORMS[form].lines(example, ())
        return made

    return line


TRAINERS: Mapping[TrainerName, Trainer] = {
    "axolotl": Trainer(_of_form("axolotl"), axolotl, "axolotl train axolotl.yaml"),
    "llamafactory": Trainer(
        lambda example, gpu: plain(example, gpu.frame),
        llamafactory,
        "llamafactory-cli train llamafactory.yaml",
    ),
    "unsloth": Trainer(_of_form("trl"), unsloth, "python unsloth_train.py"),
}


def emit(name: TrainerName, recipe: Recipe, rows: Path, held_out: Path | None, out: Path) -> Emitted:
    """Write `out` for the trainer. Rows and operands are those that our own run would take; lengths are left
    to the trainer.

    Raises `RecipeError` for a recipe without a section `gpu`, or in another dialect than `hermes`, and
    `EnactorError` for rows that cannot be read or of which none has a form.
    """
    if recipe.gpu is None:
        raise RecipeError(
            f"{recipe.name} has no section `gpu`: other trainers are for GPU runs (docs/gpu.md)"
        )
    if recipe.dialect != "hermes":
        raise RecipeError(f"{recipe.name}: other trainers take the dialect hermes, not {recipe.dialect}")
    trainer = TRAINERS[name]
    out.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    lines: dict[str, int] = {}
    sources = {"train.jsonl": rows, "test.jsonl": held_out}
    for file, source in sources.items():
        if source is not None:
            lines[file] = _write(out / file, _lines(trainer, source, recipe.gpu, left_out), source)
    task = Task(recipe, recipe.gpu, "train.jsonl", "test.jsonl" if held_out else None, lines["train.jsonl"])
    for beside, text in trainer.files(task).items():
        _replace(out / beside, text)
    return Emitted(out, trainer.command, lines, dict(left_out))


def _lines(trainer: Trainer, source: Path, gpu: GpuPlan, left_out: Counter[str]) -> Iterator[str]:
    for example in read_examples(source, gpu.operands):
        try:
            if isinstance(example, Unfit):
                raise example
            yield json.dumps(trainer.line(example, gpu), ensure_ascii=False) + "\n"
        except Unfit as unfit:
            left_out[unfit.reason] += 1


def _write(path: Path, lines: Iterator[str], source: Path) -> int:
    if path.resolve() == source.resolve():
        raise EnactorError(f"{path} would be overwritten by its own export: name another folder")
    count = 0
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                count += 1
        if not count:
            raise EnactorError(f"nothing in {source} has a form for this trainer")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
