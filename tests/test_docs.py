"""The pages against the things they describe: links, paths, formats, dependencies, the picture."""

import json
import random
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from enactor import __version__
from enactor.curate.rows import Row
from enactor.curate.slots import Filler
from enactor.curate.wording import SINGULAR
from enactor.serve.cases import read_requests
from enactor.trace import from_row, to_row
from enactor.trace.values import OUTCOMES
from enactor.world import TOOLS, parse
from enactor.world.phrasebook import KINDS, phrasebook, pieces, slots

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:src|tests|docs|benchmarks)/[\w./-]+)`")
_TO_BE = {"src/enactor/ingest/", "tests/ingest/"}
"""Folders that a contributor makes."""


def section(title: str) -> str:
    """The text of docs/data.md under a heading."""
    return DATA.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def example(title: str) -> Any:
    """The section's JSON example."""
    found = re.search(r"^```json\n(.*?)^```$", section(title), re.MULTILINE | re.DOTALL)
    assert found, title
    return json.loads(found[1])


def keys(title: str) -> set[str]:
    """First column of the section's first table."""
    table = re.search(r"^\| Key \|.*?\n\|.*?\n((?:\|.*\n?)+)", section(title), re.MULTILINE)
    assert table, title
    return {name for line in table[1].splitlines() for name in re.findall(r"`([^`]+)`", line.split("|")[1])}


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as the hosts of repositories make them."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.strip().lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        to = page if not file else (page.parent / file).resolve()
        assert to.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(to), f"{page.name}: {target}"


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    for path in _PATH.findall(page.read_text(encoding="utf-8")):
        assert path in _TO_BE or (ROOT / path).exists(), f"{page.name}: {path}"


def test_dependencies_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {"Core": project["dependencies"]}
    wanted |= {f"Extra `{name}`": found for name, found in project["optional-dependencies"].items()}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for title, requirements in wanted.items():
        part = page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
        listed = re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)
        names = [re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in requirements]
        assert sorted(map(str.lower, listed)) == sorted(map(str.lower, names)), title


def test_changelog_has_this_version() -> None:
    heads = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "Unreleased"
    assert __version__ in heads


def test_log_is_newest_first() -> None:
    text = (ROOT / "docs" / "log.md").read_text(encoding="utf-8")
    days = re.findall(r"^## (\d{4}-\d{2}-\d{2})\b", text, re.MULTILINE)
    assert days
    assert len(days) == len(re.findall(r"^## ", text, re.MULTILINE)), "an entry without a date"
    assert all(later >= earlier for later, earlier in pairwise(days))


def test_picture_stands_alone_and_knows_the_dark() -> None:
    path = ROOT / "docs" / "architecture.svg"
    root = ElementTree.parse(path).getroot()
    text = path.read_text(encoding="utf-8")
    assert root.get("viewBox")
    assert {child.tag.rpartition("}")[2] for child in root} >= {"title", "desc"}
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"href=|<script|<image|url\((?!#)", text)
    width, height = map(float, str(root.get("viewBox")).split()[2:])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.get("x", "0")) + float(box.get("width", "0")) <= width
        assert float(box.get("y", "0")) + float(box.get("height", "0")) <= height


# -- docs/data.md -------------------------------------------------------------------


def shown_groups() -> Iterator[dict[str, Any]]:
    """The groups of the phrasebook's example."""
    found = re.search(r"^```yaml\n(.*?)^```$", section("The phrasebook"), re.MULTILINE | re.DOTALL)
    assert found
    yield from yaml.safe_load(found[1])


def test_phrasebook_example_has_the_form() -> None:
    groups = list(shown_groups())
    assert {key for group in groups for key in group} == keys("The phrasebook")
    for group in groups:
        assert group["kind"] in KINDS
        assert ("do" in group) != ("reply" in group)
        turns = [*group.get("before", ())]
        for line in [*group.get("do", ()), *(line for turn in turns for line in turn["do"])]:
            if not line.startswith("@"):
                parse(_filled(line))
    for kind in KINDS:
        assert f"`{kind}`" in section("The phrasebook")


def _filled(line: str) -> str:
    filler = Filler(random.Random(0), {"inventory": ["Tuna x5"]})
    return "".join(
        text if slot is None else filler(SINGULAR.get(*slot[:1], slot[0])).means
        for text, slot in pieces(line, random.Random(0))
    )


def test_every_slot_is_explained() -> None:
    table = section("The phrasebook").split("| Slots |", 1)[1]
    shown = set(re.findall(r"`\{([a-z_]+)\}`", table))
    used = {slot for group in phrasebook() for text in (*group.say, *group.do) for slot, _ in slots(text)}
    assert used <= shown, used - shown
    filler = Filler(random.Random(0), {})
    for slot in shown:
        assert filler(SINGULAR.get(slot, slot)).said


def test_row_example_is_a_row() -> None:
    shown = example("Rows")
    assert Row.from_json(shown).to_json() == shown
    assert set(shown) == keys("Rows")
    assert any(segment.train for segment in Row.from_json(shown).segments())


def test_case_example_is_read() -> None:
    shown = example("Cases")
    [request] = read_requests([json.dumps(shown).encode()])
    assert request.problem is None
    assert len(request.history) == 2
    assert set(shown) == {key for key in keys("Cases") if "." not in key} | {"state"}
    assert {f"state.{key}" for key in shown["state"]} <= keys("Cases")


def test_prediction_example_has_the_keys() -> None:
    shown = example("Predictions")
    named = {key for key in keys("Predictions") if "[]" not in key}
    assert set(shown) | {"line", "error"} == named
    assert shown["calls"][0]["tool"] in TOOLS
    assert shown["outcome"] in OUTCOMES
    for outcome in OUTCOMES:
        assert f"`{outcome}`" in section("Predictions")


def test_log_example_is_a_trace() -> None:
    shown = example("The training log")
    row = to_row(from_row(shown))
    shown["id"] = row["id"]
    assert row == shown
