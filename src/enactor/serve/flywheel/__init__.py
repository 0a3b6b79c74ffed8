"""What was recorded becomes a better model in use, or a reason why not.

In: a `FlywheelRecipe` and the settings. Out: an `Outcome` of gather, build, train, export, evaluate, parity,
shadow and promote, a gate at each. Done once for the same inputs; gone on with after a stop.
"""

from enactor.serve.flywheel.outcome import Outcome, StepReport, told
from enactor.serve.flywheel.recipe import (
    FlywheelError,
    FlywheelRecipe,
    flywheel_recipe_names,
    load_flywheel_recipe,
)
from enactor.serve.flywheel.stages import Stages, progress
from enactor.serve.flywheel.turn import turn

__all__ = [
    "FlywheelError",
    "FlywheelRecipe",
    "Outcome",
    "Stages",
    "StepReport",
    "flywheel_recipe_names",
    "load_flywheel_recipe",
    "progress",
    "told",
    "turn",
]
