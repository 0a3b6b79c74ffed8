"""What a data set is made of, as one type: the YAML recipes, the command line and the manifest show it."""

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from enactor.curate.conformance import RUNTIMES
from enactor.curate.conversation import SHARE as AMID
from enactor.curate.near import THRESHOLD
from enactor.curate.quality import RULES
from enactor.curate.relabel import CURES, RETRY
from enactor.curate.rename import SHARE as RENAMED
from enactor.errors import EnactorError
from enactor.settings import Folder
from enactor.world import COMMANDS

CURE_NAMES = (*(name for cures in CURES.values() for name in cures), RETRY)
MAIN = ("simple", "loop", "multi", "status")
"""The kinds of the mix; all others stand on top of it."""


class BuildError(EnactorError):
    """A recipe that cannot be found, read or followed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(_Part):
    """Training rows of each kind. Those of the test come on top."""

    simple: int = Field(default=800, ge=0)
    loop: int = Field(default=600, ge=0)
    multi: int = Field(default=400, ge=0)
    status: int = Field(default=200, ge=0)
    recovery: int = Field(
        default=100, ge=0, description="a first try that the game refused, and what mends it"
    )
    prerequisite: int = Field(
        default=60, ge=0, description="a call that the gate blocked, and the answer that says what is missing"
    )
    emergency: int = Field(default=60, ge=0)
    chat: int = Field(default=120, ge=0)
    refuse: int = Field(default=60, ge=0)
    ask: int = Field(default=60, ge=0)
    followup: int = Field(default=120, ge=0)
    correction: int = Field(default=50, ge=0)
    protest: int = Field(default=50, ge=0)

    def wanted(self) -> dict[str, int]:
        """Kind -> rows."""
        return {kind: n for kind, n in self.model_dump().items() if n}


class Gather(_Part):
    """Recorded requests: folders of training logs, and what is asked of them."""

    traces: tuple[Folder, ...] = Field(default=(), description="folders of training logs")
    labelled: tuple[Folder, ...] = Field(
        default=(), description="files of rows that a person corrected, as `enactor label rows` writes them"
    )
    without_rules: tuple[str, ...] = Field(default=(), description="quality rules that are not applied")
    without_cures: tuple[str, ...] = Field(default=(), description="relabelling rules that are not applied")
    teacher: str | None = Field(default=None, description="a model that answers what no rule can")
    paraphrases: int = Field(
        default=0, ge=0, le=20, description="other wordings of each recorded training row, by the teacher"
    )


class Split(_Part):
    """One group in ten is the test; and a test of command families that training never shows."""

    novel_families: tuple[str, ...] = Field(default=(), description="command families that are held out")
    novel_rows: int = Field(default=0, ge=0, description="rows of the novel-task test")


class BuildRecipe(_Part):
    """A data set: recorded rows first, synthetic ones up to the counts, split without leakage."""

    name: str = Field("custom", description="goes into the manifest")
    seed: int = 0
    out: Path = Path("runs/data")
    gather: Gather = Gather()
    counts: Counts = Counts()
    grow: float = Field(
        1.0, ge=1, description="largest factor by which the counts grow to keep more recorded rows in the mix"
    )
    near: float = Field(THRESHOLD, gt=0, le=1, description="similarity from which a row is a duplicate")
    conversations: float = Field(
        AMID,
        ge=0,
        le=1,
        description="share of the synthetic rows in the middle of a conversation about other things",
    )
    renamed: float = Field(
        RENAMED,
        ge=0,
        le=1,
        description="share of the synthetic training rows whose commands bear made-up names",
    )
    split: Split = Split()
    runtimes: tuple[str, ...] = Field(
        default=(), description="runtimes whose reading of the calls every row has to survive"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        families = sorted({spec.family for spec in COMMANDS.values()})
        problems = [
            f"{what} {name!r} is not one of {', '.join(known)}"
            for what, given, known in (
                ("quality rule", self.gather.without_rules, tuple(RULES)),
                ("relabelling rule", self.gather.without_cures, CURE_NAMES),
                ("family", self.split.novel_families, tuple(families)),
                ("runtime", self.runtimes, RUNTIMES),
            )
            for name in given
            if name not in known
        ]
        if bool(self.split.novel_rows) != bool(self.split.novel_families):
            problems.append("novel_rows and novel_families need each other")
        if self.gather.paraphrases and not self.gather.teacher:
            problems.append("paraphrases need a teacher")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def rules(self) -> tuple[str, ...]:
        return tuple(name for name in RULES if name not in self.gather.without_rules)

    def cures(self) -> tuple[str, ...]:
        return tuple(name for name in CURE_NAMES if name not in self.gather.without_cures)


def build_recipe_names() -> tuple[str, ...]:
    """The recipes that ship with the package."""
    entries = (Path(entry.name) for entry in files("enactor.curate").joinpath("recipes").iterdir())
    return tuple(sorted(path.stem for path in entries if path.suffix == ".yaml"))


def load_build_recipe(
    source: str | os.PathLike[str], changes: Mapping[str, Any] | None = None
) -> BuildRecipe:
    """The recipe of that name, or in that YAML file, with `changes` over it.

    Raises `BuildError` that lists every problem at once.
    """
    if str(source) in build_recipe_names():
        text = files("enactor.curate").joinpath("recipes", f"{source}.yaml").read_text(encoding="utf-8")
    else:
        path = Path(source)
        if not path.is_file():
            raise BuildError(
                f"no recipe {source}: name a YAML file or one of {', '.join(build_recipe_names())}"
            )
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BuildError(f"{path} cannot be read ({error}): a recipe is UTF-8 YAML") from error
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise BuildError(f"{source} is not YAML: {error}") from error
    if not isinstance(values, dict):
        raise BuildError(f"{source} is not a mapping: a recipe has lines like `seed: 0`")
    try:
        return BuildRecipe.model_validate({"name": Path(source).stem, **values, **(changes or {})})
    except ValidationError as error:
        raise BuildError(f"the recipe {source} has problems:\n{_problems(error)}") from error


def _problems(error: ValidationError) -> str:
    """One line for each problem, with where it is and, for an unknown key, the nearest known."""
    from difflib import get_close_matches

    parts: dict[str, type[BaseModel]] = {"counts": Counts, "gather": Gather, "split": Split}
    lines = []
    for item in error.errors():
        where = [str(part) for part in item["loc"]]
        if item["type"] == "extra_forbidden":
            known = parts.get(where[0], BuildRecipe) if len(where) > 1 else BuildRecipe
            near = get_close_matches(where[-1], known.model_fields, n=1)
            lines.append(f"  {'.'.join(where)}: no such setting" + (f"; is it {near[0]}?" if near else ""))
        else:
            lines.append(f"  {'.'.join(where) or 'recipe'}: {item['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
