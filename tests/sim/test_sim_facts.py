"""The simulator's map agrees with the world's tables: what a place or a creature promises is there."""

from __future__ import annotations

import pytest

from enactor.sim import facts
from enactor.sim.state import distance
from enactor.world.catalogue import CREATURES
from enactor.world.places import PLACES

PROMISES = {
    "bank": ("bank", "deposit"),
    "furnace": ("furnace",),
    "anvil": ("anvil",),
    "range": ("range", "fire"),
}


@pytest.mark.parametrize("kind", PROMISES)
def test_places_have_what_their_kind_says(kind: str) -> None:
    there = [t.tile for k in PROMISES[kind] for t in facts.things_of(k)]
    lacking = [
        p.form
        for p in PLACES.values()
        if p.kind == kind and not any(distance((p.x, p.y, p.plane), t) <= 12 for t in there)
    ]
    assert lacking == []


def test_fishing_places_have_spots() -> None:
    spots = [s.tile for s in facts.spawns() if s.methods]
    lacking = [
        p.form
        for p in PLACES.values()
        if p.kind == "fishing" and not any(distance((p.x, p.y, p.plane), t) <= 30 for t in spots)
    ]
    assert lacking == []


def test_creatures_stand_where_the_table_says() -> None:
    special = {"Fishing spot", "Grave"}
    lacking = [
        (c.name, where)
        for c in CREATURES.values()
        for where in c.where
        if c.name not in special
        and not any(distance(where, s.tile) <= 25 for s in facts.spawns_named(facts.key(c.name)))
    ]
    assert lacking == []


def test_identities_are_unique() -> None:
    uids = [one.uid for group in (facts.spawns(), facts.things(), facts.lying()) for one in group]
    assert len(uids) == len(set(uids))


def test_scripts_lead_somewhere() -> None:
    for name, script in facts.read("dialogues.yaml").items():
        nodes = script["nodes"]
        targets = [s["node"] for s in script["start"]]
        targets += [n["next"] for n in nodes.values() if "next" in n]
        targets += [t for n in nodes.values() for t in n.get("ask", {}).values()]
        assert set(targets) <= set(nodes), name
        assert set(nodes) <= set(targets), f"{name}: a node that nobody reaches"


def test_shops_have_their_keepers_near() -> None:
    for shop in facts.shops():
        keepers = [s for k in shop.keepers for s in facts.spawns_named(facts.key(k))]
        assert any(distance(shop.tile, k.tile) <= 12 and "Trade" in k.actions for k in keepers), shop.id
