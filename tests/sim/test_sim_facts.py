"""The simulator's map agrees with the world's tables: what a place or a creature promises is there."""

from __future__ import annotations

import pytest

from enactor.sim import Simulator, facts
from enactor.sim.routes import reachable
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


def test_every_place_of_the_mainland_is_reached_on_foot() -> None:
    """From Lumbridge, with the brass key and the level for the mining guild; the islands take a ship."""
    world = Simulator(0, {"inventory": ["Brass key"], "skills": {"mining": 60}})._world
    islands = set(facts.read("spawns.yaml")["islands"])
    shut = [p.form for p in PLACES.values() if p.region != "members" and not reachable(world, p.tile)]
    assert [f for f in shut if facts.island(PLACES[f].tile) not in islands] == []
    things = [one for one in (*facts.things(), *facts.spawns()) if facts.island(one.tile) == "mainland"]
    assert [(one.name, one.tile) for one in things if not reachable(world, one.tile)] == []


def test_stairs_lead_back() -> None:
    """From where any stairs lead, one gets back to their foot."""
    for stairs in facts.things_of("stairs"):
        for way in ("up", "down"):
            if way in stairs.data:
                there = {"location": stairs.data[way], "inventory": ["Brass key"], "skills": {"mining": 60}}
                assert reachable(Simulator(0, there)._world, stairs.tile), (stairs.name, stairs.tile)


def test_creatures_drop_what_the_table_says() -> None:
    tables = facts.read("drops.yaml")
    members = {"Obor", "Bryophyta", "Fire giant", "Bronze dragon", "Green dragon", "Chaos druid"}
    lacking = {
        c.name: sorted(left)
        for c in CREATURES.values()
        if c.name not in members
        and (left := set(c.often) - {row[0] for row in tables.get(c.name, ())} - set(c.always))
    }
    assert lacking == {}
    for name, rows in tables.items():
        assert facts.key(name) in facts.creatures(), name
        assert all(0 < least <= most and 0 < chance <= 1000 for _, least, most, chance in rows), name
