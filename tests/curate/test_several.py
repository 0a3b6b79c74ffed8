"""Composed phrasings: their parts in order, on their side of the split, and labels that the world takes."""

import random
from itertools import islice

import pytest

from enactor.curate import several as composing
from enactor.curate.mix import by_kind, source
from enactor.curate.several import several
from enactor.curate.synthesize import Funnel, make_row
from enactor.world import COMMANDS
from enactor.world.cards import fold_of
from enactor.world.phrasebook import Group, Template, templates


def of_side(held_out: bool):
    return by_kind(t for t in templates() if t.held_out == held_out)


@pytest.mark.parametrize("held_out", [False, True])
def test_composed_phrasings_stay_on_the_side_of_their_parts(held_out):
    found = of_side(held_out)
    keys = {t.key for kind in ("simple", "loop", "status") for t in found[kind]}
    made = list(islice(several(found, random.Random(1)), 40))
    assert all(template.held_out is held_out for template in made)
    assert len({template.key for template in made}) == 40
    assert keys.isdisjoint(template.key for template in made)


def test_all_parts_are_of_the_fold_that_the_composed_key_names():
    """So the offers of a training row come from layers that have seen none of its words."""
    found = of_side(False)
    for kind in ("simple", "loop", "status"):
        found[kind] = [t for t in found[kind] if fold_of(t.key) == 2]
    assert {fold_of(t.key) for t in islice(several(found, random.Random(2)), 30)} == {2}


def test_rows_of_composed_phrasings_have_the_calls_of_each_part_in_order():
    kill = Group("a", "combat", "loop", ("kill {n} {npcs}",), ("KILL_LOOP {npc} none {n}",))
    walk = Group("b", "movement", "simple", ("go to {place}",), ("GOTO {place}",))
    made = composing._composed(
        [Template(kill, kill.say[0]), Template(walk, walk.say[0]), Template(kill, kill.say[0])],
        "several.1",
        random.Random(3),
    )
    assert made.group.do == ("KILL_LOOP {npc1} none {n1}", "GOTO {place2}", "KILL_LOOP {npc3} none {n3}")
    row = next(row for _ in range(20) if (row := make_row(made, random.Random(4), Funnel(), noisy=False)))
    first, _, third = (str(action.args["command"]).split() for action in row.say)
    assert row.kind == "multi"
    assert first[1] != third[1]
    assert all(words[-1] in row.message.replace(" ", "_") for words in (first, third))


def test_a_bank_that_is_open_is_not_opened_again():
    lines = ["BANK_OPEN", "BANK_DEPOSIT_ALL", "BANK_OPEN", "BANK_WITHDRAW net 1"]
    assert list(composing._opened_once(lines)) == ["BANK_OPEN", "BANK_DEPOSIT_ALL", "BANK_WITHDRAW net 1"]
    apart = ["BANK_OPEN", "BANK_DEPOSIT_ALL", "GOTO cows", "BANK_OPEN", "BANK_DEPOSIT_ALL"]
    assert list(composing._opened_once(apart)) == apart


def test_what_never_ends_comes_last():
    for template in islice(several(of_side(False), random.Random(5)), 200):
        *before, _ = template.group.do
        verbs = [line.split()[0] for line in before if not line.startswith("@") and "{n" not in line]
        assert not any(COMMANDS[verb].duration == "loop" for verb in verbs), template.text


def test_too_few_phrasings_compose_to_nothing():
    found = {"simple": of_side(False)["simple"][:3]}
    assert next(several(found, random.Random(0)), None) is None
    assert next(several({}, random.Random(0)), None) is None


def test_half_of_the_rows_of_several_tasks_are_composed():
    rows = [row for row in islice(source("multi", of_side(False), random.Random(6), Funnel()), 200) if row]
    composed = sum(row.group.startswith("several.") for row in rows)
    assert 0.35 * len(rows) < composed < 0.65 * len(rows)
