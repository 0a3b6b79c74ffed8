"""What a training run does, as one type: the command line, the YAML files and the provenance all show it."""

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from enactor.errors import EnactorError
from enactor.prompt import DIALECTS

Precision = Literal["auto", "float32", "bfloat16"]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class RecipeError(EnactorError):
    """A recipe that cannot be found, read or followed."""


class DataPlan(BaseModel):
    """The rows to build where none are given: `curate.BuildConfig` without its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=4000, ge=10, description="training rows")
    test_rows: int = Field(default=400, ge=10, description="rows of held-out phrasings")
    seed: int = 0
    leave_out: tuple[str, ...] = Field(
        default=(), description="families of the phrasebook to hold out entirely"
    )


class Recipe(BaseModel):
    """A supervised run of LoRA: loss on the answers only, cosine schedule with warm-up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("custom", description="goes into the provenance")
    base: str = Field("smollm2-135m", description="a known base, a .gguf file, or a folder of transformers")
    start: str | None = Field(None, description="folder of an adapter to go on from, instead of from nothing")
    dialect: str = Field("hermes", description="how calls are written")
    data: DataPlan = DataPlan()
    rank: int = Field(32, ge=1, le=1024)
    alpha: float = Field(64.0, gt=0, description="the adapter's change is multiplied by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="above 0 the fused step is not used")
    targets: tuple[str, ...] = Field(PROJECTIONS, min_length=1, description="projections with an adapter")
    learning_rate: float = Field(2e-3, gt=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the run in which the rate rises")
    final_rate: float = Field(0.02, ge=0, le=1, description="share of the rate that is left at the end")
    weight_decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0, description="greatest norm of a step's gradient")
    batch: int = Field(16, ge=1, description="rows in a step")
    micro_batch: int | None = Field(None, ge=1, description="rows at once; None takes the batch whole")
    epochs: float = Field(1.0, gt=0, description="times over the rows, at most")
    max_minutes: float | None = Field(None, gt=0, description="the schedule ends by then, with fewer steps")
    max_length: int = Field(512, ge=8, description="tokens; longer rows are counted and dropped")
    eval_every: int = Field(0, ge=0, description="steps between evaluations on held-out rows; 0: at the end")
    checkpoint_minutes: float = Field(3.0, gt=0)
    seed: int = 0
    dtype: Precision = Field("auto", description="of frozen weights and activations; the adapter is float32")
    fused: bool = Field(True, description="the fused step of enactor.train.fused; False is PEFT's own")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.dialect not in DIALECTS:
            problems.append(f"dialect {self.dialect!r} is not one of {', '.join(DIALECTS)}")
        if unknown := [t for t in self.targets if t not in PROJECTIONS]:
            problems.append(f"targets {', '.join(unknown)}: known are {', '.join(PROJECTIONS)}")
        if self.micro_batch is not None and self.batch % self.micro_batch:
            problems.append(f"batch {self.batch} is not a multiple of micro_batch {self.micro_batch}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


def recipe_names() -> tuple[str, ...]:
    """The recipes that ship with the package."""
    found = (Path(entry.name) for entry in files("enactor.train").joinpath("recipes").iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".yaml"))


def load_recipe(source: str | os.PathLike[str], changes: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of that name, or in that YAML file, with `changes` over it (flags of the command line).

    Raises `RecipeError` that lists every problem at once.
    """
    if str(source) in recipe_names():
        text = files("enactor.train").joinpath("recipes", f"{source}.yaml").read_text(encoding="utf-8")
        default_name = str(source)
    else:
        path = Path(source)
        if not path.is_file():
            raise RecipeError(f"no recipe {source}: name a YAML file or one of {', '.join(recipe_names())}")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path} cannot be read ({error}): a recipe is UTF-8 YAML") from error
        default_name = path.stem
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise RecipeError(f"{source} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{source} is not a mapping: a recipe has lines like `rank: 32`")
    try:
        return Recipe.model_validate({"name": default_name, **values, **(changes or {})})
    except ValidationError as error:
        raise RecipeError(f"the recipe {source} has problems:\n{problems(error)}") from error


def problems(error: ValidationError) -> str:
    """One line for each problem, with the field it is in and, for an unknown one, the nearest known."""
    from rapidfuzz import fuzz, process

    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = DataPlan.model_fields if where.startswith("data.") else Recipe.model_fields
            near = process.extractOne(
                where.rpartition(".")[2], list(known), scorer=fuzz.ratio, score_cutoff=60
            )
            hint = f"; is it {near[0]}?" if near else ""
            lines.append(f"  {where}: no such setting{hint}")
        else:
            lines.append(f"  {where or 'recipe'}: {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
