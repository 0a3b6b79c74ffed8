"""What every trainer's configuration is made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from enactor.train.gpu.plan import GpuPlan
from enactor.train.recipe import Recipe

OUT = "adapter"
"""Where each configuration leaves the adapter, beside itself."""


@dataclass(frozen=True, slots=True)
class Task:
    """A recipe with its data: `train` and `test` are file names beside the configuration, `lines` counts
    those of `train`. `test` is None where no rows are held out."""

    recipe: Recipe
    gpu: GpuPlan
    train: str
    test: str | None
    lines: int

    @property
    def micro(self) -> int:
        """Rows at once."""
        return self.recipe.micro_batch or self.recipe.batch

    @property
    def accumulation(self) -> int:
        """Micro-batches in a step."""
        return self.recipe.batch // self.micro

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return max(1, round(self.recipe.epochs * -(-self.lines // self.recipe.batch)))

    @property
    def named(self) -> Mapping[str, str]:
        """Data set name -> file name."""
        files = {"enactor_train": self.train}
        return {**files, "enactor_test": self.test} if self.test else files
