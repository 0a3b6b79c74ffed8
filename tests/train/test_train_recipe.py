import pytest
import yaml

from enactor.curate.build import BuildConfig
from enactor.train import DataPlan, Recipe, RecipeError, load_recipe, recipe_names


def test_every_shipped_recipe_loads_and_says_its_name():
    assert {"demo", "embedded"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_a_typo_lists_all_problems_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("rnak: 8\nlearning_rate: fast\nbatch: 0\ndata:\n  row: 3\n", "utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    message = str(caught.value)
    assert "rnak: no such setting; is it rank?" in message
    assert "data.row: no such setting; is it rows?" in message
    assert "learning_rate" in message
    assert "batch" in message
    assert "Traceback" not in message


def test_settings_that_contradict_each_other_are_all_named():
    with pytest.raises(ValueError, match=r"(?s)dialect 'klingon'.*lm_head.*not a multiple"):
        Recipe(dialect="klingon", targets=("lm_head",), batch=16, micro_batch=5)


@pytest.mark.parametrize("text", ["- a\n- b", "rank: [", "\x00"])
def test_files_that_are_no_recipe(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(RecipeError):
        load_recipe(path)


def test_unknown_name_offers_the_known():
    with pytest.raises(RecipeError, match="demo, embedded"):
        load_recipe("no-such-recipe")


def test_changes_go_over_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"rank": 8, "batch": 4}), "utf-8")
    assert load_recipe(path, {"rank": 16}).model_dump(include={"name", "rank", "batch"}) == {
        "name": "mine",
        "rank": 16,
        "batch": 4,
    }


def test_the_data_plan_is_what_curate_builds_from():
    assert set(DataPlan.model_fields) == set(BuildConfig.model_fields) - {"out"}
    assert BuildConfig(**DataPlan().model_dump()) == BuildConfig()
