"""What players call things resolves to the one thing, or to a question."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.world import catalogue
from enactor.world.names import (
    resolve_bar,
    resolve_bones,
    resolve_fish,
    resolve_food,
    resolve_item,
    resolve_logs,
    resolve_npc,
    resolve_object,
    resolve_ore,
    resolve_raw,
    resolve_spell,
    resolve_tree,
)
from enactor.world.places import PLACES, resolve_place
from enactor.world.spec import CommandError
from enactor.world.spelling import key_of, slip
from enactor.world.state import GameState, Stack

TABLES = [
    (catalogue.ITEMS, resolve_item),
    (catalogue.CREATURES, resolve_npc),
    (catalogue.OBJECTS, resolve_object),
    (catalogue.SPELLS, resolve_spell),
    (catalogue.TREES, resolve_tree),
    (catalogue.ORES, resolve_ore),
    (catalogue.FISH, resolve_fish),
    (catalogue.BARS, resolve_bar),
    (PLACES, resolve_place),
]
NAMED = [(resolve, form, value.name) for table, resolve in TABLES for form, value in table.items()]
BESIDE = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxfrghjoklknbpowtayicezux", strict=True))
LETTERS = [(resolve, form, name) for resolve, form, name in NAMED if sum(map(str.isalpha, name)) >= 6]


def plural(name: str) -> str:
    if name.endswith(("s", "x", "ch")):
        return name
    return name[:-1] + "ies" if name[-1] == "y" and name[-2] not in "aeiou" else name + "s"


def state(*held: str, **more) -> GameState:
    return GameState(inventory=tuple(Stack(name) for name in held), **more)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(NAMED), st.randoms(use_true_random=False))
def test_every_name_means_itself_however_it_is_written(named, rng):
    resolve, form, name = named
    said = rng.choice([name, form, plural(name), f"the {name}", f"  {name.lower()} "])
    said = "".join(rng.choice((letter.lower(), letter.upper())) for letter in said)
    found = resolve(said.replace(" ", "_") if rng.random() < 0.5 else said)
    assert (found.form, found.score) == (form, 100.0)


def typo(name: str, rng: random.Random) -> str:
    """One slip: two letters swapped, one dropped, one doubled, or the key beside the right one."""
    name = name.lower()
    at = rng.choice([at for at, letter in enumerate(name) if letter.isalpha()])
    before, letter, after = name[:at], name[at], name[at + 1 :]
    match rng.choice(("swap", "drop", "double", "beside")):
        case "swap" if after and after[0].isalpha():
            return before + after[0] + letter + after[1:]
        case "drop":
            return before + after
        case "double":
            return before + letter + letter + after
        case _:
            return before + BESIDE[letter] + after


def test_one_slip_means_the_same_or_asks():
    """Over all tables. Only a slip that spells another name by chance ("all of wool") may go wrong."""
    rng = random.Random(7)
    same = asked = 0
    wrong = []
    for resolve, form, name in LETTERS:
        for _ in range(3):
            said = typo(name, rng)
            try:
                found = resolve(said)
            except CommandError:
                asked += 1
                continue
            if found.form == form or key_of(found.name) == key_of(name):
                same += 1
            else:
                wrong.append((said, name, found.name))
    total = same + asked + len(wrong)
    assert len(wrong) <= 0.001 * total, wrong
    assert same >= 0.99 * total


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_match_or_a_command_error(text):
    for resolve in (resolve_item, resolve_npc, resolve_object, resolve_place, resolve_food):
        try:
            assert resolve(text).form
        except CommandError:
            continue


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("gaint_frogs", "Giant_frog"), ("giant frgos", "Giant_frog"), ("frog", "Frog"), ("dwarves", "Dwarf"),
        ("wolves", "Wolf"), ("chicken's", "Chicken"), ("those cows", "Cow"), ("shopkeeper", "Shop_keeper"),
        ("hill giants", "Hill_Giant"), ("al kharid warriors", "Al_Kharid_warrior"), ("men", "Man"),
        ("captan tobias", "Captain_Tobias"), ("fred", "Fred_the_Farmer"), ("zombies", "Zombie"),
    ],
)  # fmt: skip
def test_creatures(said, form):
    assert resolve_npc(said).form == form


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("net", "Small_fishing_net"), ("meat", "Raw_beef"), ("raw meat", "Raw_beef"), ("hides", "Cowhide"),
        ("feathers", "Feather"), ("swrodfish", "Swordfish"), ("rune scim", "Rune_scimitar"), ("gp", "Coins"),
        ("addy legs", "Adamant_platelegs"), ("ghosts skull", "Ghost's_skull"), ("tinderbx", "Tinderbox"),
        ("str pot", "Strength_potion"), ("mith ore", "Mithril_ore"), ("bones", "Bones"), ("lobs", "Lobster"),
    ],
)  # fmt: skip
def test_items(said, form):
    assert resolve_item(said).form == form


def test_what_is_held_decides():
    assert resolve_item("scim", state("Iron scimitar", "Tuna")).form == "Iron_scimitar"
    assert resolve_item("meat", state("Cooked meat")).form == "Cooked_meat"
    assert resolve_item("axe", state("Tuna", bank={"Bronze axe": 1})).form == "Bronze_axe"
    assert resolve_item("tuna", state("Raw tuna")).form == "Tuna"
    assert resolve_food("food", state("Shrimps", "Tuna", "Raw lobster")).form == "Tuna"


def test_a_confined_choice_stays_inside():
    assert resolve_item("tuna", among=["Raw tuna", "Coins"]).form == "Raw_tuna"
    assert resolve_item("logs", among=["Oak logs"]).form == "Oak_logs"
    assert resolve_item("odd relic", among=["Odd relic", "Coins"]).form == "Odd_relic"
    assert resolve_item("str pot", among=["Strength potion(3)"]).form == "Strength_potion(3)"
    for said, held in [("lobster", "Lobster pot"), ("rune mace", "Rune axe"), ("tuna", "Coins")]:
        with pytest.raises(CommandError):
            resolve_item(said, among=[held])


def test_several_meanings_are_a_question():
    with pytest.raises(CommandError) as caught:
        resolve_item("scimitar")
    assert len(caught.value.candidates) == 5
    assert all(name.endswith("scimitar") for name in caught.value.candidates)
    with pytest.raises(CommandError):
        resolve_npc("giant")
    with pytest.raises(CommandError):
        resolve_spell("fire")


def test_no_meaning_names_what_is_close():
    with pytest.raises(CommandError, match="No item is called") as caught:
        resolve_item("enchanted mithril scimitar")
    assert "Mithril scimitar" in caught.value.candidates


def test_what_is_in_sight_is_taken_as_it_is_called():
    near = state(npcs=("Rat king", "Giant frog"), objects=("Odd lever",))
    assert resolve_npc("rat_kings", near).form == "Rat_king"
    assert resolve_npc("frogs", near).form == "Giant_frog"
    assert resolve_object("odd lever", near).form == "Odd_lever"


def test_kinds():
    assert resolve_raw("tuna").form == "Raw_tuna"
    assert resolve_raw("sword fish").form == "Raw_swordfish"
    assert resolve_logs("oak").form == "Oak_logs"
    assert resolve_bones("big").form == "Big_bones"
    assert resolve_bar("bronze").form == "Bronze_bar"
    assert resolve_tree("normal trees").form == "Tree"
    assert resolve_ore("copper ore").form == "copper"
    assert resolve_fish("shrimps").form == "shrimp"
    assert resolve_spell("high alch").form == "High_Level_Alchemy"


def test_tables_refer_to_each_other():
    items = {item.name for item in catalogue.ITEMS.values()}
    used = {item.makes for item in catalogue.ITEMS.values() if item.makes}
    used |= {tree.logs for tree in catalogue.TREES.values()}
    used |= {ore.item for ore in catalogue.ORES.values()}
    used |= {name for fish in catalogue.FISH.values() for name in (fish.item, fish.tool, fish.bait) if name}
    used |= {name for bar in catalogue.BARS.values() for name, _ in bar.ingredients}
    used |= {name for spell in catalogue.SPELLS.values() for name, _ in spell.runes}
    used |= {
        name for creature in catalogue.CREATURES.values() for name in (*creature.always, *creature.often)
    }
    assert used <= items, used - items
    assert {ore.rocks for ore in catalogue.ORES.values()} <= {o.name for o in catalogue.OBJECTS.values()}


@given(st.text("abcdef ", max_size=12), st.text("abcdef ", max_size=12))
def test_slips_cost_nothing_only_for_the_same_word(said, meant):
    assert (slip(said, meant) == 0) == (said == meant)


def test_a_person_in_sight_is_no_creature_of_that_name() -> None:
    assert resolve_npc("men", GameState(npcs=("Wise Old Man", "Banker"))).form == "Man"
    assert resolve_npc("frogs", GameState(npcs=("Giant frog",))).form == "Giant_frog"
