"""`enactor train`: see `enactor.train.train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.train import Recipe
    from enactor.train.configs import TrainerName


class Train(Config):
    """Train an adapter by a recipe, on the rows that the recipe builds or on a file of rows."""

    recipe: str = Field(
        "embedded", description="A recipe's name or YAML file.", json_schema_extra={"positional": True}
    )
    out: Path = Field(Path("runs/train"), description="Folder of the run; a stopped run goes on there.")
    rows: Path | None = Field(
        None,
        description="train.jsonl of a data set, for the method preference pairs, in place of the recipe's.",
    )
    held_out: Path | None = Field(None, description="test.jsonl of a data set: rows to validate on.")
    max_minutes: float | None = Field(None, gt=0, description="The schedule ends by then.")
    fresh: bool = Field(False, description="Forget what stands in the folder.")
    average: tuple[Path, ...] = Field(
        (), description="Only write the mean of these adapters to the folder of the run; name two or more."
    )
    average_of: Literal["factors", "products"] = Field(
        "factors", description="What is averaged: both matrices each, or exactly what they do to the weights."
    )
    dry_run: bool = Field(
        False,
        description="Only say what a GPU run would take: tokens, steps, memory, time. Trains nothing.",
    )
    emit: Literal["axolotl", "llamafactory", "unsloth"] | None = Field(
        None, description="Only write data and configuration for that trainer, to the folder of the run."
    )


def run(config: Train, settings: Settings) -> int:
    """Build the rows if none are given, train, and say where the adapter is."""
    from enactor.curate import BuildConfig, build
    from enactor.train import load_recipe, train

    if config.average:
        return _average(config)
    changes = {} if config.max_minutes is None else {"max_minutes": config.max_minutes}
    recipe = load_recipe(config.recipe, changes)
    rows, held_out = config.rows, config.held_out
    if rows is None:
        data = config.out / "data"
        build(BuildConfig(**recipe.data.model_dump(), out=data))
        rows, held_out = data / "train.jsonl", held_out or data / "test.jsonl"
        if recipe.method == "preference":
            rows = _pairs(data / "pairs.jsonl", recipe.data.seed, settings)
    if config.dry_run:
        return _foretell(recipe, rows)
    if config.emit is not None:
        return _emit(config.emit, recipe, rows, held_out, config.out / config.emit)
    adapter = train(recipe, rows, config.out / "adapter", held_out_rows=held_out, fresh=config.fresh)
    print(f"{adapter.folder}: " + ", ".join(f"{name} {value:.4f}" for name, value in adapter.metrics.items()))
    return 0


def _average(config: Train) -> int:
    from enactor.train.average import average

    made = average(config.average, config.out / "adapter", config.average_of)
    print(f"{made.folder}: the mean of {len(config.average)} adapters on {made.base.name}")
    return 0


def _pairs(path: Path, seed: int, settings: Settings) -> Path:
    """Pairs from the phrasebook, as `enactor pairs` makes them."""
    from enactor.cli.pairs import Pairs
    from enactor.cli.pairs import run as write

    write(Pairs.model_validate({"out": path, "seed": seed}), settings)
    return path


def _foretell(recipe: "Recipe", rows: Path) -> int:
    """Print the dry run; 1 where it would not fit the memory that the recipe is made for."""
    from enactor.train.gpu.dry_run import dry_run
    from enactor.train.gpu.report import lines

    found = dry_run(recipe, rows)
    print("\n".join(lines(found)))
    return 0 if found.fits else 1


def _emit(trainer: "TrainerName", recipe: "Recipe", rows: Path, held_out: Path | None, out: Path) -> int:
    """Write the other trainer's folder and say how to start it."""
    from enactor.train.configs import emit

    done = emit(trainer, recipe, rows, held_out, out)
    for file, count in done.lines.items():
        print(f"{file}: {count} lines")
    for reason, count in done.left_out.items():
        print(f"  left out, {reason}: {count}")
    print(f"written to {done.folder}; there: {done.command}")
    return 0


COMMAND = Command(Train, run, ("cache",))
