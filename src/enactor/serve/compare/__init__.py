"""A candidate against the model in use, on live requests.

In: a training log that goes on. Out: an `Experiment` that ends by itself with a verdict. In a shadow the
candidate decodes each recorded request and never dispatches; in a split it plays for a share of the players.
"""

from enactor.serve.compare.experiment import ComparisonError, Comparisons, Experiment, Mode, Pair
from enactor.serve.compare.judge import BAD, good, replay, shadow
from enactor.serve.compare.run import advance, comparing, opened, status, told
from enactor.serve.compare.split import model_for, plays_candidate

__all__ = [
    "BAD",
    "ComparisonError",
    "Comparisons",
    "Experiment",
    "Mode",
    "Pair",
    "advance",
    "comparing",
    "good",
    "model_for",
    "opened",
    "plays_candidate",
    "replay",
    "shadow",
    "status",
    "told",
]
