"""The import of files into a store: which files, by how many processes, and the account of every turn."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.ingest.files import Source
from enactor.ingest.finish import Row
from enactor.ingest.found import Refused
from enactor.ingest.kinds import KINDS, Kind
from enactor.ingest.parallel import SMALL, batches_of_processes
from enactor.ingest.read import UNKNOWN, Batch, read_source
from enactor.ingest.write import Writer
from enactor.trace import TraceStore


@dataclass(slots=True)
class Report:
    """The account of a run: `turns` = `added` + `known` + all `refused`. A line that cannot be read counts as
    a turn that was refused. `kinds` are files by kind, `ratings` people's verdicts that rows brought along,
    `bytes` as the files are on the disk."""

    files: int = 0
    lines: int = 0
    turns: int = 0
    added: int = 0
    known: int = 0
    ratings: int = 0
    bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)
    refusals: list[tuple[str, int, str]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """For programs: exactly the keys that are promised."""
        counts = {key: getattr(self, key) for key in ("files", "lines", "turns", "added", "known")}
        return {**counts, "refused": dict(self.refused.most_common())}


def ingest(
    sources: Sequence[Source],
    folder: Path,
    *,
    kind: Kind | None = None,
    processes: int | None = None,
    keep_refusals: bool = False,
) -> Report:
    """Import `sources` into the store at `folder`.

    `kind` overrides the guess by content. `processes` share the files; without it as many as this process may
    use CPUs, and one where there is little to read. `keep_refusals` keeps each refusal in the report. Raises
    EnactorError where the store cannot be written or a process was killed.
    """
    if kind is not None and kind not in KINDS:
        raise EnactorError(f"no kind {kind!r} of record: use one of {', '.join(KINDS)}")
    store = TraceStore(folder)
    writer, report = Writer(store), Report()
    share = min(processes or _cpus(), len(sources))
    if share > 1 and (processes is not None or sum(source.size for source in sources) > SMALL):
        batches = batches_of_processes(sources, folder, kind, writer.known, share)
    else:
        batches = (batch for source in sources for batch in read_source(source, kind, store, writer.known))
    for batch in batches:
        _account(batch, writer, report, keep_refusals)
    writer.flush()
    report.added -= writer.overtaken
    report.known += writer.overtaken
    report.ratings = writer.ratings
    return report


def _account(batch: Batch, writer: Writer, report: Report, keep_refusals: bool) -> None:
    report.lines += batch.lines
    report.turns += len(batch.items)
    report.missing += batch.missing
    for item in batch.items:
        if isinstance(item, Refused):
            report.refused[item.reason] += 1
            writer.refuse(batch.source.name, batch.kind or "unknown", item.line, item.reason)
            if keep_refusals:
                report.refusals.append((batch.source.name, item.line, item.reason))
        elif isinstance(item, Row) and writer.add(item):
            report.added += 1
        else:
            report.known += 1
    if batch.last:
        report.files += 1
        report.bytes += batch.source.size
        report.kinds[batch.kind or "unknown"] += 1
        if any(isinstance(item, Refused) and item.reason == UNKNOWN for item in batch.items):
            report.unknown.append(batch.source.name)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
