"""Rows of a data set between the marks of a base."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from enactor.curate.export import Unfit, read_examples
from enactor.prompt import DIALECTS, Segment
from enactor.train.gpu.frames import FRAMES
from enactor.train.gpu.plan import GpuPlan


@dataclass(slots=True)
class Framed:
    """Rendered rows, and how many had no form, by reason."""

    rows: list[Sequence[Segment]]
    left_out: Counter[str] = field(default_factory=Counter)


def read_framed(path: Path, plan: GpuPlan, dialect: str) -> Framed:
    """The rows of a file that `enactor.curate` wrote, with operands and frame as the plan says; the last turn
    alone is trained. Raises `EnactorError` for a file that cannot be read."""
    found = Framed([])
    frame = FRAMES[plan.frame]
    for example in read_examples(path, plan.operands):
        if isinstance(example, Unfit):
            found.left_out[example.reason] += 1
            continue
        messages = example.messages
        masked = {i for i, m in enumerate(messages[:-1]) if m.role == "assistant"}
        found.rows.append(frame.segments(messages, dialect=DIALECTS[dialect], masked=masked))
    return found
