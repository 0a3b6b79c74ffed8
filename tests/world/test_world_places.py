"""Places by name, by kind and by who lives there."""

import pytest

from enactor.world.places import PLACES, distance, nearest, resolve_place
from enactor.world.spec import CommandError

LUMBRIDGE = (3222, 3218, 0)
DRAYNOR = (3093, 3244, 0)
VARROCK = (3213, 3428, 0)


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ("lumby", "lumbridge"), ("draybir_bank", "draynor_bank"), ("the draynor bank", "draynor_bank"),
        ("al karid", "al_kharid"), ("ge", "grand_exchange"), ("fally mine", "dwarven_mine_entrance"),
        ("lumbridge swamp", "lumbridge_swamp"), ("swamp", "lumbridge_swamp"), ("jail", "draynor_jail"),
        ("varrock west bank", "varrock_west_bank"), ("west bank in varrock", "varrock_west_bank"),
        ("goblins in lumbridge", "lumbridge_goblins"), ("bank in draynor", "draynor_bank"),
        ("general store in varrock", "varrock_general_store"), ("the giant frogs", "giant_frogs"),
        ("fishing spot in draynor", "draynor_fishing"), ("lumbridge fishing spot", "lumbridge_swamp_fishing"),
        ("over to port sarim", "port_sarim"), ("seers", "seers_village"), ("Wizards' Tower", "wizards_tower"),
    ],
)  # fmt: skip
def test_names(said, form):
    assert resolve_place(said, LUMBRIDGE).form == form


@pytest.mark.parametrize("said", ["chiken coop", "chicken_coop", "the chickens"])
def test_a_shared_name_is_the_nearer_place(said):
    assert resolve_place(said, (3236, 3290, 0)).form == "lumbridge_chickens"
    assert resolve_place(said, (3180, 3280, 0)).form == "lumbridge_chickens_west"
    assert resolve_place(said).form == "lumbridge_chickens"


@pytest.mark.parametrize(
    ("said", "near", "form"),
    [
        ("bank", DRAYNOR, "draynor_bank"), ("the nearest bank", VARROCK, "varrock_west_bank"),
        ("closest furnace", LUMBRIDGE, "lumbridge_furnace"), ("anvil", VARROCK, "varrock_anvil"),
        ("fishing spot", DRAYNOR, "draynor_fishing"), ("shop", VARROCK, "varrock_general_store"),
    ],
)  # fmt: skip
def test_a_kind_is_the_nearest_of_it(said, near, form):
    assert resolve_place(said, near).form == form


def test_a_kind_without_a_position_is_a_question():
    with pytest.raises(CommandError) as caught:
        resolve_place("bank")
    assert len(caught.value.candidates) == 5


def test_a_creature_stands_for_where_it_lives():
    assert resolve_place("the hobgoblins").tile == (2908, 3292, 0)
    assert resolve_place("where the guards are", VARROCK).tile == (3212, 3463, 0)


@pytest.mark.parametrize(
    "said", ["3200 3200", "3200_3200_0", "20", "xyzzy", "", "lumbridge swamp casino", "   "]
)
def test_what_is_no_place_is_refused(said):
    with pytest.raises(CommandError):
        resolve_place(said, LUMBRIDGE)


def test_every_place_has_a_decent_row():
    kinds = {place.kind for place in PLACES.values()}
    assert {"bank", "furnace", "anvil", "range", "fishing", "mine", "store", "town", "spawn", "tree"} <= kinds
    for place in PLACES.values():
        assert 1000 < place.x < 4000
        assert 2500 < place.y < 10500
        assert 0 <= place.plane <= 3


def test_distance_counts_floors_and_cellars():
    assert distance((3200, 3200, 0), (3210, 3195, 0)) == 10
    assert distance((3208, 3220, 0), (3208, 3220, 2)) == 20
    assert distance((3208, 3220, 0), (3208, 9620, 0)) == 40
    assert nearest("bank", (3208, 3220, 2)).form == "lumbridge_bank"
    with pytest.raises(KeyError):
        nearest("volcano lair", LUMBRIDGE)
