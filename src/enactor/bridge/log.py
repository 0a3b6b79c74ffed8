"""The last lines of the client's text log."""

import re
from datetime import datetime, timedelta
from pathlib import Path

TAIL_BYTES = 1 << 20
_TIME = re.compile(r"(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{2}:\d{2}:\d{2})")
_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR)\b")
_RANK = {"TRACE": 0, "DEBUG": 0, "INFO": 1, "WARN": 2, "WARNING": 2, "ERROR": 3}


def read_log(path: Path, since_s: float, grep: str, level: str, now: datetime) -> list[str]:
    """Lines of the last `since_s` seconds that contain `grep`, at `level` or above, oldest first.

    Reads the last MiB. A line without a time of its own (a stack trace) goes with the one before; of a time
    without a date the latest reading that is not in the future counts. No file, no lines.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL_BYTES, 0))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    least, wanted, lines, passed = _RANK.get(level.upper(), 1), grep.casefold(), [], False
    for line in text.splitlines():
        if written := _written(line, now):
            rank = _LEVEL.search(line)
            passed = (
                now - written <= timedelta(seconds=since_s) and _RANK[rank[1] if rank else "INFO"] >= least
            )
        if passed and wanted in line.casefold():
            lines.append(line)
    return lines


def _written(line: str, now: datetime) -> datetime | None:
    match = _TIME.search(line[:40])
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1] or now.date().isoformat()} {match[2]}")
    except ValueError:
        return None
    slack = timedelta(seconds=1)
    return moment - timedelta(days=1) if match[1] is None and moment > now + slack else moment
