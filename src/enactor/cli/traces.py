"""`enactor traces`: what stands in the training log."""

import sys
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings
from enactor.trace.values import Outcome


class Traces(Config):
    """Count the recorded requests by day and outcome, or list them, the latest last."""

    action: Literal["count", "list"] = Field(
        "count", description="What to do.", json_schema_extra={"positional": True}
    )
    last: int = Field(20, ge=1, description="How many to list.")


def run(config: Traces, settings: Settings) -> int:
    """Exit code 0; a log that does not exist is empty."""
    from collections import deque

    from enactor.serve.plain import plain
    from enactor.trace import ReadReport, TraceStore

    if not settings.training_log.is_dir():
        print(f"nothing recorded yet: {settings.training_log} does not exist", file=sys.stderr)
        return 0
    store, report = TraceStore(settings.training_log), ReadReport()
    if config.action == "list":
        for trace in deque(store.iterate(report=report), maxlen=config.last):
            words = plain(" ".join(trace.message.split()))
            print(f"{plain(trace.timestamp[:19])}  {trace.outcome:9}  {words[:70]}")
    else:
        total: Counter[Outcome] = Counter()
        for day in store.days():
            counts = Counter(trace.outcome for trace in store.iterate([day], report))
            total += counts
            print(f"{day}  {counts.total():6}  {_counts(counts)}")
        print(f"{'all':10}  {total.total():6}  {_counts(total)}")
    for reason, n in report.refused.items():
        print(f"{n} lines cannot be read: {reason}", file=sys.stderr)
    return 0


def _counts(counts: Mapping[Outcome, int]) -> str:
    return ", ".join(f"{outcome} {n}" for outcome, n in Counter(counts).most_common())


COMMAND = Command(Traces, run, ("training_log",))
