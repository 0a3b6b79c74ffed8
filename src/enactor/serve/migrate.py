"""An existing training log taken over into the store, the originals untouched.

The verdict on a row is the ledger's. Rows are known by the hash of their content, so a second run adds
nothing. Lines that cannot be read go, with the reason, to `unreadable.jsonl` in the store.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.trace import Feedback, RowError, Trace, TraceStore, from_row
from enactor.trace.codec import trace_hash

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
    store, done = TraceStore(target), Migration(files=len(files))
    known = {trace_hash(trace) for trace in store.iterate()}
    rated = set(store.feedback())
    set_aside: list[dict[str, Any]] = []
    for path in files:
        for number, raw in _lines(path):
            done.lines += 1
            read = _read(raw, done.missing)
            if isinstance(read, str):
                done.refused[read] += 1
                text = raw.decode("utf-8", "backslashreplace")
                set_aside.append({"file": path.name, "line": number, "reason": read, "text": text})
                continue
            row, trace = read
            identity = trace_hash(trace)
            if identity in known:
                done.known += 1
            else:
                store.append(trace)
                known.add(identity)
                done.added += 1
            feedback = _feedback(row, identity)
            if feedback is not None and identity not in rated:
                store.add_feedback(feedback)
                rated.add(identity)
                done.ratings += 1
    _keep(target / UNREADABLE, set_aside)
    return done


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, line.rstrip(b"\r\n") if line.endswith(b"\n") else line


def _read(raw: bytes, missing: Counter[str]) -> tuple[Mapping[str, Any], Trace] | str:
    """The row and its trace, or why there is none."""
    try:
        row = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return "not UTF-8"
    except (ValueError, RecursionError):
        return "not JSON, or torn"
    if not isinstance(row, dict):
        return "no object"
    try:
        return row, from_row(row, missing)
    except RowError as error:
        return str(error)


def _feedback(row: Mapping[str, Any], identity: str) -> Feedback | None:
    """A person's verdict that stands in the row itself."""
    quality = row.get("quality") or {}
    rating, note = quality.get("human_rating"), quality.get("user_feedback")
    if not (isinstance(rating, int) and not isinstance(rating, bool) and 1 <= rating <= 5):
        rating = None
    if rating is None and not note:
        return None
    return Feedback(identity, rating, note if isinstance(note, str) else "", str(row.get("timestamp") or ""))


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
