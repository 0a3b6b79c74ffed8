"""The scenarios as a whole: what they cover, that each can be done, and none by doing nothing."""

from collections import Counter

import pytest

from enactor.cli import main
from enactor.evaluate.policies import idle, perfect
from enactor.evaluate.scenarios import needed_steps, play_scenario, scenarios
from enactor.world import COMMANDS

ALL = scenarios()
KINDS = ("missing", "low_health", "full", "obstacle", "fails_once", "faults", "client_down")


@pytest.mark.parametrize("seed", [0, 1])
def test_every_solution_passes_and_doing_nothing_never_does(seed: int) -> None:
    failed = {
        one.id: (verdict.open, verdict.broken, verdict.ticks)
        for one in ALL.values()
        if not (verdict := play_scenario(one, perfect, seed)).passed
    }
    assert failed == {}
    assert [one.id for one in ALL.values() if play_scenario(one, idle, seed).passed] == []


def test_they_cover_all_families_difficulties_and_kinds_of_trouble() -> None:
    assert len(ALL) >= 120
    assert {spec.family for spec in COMMANDS.values()} <= {one.family for one in ALL.values()}
    assert min(Counter(one.level for one in ALL.values()).values()) >= 20
    tags = Counter(tag for one in ALL.values() for tag in one.tags)
    assert set(tags) == set(KINDS)
    assert min(tags.values()) >= 5


def test_many_need_three_or_more_steps_each_of_which_is_needed() -> None:
    long = [one for one in ALL.values() if one.level == "hard" and needed_steps(one) >= 3]
    assert len(long) >= 25


def test_the_words_are_peoples() -> None:
    words = [one.say.casefold() for one in ALL.values()]
    assert len(set(words)) == len(words)
    opened = Counter(" ".join(text.split()[:3]) for text in words)
    assert max(opened.values()) <= 4  # no template makes them
    assert not [
        text for text in words if any(verb in text.upper().split() for verb in COMMANDS if "_" in verb)
    ]


def test_the_same_seed_gives_the_same_verdict() -> None:
    for name in ("hillies_with_supplies", "commands_get_lost", "catch_and_cook"):
        one, two = (play_scenario(ALL[name], perfect, 3) for _ in range(2))
        assert (one.ticks, one.open, len(one.steps)) == (two.ticks, two.open, len(two.steps))


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "check", "camera"]) == 0
    told = capsys.readouterr().out
    assert "100%" in told
    assert "do nothing" in told
    assert main(["scenarios", "check", "nowhere"]) == 1


def test_listing_and_showing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "list", "system", "--tag", "client_down"]) == 0
    assert "start the client then fish shrimps" in capsys.readouterr().out
    assert main(["scenarios", "show", "boat_to_karamja"]) == 0
    assert "INTERACT_NPC Captain_Tobias Travel" in capsys.readouterr().out
    assert main(["scenarios", "show", "boat_to_karamia"]) == 1
    assert "boat_to_karamja" in capsys.readouterr().err
    assert main(["scenarios", "list", "--level", "impossible"]) == 1
    assert main(["scenarios", "dance"]) == 2
