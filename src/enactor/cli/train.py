"""`enactor train`: see `enactor.train.train`."""

from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Train(Config):
    """Train an adapter by a recipe, on the rows that the recipe builds or on a file of rows."""

    recipe: str = Field(
        "embedded", description="A recipe's name or YAML file.", json_schema_extra={"positional": True}
    )
    out: Path = Field(Path("runs/train"), description="Folder of the run; a stopped run goes on there.")
    rows: Path | None = Field(None, description="train.jsonl of a data set, instead of the recipe's own.")
    max_minutes: float | None = Field(None, gt=0, description="The schedule ends by then.")
    fresh: bool = Field(False, description="Forget what stands in the folder.")


def run(config: Train, settings: Settings) -> int:
    """Build the rows if none are given, train, and say where the adapter is."""
    from enactor.curate import BuildConfig, build
    from enactor.train import load_recipe, train

    changes = {} if config.max_minutes is None else {"max_minutes": config.max_minutes}
    recipe = load_recipe(config.recipe, changes)
    rows, held_out = config.rows, None
    if rows is None:
        data = config.out / "data"
        build(BuildConfig(**recipe.data.model_dump(), out=data))
        rows, held_out = data / "train.jsonl", data / "test.jsonl"
    adapter = train(recipe, rows, config.out / "adapter", held_out_rows=held_out, fresh=config.fresh)
    print(f"{adapter.folder}: " + ", ".join(f"{name} {value:.4f}" for name, value in adapter.metrics.items()))
    return 0


COMMAND = Command(Train, run, ("cache",))
