"""Every fault of the table in docs/discord.md, played against the bot: what is read, what is kept."""

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("discord")

from discord_faults import FAULTS, Fault, run_fault
from discord_parts import _brisk as _brisk

SLOW = {"502 on the answer, three times", "session cannot be resumed (invalid session)"}


@pytest.mark.parametrize(
    "fault",
    [pytest.param(f, id=f.name, marks=[pytest.mark.slow] if f.name in SLOW else []) for f in FAULTS],
)
def test_a_fault_is_told_and_recorded(fault: Fault, tmp_path: Path) -> None:
    row = asyncio.run(asyncio.wait_for(run_fault(fault, tmp_path), 60))
    assert fault.seen in row.seen
    assert row.kept == fault.kept


def test_the_table_has_every_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "discord.md").read_text(encoding="utf-8")
    for fault in FAULTS:
        assert f"| {fault.group} | {fault.name} | " in page, "python benchmarks/faults.py --write"
