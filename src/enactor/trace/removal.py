"""What leaves the store, and the note that it did: a player's traces on request, old days by the setting.

Called under the store's lock. Feedback and other events go first, then the rows they are about: a run that
was killed in between is finished by the next.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from enactor.trace.codec import from_row, trace_hash
from enactor.trace.files import append_line, parse, remove, replace_lines, set_torn_aside
from enactor.trace.migrations import RowError
from enactor.trace.values import Json

FEEDBACK = "user_feedback.jsonl"
REMOVALS = "removed.jsonl"


def day_files(folder: Path) -> list[Path]:
    """The files of rows, oldest first."""
    return sorted(folder.glob("training_*.jsonl"))


def day_of(path: Path) -> str:
    """`2030-01-02` of `training_2030-01-02.jsonl` and of what was torn off it."""
    return path.name.removeprefix("training_").split(".")[0]


def identity(row: Mapping[str, Json]) -> str | None:
    """The content hash that feedback names, None for a row that is no trace."""
    if "enactor" in row and isinstance(row.get("id"), str):
        return str(row["id"])
    try:
        return trace_hash(from_row(row))
    except RowError:
        return None


def forget(folder: Path, player: str) -> int:
    """Take out the rows of a player (by salted hash), the feedback on them, and the set-aside fragments that
    are theirs or too short to tell whose they are. How many rows went."""

    def theirs(row: Mapping[str, Json]) -> bool:
        ours = row.get("enactor")
        return isinstance(ours, dict) and ours.get("player") == player

    files = day_files(folder)
    for path in files:
        set_torn_aside(path)
    gone = {path: {identity(row) for row in _rows(path) if theirs(row)} for path in files}
    _drop_events(folder, set().union(*gone.values()))
    removed = sum(
        replace_lines(path, lambda line: not theirs(parse(line) or {})) for path in files if gone[path]
    )
    fragments = [path for path in folder.glob("*.torn") if _may_be_of(path, player)]
    if removed or fragments:
        _note(folder, "forget", {"rows": removed, "fragments": len(fragments)})
    remove(fragments)
    return removed


def expire(folder: Path, first_kept: date) -> Counter[str]:
    """Take out the days before `first_kept`, the feedback on them and what was torn off them; the rows that
    went, by day. A file whose name holds no day stays."""
    old = [path for path in day_files(folder) if (day := _date(day_of(path))) and day < first_kept]
    if not old:
        return Counter()
    counts: Counter[str] = Counter()
    gone: set[str | None] = set()
    for path in old:
        counts[day_of(path)] = 0
        for row in _rows(path):
            counts[day_of(path)] += 1
            gone.add(identity(row))
    _note(folder, "retention", {"rows": counts.total(), "days": dict(counts)})
    _drop_events(folder, gone)
    for path in old:
        remove([path, *folder.glob(f"{path.name}.*")])
    return counts


def removals(folder: Path) -> list[dict[str, Json]]:
    """The notes of what was taken out: when, why, how many rows. No text, no player."""
    path = folder / REMOVALS
    return list(_rows(path)) if path.exists() else []


def _drop_events(folder: Path, gone: set[str | None]) -> None:
    """Out of every file of lines beside the days, what names one of the traces under `trace`."""
    if not gone:
        return
    for path in sorted({*folder.glob("*.jsonl")} - {*day_files(folder), folder / REMOVALS}):
        set_torn_aside(path)
        if any(row.get("trace", "") in gone for row in _rows(path)):
            replace_lines(path, lambda line: (parse(line) or {}).get("trace", "") not in gone)


def _note(folder: Path, reason: str, details: Mapping[str, Json]) -> None:
    row = {"timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "reason": reason, **details}
    set_torn_aside(folder / REMOVALS)
    append_line(folder / REMOVALS, (json.dumps(row) + "\n").encode())


def _may_be_of(fragment: Path, player: str) -> bool:
    data = fragment.read_bytes()
    return player.encode() in data or b'"player":' not in data


def _rows(path: Path) -> Iterator[dict[str, Json]]:
    with path.open("rb") as lines:
        yield from (row for line in lines if (row := parse(line)) is not None)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
