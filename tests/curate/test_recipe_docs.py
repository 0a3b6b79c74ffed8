"""docs/data.md says what the rules and the recipes are; this keeps it so."""

import re
from pathlib import Path

import pytest
import yaml

from enactor.curate.pairs import REASONS
from enactor.curate.quality import RULES
from enactor.curate.recipe import CURE_NAMES, BuildRecipe, Counts, build_recipe_names

DATA = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def part(title: str) -> str:
    return DATA.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]


def first_column(text: str) -> set[str]:
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return {row.strip() for row in rows} - {"Rule", "Setting", "Key", "---"}


def test_every_quality_rule_is_described():
    assert first_column(part("Quality rules")) == set(RULES)


def test_every_relabelling_rule_is_described():
    assert first_column(part("Relabelling")) == set(CURE_NAMES)


def test_every_reason_of_a_pair_is_described():
    assert all(f"`{reason}`" in part("Preference pairs") for reason in REASONS)


def test_every_setting_of_a_recipe_is_described():
    text = part("Data sets by recipe")
    for name, field in BuildRecipe.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        names = ["counts.KIND"] if field.annotation is Counts else [f"{name}.{key}" for key in inner or ()]
        for shown in names or [name]:
            assert shown == "name" or f"`{shown}`" in text, shown


def test_the_example_is_a_recipe():
    shown = re.search(r"^```yaml\n(.*?)^```$", part("Data sets by recipe"), re.MULTILINE | re.DOTALL)
    assert shown
    assert BuildRecipe.model_validate(yaml.safe_load(shown[1]))


@pytest.mark.parametrize("name", build_recipe_names())
def test_every_recipe_that_ships_is_named(name):
    assert f"`{name}`" in part("Data sets by recipe")
