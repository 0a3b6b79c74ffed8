"""What one turn of the flywheel does, as one type: the YAML files and the command line show it."""

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from enactor.deploy import PROMPTS
from enactor.errors import EnactorError
from enactor.settings import Folder

Metric = Literal["executed", "executed_raw", "verb", "operands", "complete", "quiet"]
Ship = Literal["q8_0", "f16", "q4_k_m", "converter"]


class FlywheelError(EnactorError):
    """A recipe that cannot be found, read or followed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GatherPart(_Part):
    """Whether there is enough that is new to begin."""

    traces: tuple[Folder, ...] = Field(default=(), description="training logs; without it the setting's")
    at_least: int = Field(default=0, ge=0, description="new requests since the last turn that ended")


class BuildPart(_Part):
    """The data set: a recipe of `enactor build` and what is changed in it; null builds from the phrasebook
    alone what the training recipe's `data` says."""

    recipe: str | None = "recorded"
    changes: Mapping[str, Any] = Field(default_factory=dict)


class TrainPart(_Part):
    """A recipe of `enactor train`, and what is changed in it. Its base is a GGUF: a known one, or a file."""

    recipe: str = "embedded"
    changes: Mapping[str, Any] = Field(default_factory=dict)


class EvaluatePart(_Part):
    """The candidate against another model on held-out rows: it must not get significantly fewer of them right
    (McNemar, one-sided), and reach the shares in `at_least`."""

    cases: int = Field(default=400, ge=1)
    against: str = Field(
        default="default", description="a model's name; default is what is in use when a turn begins"
    )
    alpha: float = Field(default=0.05, gt=0, lt=1)
    at_least: Mapping[Metric, float] = Field(default_factory=dict, description="metric: share from 0 to 1")


class ParityPart(_Part):
    """The greedy calls of the shipped file and of others against the trained weights (`f16`: against the
    merged ones, without torch)."""

    prompts: int = Field(default=PROMPTS, ge=1)
    reference: Literal["trained", "f16"] = "trained"
    also: tuple[Literal["f16", "q8_0", "q4_k_m"], ...] = Field(
        default=(), description="compared, and no gate"
    )
    alpha: float = Field(default=0.05, gt=0, lt=1)


class ShadowPart(_Part):
    """The candidate decodes live requests until the comparison decides; see `enactor ab`."""

    goal: Literal["better", "not worse"] = "not worse"
    margin: float = Field(default=0.05, gt=0, lt=0.5)
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    most: int = Field(default=2000, ge=10)


class FlywheelRecipe(_Part):
    """Gather, build, train, export, evaluate, parity, shadow, promote: a gate at each."""

    name: str = Field(
        default="custom", pattern="[a-z0-9][a-z0-9._-]{0,40}", description="begins the models' names"
    )
    out: Path = Path("runs/flywheel")
    gather: GatherPart = GatherPart()
    build: BuildPart = BuildPart()
    train: TrainPart = TrainPart()
    ship: Ship = Field(
        default="q8_0", description="the file that is put to use; converter: llama.cpp's own Q8_0"
    )
    evaluate: EvaluatePart = EvaluatePart()
    parity: ParityPart = ParityPart()
    shadow: ShadowPart | None = ShadowPart()
    promote: bool = True

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.promote and self.parity.prompts < PROMPTS:
            raise ValueError(f"parity.prompts: what is promoted is checked on {PROMPTS} prompts at least")
        return self


def flywheel_recipe_names() -> tuple[str, ...]:
    """The recipes that ship with the package."""
    found = (Path(entry.name) for entry in files("enactor.serve.flywheel").joinpath("recipes").iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".yaml"))


def load_flywheel_recipe(
    source: str | os.PathLike[str], changes: Mapping[str, Any] | None = None
) -> FlywheelRecipe:
    """The recipe of that name, or in that YAML file, with `changes` over it. Raises `FlywheelError` that
    lists every problem at once."""
    if str(source) in flywheel_recipe_names():
        text = files("enactor.serve.flywheel").joinpath("recipes", f"{source}.yaml").read_text("utf-8")
    else:
        path = Path(source)
        if not path.is_file():
            names = ", ".join(flywheel_recipe_names())
            raise FlywheelError(f"no recipe {source}: name a YAML file or one of {names}")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise FlywheelError(f"{path} cannot be read ({error}): a recipe is UTF-8 YAML") from error
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise FlywheelError(f"{source} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise FlywheelError(f"{source} is not a mapping: a recipe has lines like `name: nightly`")
    try:
        named = {"name": Path(source).stem.casefold(), **values, **(changes or {})}
        return FlywheelRecipe.model_validate(named)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, item['loc'])) or 'recipe'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise FlywheelError(f"the recipe {source} has problems:\n" + "\n".join(lines)) from error
