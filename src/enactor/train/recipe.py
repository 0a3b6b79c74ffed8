"""What a training run does, as one type: the command line, the YAML files and the provenance all show it."""

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from enactor.errors import EnactorError
from enactor.prompt import DIALECTS
from enactor.train.gpu.plan import GpuPlan
from enactor.train.plans import DataPlan, GrpoPlan, PreferencePlan, RejectionPlan

Method = Literal["supervised", "preference", "rejection", "grpo"]
SECTIONS: Mapping[str, type[BaseModel]] = {
    "preference": PreferencePlan,
    "rejection": RejectionPlan,
    "grpo": GrpoPlan,
}
"""Methods that have a section of their own in the recipe."""
Precision = Literal["auto", "float32", "bfloat16"]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SHIPPED = "default"
"""The name of the shipped adapter, in `start`."""


class RecipeError(EnactorError):
    """A recipe that cannot be found, read or followed."""


class Recipe(BaseModel):
    """A run of LoRA by one of four methods, with a cosine schedule after a warm-up. The section of the method
    is there whether it was given or not; one of another method is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("custom", description="goes into the provenance")
    method: Method = Field("supervised", description="how it learns")
    base: str = Field("smollm2-135m", description="a known base, a .gguf file, or a folder of transformers")
    start: str | None = Field(
        None, description="folder of an adapter to go on from (`default`: the shipped one), else from nothing"
    )
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
    earlier_turns: bool = Field(
        False, description="loss on the calls of a synthetic row's earlier turns too, not on its answer alone"
    )
    max_length: int = Field(512, ge=8, description="tokens; longer rows are counted and dropped")
    eval_every: int = Field(0, ge=0, description="steps between evaluations on held-out rows; 0: at the end")
    eval_rows: int = Field(
        100, ge=0, description="held-out rows that are decoded to see whether their calls are right"
    )
    patience: int = Field(
        0, ge=0, description="evaluations without a better one until the run ends with the best; 0: never"
    )
    stop_on: Literal["calls", "loss"] = Field(
        "calls", description="what must get better: the share of held-out rows answered right, or their loss"
    )
    checkpoint_minutes: float = Field(3.0, gt=0)
    track: bool = Field(False, description="curves to trackio too (extra `track`), on this machine")
    seed: int = 0
    dtype: Precision = Field("auto", description="of frozen weights and activations; the adapter is float32")
    fused: bool = Field(True, description="the fused step of enactor.train.fused; False is PEFT's own")
    preference: PreferencePlan | None = None
    rejection: RejectionPlan | None = None
    grpo: GrpoPlan | None = None
    gpu: GpuPlan | None = Field(None, description="QLoRA on a graphics card; see docs/gpu.md")

    @model_validator(mode="before")
    @classmethod
    def _with_section(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and isinstance(values.get("method"), str):
            name = values["method"]
            if name in SECTIONS and values.get(name) is None:
                return {**values, name: {}}
        return values

    @field_validator(*SECTIONS)
    @classmethod
    def _of_this_method(cls, value: Any, info: ValidationInfo) -> Any:
        method = info.data.get("method", info.field_name)
        if value is not None and method != info.field_name:
            raise ValueError(
                f"the method is {method}: leave this section out, or set method: {info.field_name}"
            )
        return value

    @field_validator("dialect")
    @classmethod
    def _known_dialect(cls, value: str) -> str:
        if value not in DIALECTS:
            raise ValueError(f"dialect {value!r} is not one of {', '.join(DIALECTS)}")
        return value

    @field_validator("targets")
    @classmethod
    def _known_targets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [t for t in value if t not in PROJECTIONS]:
            raise ValueError(f"targets {', '.join(unknown)}: known are {', '.join(PROJECTIONS)}")
        return value

    @field_validator("micro_batch")
    @classmethod
    def _divides(cls, value: int | None, info: ValidationInfo) -> int | None:
        batch = info.data.get("batch")
        if value is not None and batch is not None and batch % value:
            raise ValueError(f"batch {batch} is not a multiple of micro_batch {value}")
        return value

    @field_validator("patience")
    @classmethod
    def _evaluated(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("eval_every") == 0:
            raise ValueError("patience counts evaluations: set eval_every to the steps between two")
        return value

    @field_validator("gpu")
    @classmethod
    def _plain_step(cls, value: GpuPlan | None, info: ValidationInfo) -> GpuPlan | None:
        if value is not None and info.data.get("fused"):
            raise ValueError("the fused step is for the embedded base: set fused: false")
        if value is not None and info.data.get("method", "supervised") != "supervised":
            raise ValueError("a GPU run is supervised: leave this section or the method out")
        return value

    @field_validator("grpo")
    @classmethod
    def _whole_groups(cls, value: GrpoPlan | None, info: ValidationInfo) -> GrpoPlan | None:
        batch = info.data.get("batch")
        if value is not None and batch is not None and batch % value.group:
            raise ValueError(f"batch {batch} is not a multiple of group {value.group}")
        return value


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
        path = tuple(str(part) for part in item["loc"])
        where = ".".join(path)
        if item["type"] == "extra_forbidden":
            near = process.extractOne(path[-1], _known(path[:-1]), scorer=fuzz.ratio, score_cutoff=60)
            hint = f"; is it {near[0]}?" if near else ""
            lines.append(f"  {where}: no such setting{hint}")
        else:
            lines.append(f"  {where or 'recipe'}: {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def _known(path: tuple[str, ...]) -> list[str]:
    """The settings of the section at `path`."""
    sections: Mapping[str, type[BaseModel]] = {**SECTIONS, "data": DataPlan, "gpu": GpuPlan}
    type_: type[BaseModel] = sections[path[0]] if path else Recipe
    for part in path[1:]:
        default = type_.model_fields[part].default
        type_ = type(default) if isinstance(default, BaseModel) else type_
    return list(type_.model_fields)
