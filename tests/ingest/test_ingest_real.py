"""The real records, where they are there: every line is read, and the quirks are as many as were counted."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from enactor.ingest import ingest, sources

REAL = Path(__file__).parents[3] / "shared" / "real"


@pytest.mark.shared
@pytest.mark.skipif(
    not (REAL / "conversations_2026-01-21.jsonl").exists(), reason="the real records are not here"
)
def test_the_funnel_of_the_real_records(desk: Any) -> None:
    files = sources([REAL], desk.store)
    assert ingest(files, desk.store).record() == {
        "files": 2,
        "lines": 394,
        "turns": 137,
        "added": 137,
        "known": 0,
        "refused": {},
    }
    notes: Counter[str] = Counter()
    for trace in desk.traces():
        notes["calls_said"] += "calls_said" in trace.meta
        for name in ("cut_results", "doubled_calls", "mended_arguments"):
            notes[name] += trace.meta.get(name, 0)
    assert notes == {"calls_said": 83, "cut_results": 25, "doubled_calls": 3, "mended_arguments": 5}
    assert ingest(files, desk.store).known == 137
