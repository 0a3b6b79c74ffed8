"""The road to a 7B: what a GPU run needs that the embedded one does not.

In: a `Recipe` with a section `gpu`. Out: the base in four bits (`base.card_base`), rows between the base's
own marks (`FRAMES`), before anything is loaded what the run will take (`dry_run.dry_run`: tokens, steps,
memory, time), and afterwards base and adapter in one (`merge.merged`). The run itself is
`enactor.train.train`, the same for all.
"""

from enactor.train.gpu.footprint import Footprint, footprint
from enactor.train.gpu.frames import FRAMES, Frame
from enactor.train.gpu.pace import CARDS, Card, seconds
from enactor.train.gpu.plan import GpuPlan
from enactor.train.gpu.shapes import Shape, shape_of

__all__ = [
    "CARDS",
    "FRAMES",
    "Card",
    "Footprint",
    "Frame",
    "GpuPlan",
    "Shape",
    "footprint",
    "seconds",
    "shape_of",
]
