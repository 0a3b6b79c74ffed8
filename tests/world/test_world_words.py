"""Numbers, directions, distances and durations in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.world.spec import CommandError
from enactor.world.words import parse_count, parse_direction, parse_distance, parse_duration


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("fifty", 50), ("1k", 1000), ("1.5k", 1500), ("a_dozen", 12), ("two_hundred", 200), ("12", 12),
        ("a_couple", 2), ("half_a_dozen", 6), ("a_few", 3), ("1,000", 1000), ("x12", 12), ("50x", 50),
        ("three hundred and fifty", 350), ("twelve hundred", 1200), ("two dozen", 24), ("forty-five", 45),
        ("a couple hundred", 200), ("about_50", 50), ("Ten", 10), ("half a million", 500_000),
        ("all", "all"), ("everything", "all"), ("all_of_them", "all"), ("the lot", "all"), ("max", "all"),
    ],
)  # fmt: skip
def test_counts(said, meant):
    assert parse_count(said) == meant


@pytest.mark.parametrize("said", ["", "frogs", "-3", "half of", "1.5", "north", "5 frogs", "3 4", "_"])
def test_what_is_no_count_is_refused(said):
    with pytest.raises(CommandError):
        parse_count(said)


@given(st.integers(0, 10**9))
def test_digits_are_themselves(number):
    assert parse_count(str(number)) == number
    assert parse_count(f"{number:,}") == number


@given(st.text(max_size=40))
def test_any_text_gives_a_value_or_a_command_error(text):
    for parse in (parse_count, parse_distance, parse_duration):
        try:
            value = parse(text)
        except CommandError:
            continue
        assert value == "all" or value >= 0
    assert parse_direction(text) is None or max(map(abs, parse_direction(text))) == 1


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("north", (0, 1)), ("S", (0, -1)), ("ne", (1, 1)), ("north-east", (1, 1)), ("northeast", (1, 1)),
        ("south_west", (-1, -1)), ("up north", (0, 1)), ("to the east", (1, 0)), ("Noth", (0, 1)),
        ("westwards", (-1, 0)), ("left", None), ("up", None), ("lumbridge", None), ("", None),
        ("north south", None),
    ],
)  # fmt: skip
def test_directions(said, step):
    assert parse_direction(said) == step


@pytest.mark.parametrize(
    ("said", "tiles"),
    [
        (None, 20), ("", 20), ("none", 20), ("a_bit", 7), ("a little", 7), ("a_few_steps", 7), ("far", 50),
        ("a long way", 50), ("20", 20), ("20_tiles", 20), ("15tiles", 15), ("ten tiles", 10), ("5 steps", 5),
        ("a lot", 50), ("a bit further", 7),
    ],
)  # fmt: skip
def test_distances(said, tiles):
    assert parse_distance(said) == tiles


def test_what_is_no_distance_is_refused():
    with pytest.raises(CommandError):
        parse_distance("purple")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("5 minutes", 300), ("90s", 90), ("1h30m", 5400), ("half an hour", 1800), ("two_minutes", 120),
        ("60", 60), ("an_hour", 3600), ("5min", 300), ("a couple minutes", 120),
    ],
)  # fmt: skip
def test_durations(said, seconds):
    assert parse_duration(said) == seconds


@pytest.mark.parametrize("said", ["", "soon", "purple minutes", "5 minutes 3"])
def test_what_is_no_duration_is_refused(said):
    with pytest.raises(CommandError):
        parse_duration(said)
