"""A headless game that takes the plugin's command lines.

In: a seed, a starting state, command lines in lowered form (`KILL_LOOP Giant_frog none 300`). Out: responses
and a state in the plugin's shape. `Simulator` implements `enactor.world.Backend`; time passes only when it is
told to (`settle`, `advance`), in ticks of 0.6 s, and the same seed and commands give the same world.
"""

from enactor.sim.handlers import HANDLERS, LOOPS, READS, STOPS
from enactor.sim.simulator import Simulator

VERBS = frozenset(HANDLERS) | STOPS | {"PAUSE", "RESUME", "LIST_COMMANDS"}

__all__ = ["LOOPS", "READS", "STOPS", "VERBS", "Simulator"]
