"""The page of the scenarios against what it describes."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import yaml

from enactor.evaluate.goals import HEADS
from enactor.evaluate.scenarios import Scenario, Tag, scenarios
from enactor.world.conditions import ATOMS

PAGE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")


def first_column(heading: str) -> list[str]:
    """First cells of the rows of the first table under a heading."""
    rows = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [line.split(" | ")[0].strip("| ") for line in rows if line.startswith("| `")]


def test_every_goal_has_its_row() -> None:
    heads = {re.split(r"[:`]", cell.strip("`"))[0] for cell in first_column("Goals")}
    assert heads == set(HEADS)
    assert all(f"`{atom}`" in PAGE for atom in ATOMS)


def test_every_key_has_its_row() -> None:
    assert {cell.strip("`") for cell in first_column("The form")} == set(Scenario.model_fields)
    assert all(f"`{tag}`" in PAGE for tag in get_args(Tag))


def test_the_example_is_the_scenario() -> None:
    fence = re.search(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert fence
    (row,) = yaml.safe_load(fence[1])
    assert Scenario.model_validate({"family": "movement", **row}) == scenarios()[row["id"]]


def test_the_table_counts_what_there_is() -> None:
    told = dict(re.findall(r"^\| ([a-z]+) \| (\d+) \| 100% \| 0% \| \d+ \|$", PAGE, re.MULTILINE))
    assert {family: int(n) for family, n in told.items()} == Counter(s.family for s in scenarios().values())
