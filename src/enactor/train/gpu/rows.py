"""Rows of a data set between the marks of a base."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from enactor.curate.export import Unfit, read_examples
from enactor.prompt import DIALECTS, Segment
from enactor.train.gpu.frames import FRAMES, frame_template
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


def framed(
    rows: Iterable[Sequence[Segment]] | Path, plan: GpuPlan, dialect: str, console: Console
) -> Iterable[Sequence[Segment]]:
    """Rendered rows as they are; a file read by `read_framed`, and said what was left out of it."""
    if not isinstance(rows, Path):
        return rows
    found = read_framed(rows, plan, dialect)
    for reason, count in found.left_out.items():
        console.print(f"{count} rows of {rows.name} were left out: {reason}")
    return found.rows


def write_template(folder: Path, plan: GpuPlan) -> None:
    """Put the frame's `chat_template.jinja` beside the adapter: what serves it must render as it was
    trained."""
    partial = folder / "chat_template.partial"
    partial.write_text(frame_template(plan.frame) + "\n", encoding="utf-8")
    partial.replace(folder / "chat_template.jinja")
