"""An existing training log taken over into the store, the originals untouched.

The rows are read as `enactor ingest` reads them, so the verdict is the ledger's and a second run adds
nothing; a row that either of them took is known to both. Lines that cannot be read go, with the reason and
their text, to `unreadable.jsonl` in the store.
"""

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.ingest.finish import finish
from enactor.ingest.found import Refused
from enactor.ingest.lines import Lines
from enactor.ingest.training import TrainingLog
from enactor.ingest.write import Writer
from enactor.trace import TraceStore

UNREADABLE = "unreadable.jsonl"


@dataclass(slots=True)
class Migration:
    """Counts of one run. `lines` = `added` + `known` + those `refused`; `missing` are keys that rows lacked;
    `ratings` are ratings taken over as feedback."""

    files: int = 0
    lines: int = 0
    added: int = 0
    known: int = 0
    ratings: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "files": self.files,
            "lines": self.lines,
            "added": self.added,
            "known": self.known,
            "ratings": self.ratings,
            "refused": dict(self.refused),
            "missing": dict(self.missing),
        }


def migrate(source: Path, target: Path) -> Migration:
    """Copy every row of `source/training_*.jsonl` into the store at `target`.

    Raises `EnactorError` when there is nothing to read, and when both are one folder: opening a store may
    move a torn line aside.
    """
    if not source.is_dir():
        raise EnactorError(f"no training log at {source}: name the folder with the training_*.jsonl files")
    if target.exists() and os.path.samefile(source, target):
        raise EnactorError(f"{source} is the store already: name another folder with `--to`")
    files = sorted(source.glob("training_*.jsonl"))
    if not files:
        raise EnactorError(f"{source} holds no training_*.jsonl: name the folder of the old log")
    writer, done = Writer(TraceStore(target)), Migration(files=len(files))
    importer = TrainingLog()
    set_aside: list[dict[str, Any]] = []
    for path in files:
        lines = Lines(path)
        for number, line in lines:
            found = importer.read_row(number, line)
            if isinstance(found, Refused):
                done.refused[found.reason] += 1
                text = line.decode("utf-8", "backslashreplace")
                set_aside.append({"file": path.name, "line": number, "reason": found.reason, "text": text})
                continue
            done.missing.update(found.missing)
            if writer.add(finish(found, str(path.absolute()), "training")):
                done.added += 1
            else:
                done.known += 1
        for number, reason in lines.damaged:
            done.refused[reason] += 1
            set_aside.append({"file": path.name, "line": number, "reason": reason, "text": ""})
        done.lines += lines.count
    writer.flush()
    done.ratings = writer.ratings
    _keep(target / UNREADABLE, set_aside)
    return done


def _keep(path: Path, rows: list[dict[str, Any]]) -> None:
    """The unreadable lines of this run and of earlier ones, each once."""
    if not rows:
        return
    lines = [json.dumps(row, ensure_ascii=True, sort_keys=True) for row in rows]
    if path.exists():
        lines = [*path.read_text(encoding="utf-8").splitlines(), *lines]
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("".join(f"{line}\n" for line in dict.fromkeys(lines)), encoding="utf-8")
    fresh.chmod(0o600)
    os.replace(fresh, path)
