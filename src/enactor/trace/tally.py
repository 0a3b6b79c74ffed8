"""Which recorded requests are meant, how many there are of each kind, and bars of that for a terminal."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from enactor.trace.ledger import task_type
from enactor.trace.store import ReadReport, TraceStore
from enactor.trace.values import Trace

Key = Literal["day", "source", "task", "outcome"]
Dated = tuple[str, Trace]
"""The day under which a trace is stored, and the trace."""

KEYS: dict[Key, Callable[[Dated], str]] = {
    "day": lambda dated: dated[0],
    "source": lambda dated: dated[1].source or "unknown",
    "task": lambda dated: task_type(dated[1].steps),
    "outcome": lambda dated: dated[1].outcome,
}
"""What requests are counted by."""

MOST_DAYS = 31
"""Above it, days are drawn as months."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Selection:
    """Requests that fit all that is given; what is empty asks nothing. `text` is looked for in the message
    and the reply, whatever the case."""

    sources: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    text: str = ""

    def of(self, store: TraceStore, report: ReadReport) -> Iterator[Dated]:
        """The requests of the store, oldest day first, in order of writing. Days outside are not read."""
        for day in store.days():
            if (self.since and day < self.since.isoformat()) or (self.until and day > self.until.isoformat()):
                continue
            for trace in store.iterate([day], report):
                if self._wants(trace):
                    yield day, trace

    def _wants(self, trace: Trace) -> bool:
        text = self.text.casefold()
        return (
            (not self.sources or trace.source in self.sources)
            and (not self.outcomes or trace.outcome in self.outcomes)
            and (not self.tasks or task_type(trace.steps) in self.tasks)
            and (not text or text in trace.message.casefold() or text in trace.reply.casefold())
        )


def tally(traces: Iterable[Dated]) -> dict[Key, Counter[str]]:
    """The counts of each key, in one pass."""
    counts: dict[Key, Counter[str]] = {key: Counter() for key in KEYS}
    for dated in traces:
        for key, value in KEYS.items():
            counts[key][value(dated)] += 1
    return counts


def by_month(days: Mapping[str, int]) -> Counter[str]:
    """Counts of days as counts of months."""
    months: Counter[str] = Counter()
    for day, n in days.items():
        months[day[:7]] += n
    return months


def bars(counts: Mapping[str, int], *, width: int = 80, blocks: bool = True) -> list[str]:
    """A line for each count: name, bar, number, share of all. The longest bar fills the line to `width`
    columns; what is there has a mark. Without `blocks` in plain ASCII."""
    total, most = sum(counts.values()), max(counts.values(), default=0)
    label = min(24, max([14, *map(len, counts)]))
    room = max(1, width - label - 18)
    lines = []
    for name, n in counts.items():
        shown = name if len(name) <= label else name[: label - 1] + ("…" if blocks else "~")
        bar = _bar(n / most * room if most else 0, blocks)
        lines.append(f"{shown:{label}}  {bar:{room}} {n:7} {n / (total or 1):6.1%}")
    return lines


def _bar(length: float, blocks: bool) -> str:
    if not length:
        return ""
    if not blocks:
        return "#" * max(1, round(length))
    whole, eighths = divmod(max(1, round(length * 8)), 8)
    return "█" * whole + _EIGHTHS[eighths].strip()
