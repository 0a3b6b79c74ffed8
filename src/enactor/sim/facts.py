"""What never changes: items, creatures, scenery, skills, shops. Read once, shared by all worlds.

Names, levels, requirements and values come from `enactor.world`'s tables; positions, rates and drop tables
from this package's own `data`, whose headers say how far to trust them.
An item that no table knows is taken as a plain thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from enactor.world.catalogue import (
    BARS,
    CREATURES,
    FISH,
    ITEMS,
    ORES,
    SPELLS,
    TREES,
    Bar,
    Creature,
    Fish,
    Item,
    Ore,
    Spell,
    Tree,
    form_of,
)
from enactor.world.state import Tile, read_stack

_CHUNK = 4  # things are indexed by squares of 16 tiles


@cache
def key(name: str) -> str:
    """The form in which names are compared: underscores and hyphens are spaces, case does not count."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


@dataclass(frozen=True, slots=True)
class Spawn:
    """One creature or person in the world. `level` 0 with `hp` 0 cannot be fought."""

    uid: int
    name: str
    tile: Tile
    actions: tuple[str, ...]
    level: int = 0
    hp: int = 0
    max_hit: int = 0
    always: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    aggressive: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """One piece of scenery; `data` holds what its kind needs (where stairs lead, what a bush gives)."""

    uid: int
    name: str
    kind: str
    tile: Tile
    actions: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lying:
    """A permanent spawn of an item on the ground; `returns` in ticks after it was taken."""

    uid: int
    name: str
    tile: Tile
    returns: int


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: who keeps it, where, and its stock {item: (how many, price)}."""

    id: str
    keepers: tuple[str, ...]
    tile: Tile
    stock: Mapping[str, tuple[int, int]]


@cache
def read(name: str) -> Any:
    """One of this package's YAML data files. Treat as read-only: the value is shared."""
    text = (files("enactor.sim") / "data" / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def counted(text: str) -> tuple[str, int]:
    """`"Coins x30"` as a name and a count; a bare name counts one."""
    stack = read_stack(text)
    return stack.name, stack.quantity


# -- items ------------------------------------------------------------------------------------------


@cache
def _items() -> dict[str, Item]:
    return {key(name): entry for name, entry in ITEMS.items()}


@cache
def item(name: str) -> Item:
    """The item of that name; an unknown one is a plain, unstackable thing."""
    shown = name.replace("_", " ")
    return _items().get(key(name)) or Item(shown, form_of(shown), "unknown", value=1)


@cache
def stackable(name: str) -> bool:
    """Does any number of it take one slot?"""
    return item(name).stackable


def known_item(name: str) -> bool:
    """Is it in the world's table?"""
    return key(name) in _items()


# -- places of things -------------------------------------------------------------------------------


def _spread(positions: Sequence[Sequence[int]]) -> list[Tile]:
    """Every position, repeated in a loose spiral as often as its fourth number says."""
    tiles: list[Tile] = []
    for position in positions:
        x, y, plane, *many = position
        for i in range(many[0] if many else 1):
            ring = (i + 7) // 8
            dx, dy = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1))[
                0 if i == 0 else (i - 1) % 8 + 1
            ]
            tiles.append((x + 2 * ring * dx, y + 2 * ring * dy, plane))
    return tiles


def _near(one: Tile, other: Tile) -> bool:
    return one[2] == other[2] and max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= 25


@cache
def _placed() -> tuple[tuple[Spawn, ...], tuple[Thing, ...], tuple[Lying, ...]]:
    data, uid = read("spawns.yaml"), iter(range(1, 1_000_000))
    spawns: list[Spawn] = []
    for name, positions in data["creatures"].items():
        for tile in _spread(positions):
            spawns.append(_creature(next(uid), name, tile))
    for name, person in data["people"].items():
        actions = tuple(person.get("actions", ("Talk-to",)))
        for tile in _spread(person["at"]):
            spawns.append(Spawn(next(uid), name, tile, actions, hidden=bool(person.get("hidden"))))
    listed: dict[str, list[Tile]] = {}
    for spawn in spawns:
        listed.setdefault(key(spawn.name), []).append(spawn.tile)
    for kind in CREATURES.values():
        if kind.name in ("Fishing spot", "Grave"):
            continue
        fights = kind.role == "combat"
        lacking = [w for w in kind.where if not any(_near(w, t) for t in listed.get(key(kind.name), ()))]
        for tile in _spread([(*where, 4 if fights else 1) for where in lacking]):
            here = next(uid)
            spawns.append(
                _creature(here, kind.name, tile) if fights else Spawn(here, kind.name, tile, ("Talk-to",))
            )
    for spot in data["fishing"]:
        methods = tuple(spot["methods"])
        for tile in _spread(spot["at"]):
            spawns.append(Spawn(next(uid), "Fishing spot", tile, methods, methods=methods))
    extra = {"kind", "name", "actions", "at"}
    things = tuple(
        Thing(
            next(uid),
            row["name"],
            row["kind"],
            tile,
            tuple(row["actions"]),
            {k: v for k, v in row.items() if k not in extra},
        )
        for row in read("scenery.yaml")
        for tile in _spread(row["at"])
    )
    lying = tuple(
        Lying(next(uid), row["name"], tile, row["returns"])
        for row in data["items"]
        for tile in _spread(row["at"])
    )
    return tuple(spawns), things, lying


@cache
def creatures() -> Mapping[str, Creature]:
    """The world's creatures by comparison key."""
    return {key(name): entry for name, entry in CREATURES.items()}


def _creature(uid: int, name: str, tile: Tile) -> Spawn:
    known = creatures().get(key(name))
    level = known.level if known else 1
    return Spawn(
        uid,
        known.name if known else name,
        tile,
        ("Talk-to", "Attack", "Pickpocket") if name in ("Man", "Woman", "Guard") else ("Attack",),
        level=level,
        hp=(known.hitpoints if known else 0) or max(level, 1),
        max_hit=(known.max_hit if known else 0) or (level + 7) // 8,
        always=known.always if known else (),
        aggressive=bool(known and known.aggressive),
    )


def stray(uid: int, name: str, tile: Tile) -> Spawn:
    """A creature outside the spawn list (one that a start state names), with what the table knows of it."""
    return _creature(uid, name.replace("_", " "), tile)


def spawns() -> tuple[Spawn, ...]:
    """All creatures, people and fishing spots."""
    return _placed()[0]


def things() -> tuple[Thing, ...]:
    """All scenery."""
    return _placed()[1]


def lying() -> tuple[Lying, ...]:
    """All permanent ground items."""
    return _placed()[2]


@cache
def spawns_named(name: str) -> tuple[Spawn, ...]:
    """Spawns of that comparison key."""
    return tuple(s for s in spawns() if key(s.name) == name)


@cache
def things_named(name: str) -> tuple[Thing, ...]:
    """Scenery of that comparison key."""
    return tuple(t for t in things() if key(t.name) == name)


@cache
def things_of(kind: str) -> tuple[Thing, ...]:
    """Scenery of one kind."""
    return tuple(t for t in things() if t.kind == kind)


@cache
def _chunks() -> dict[tuple[int, int, int], list[Spawn | Thing]]:
    index: dict[tuple[int, int, int], list[Spawn | Thing]] = {}
    everything: list[Spawn | Thing] = [*spawns(), *things()]
    for one in everything:
        x, y, plane = one.tile
        index.setdefault((x >> _CHUNK, y >> _CHUNK, plane), []).append(one)
    return index


def around(tile: Tile, radius: int) -> list[tuple[int, Spawn | Thing]]:
    """(distance, creature or scenery) within `radius` tiles, nearest first."""
    x, y, plane = tile
    found: list[tuple[int, Spawn | Thing]] = []
    for cx in range((x - radius) >> _CHUNK, ((x + radius) >> _CHUNK) + 1):
        for cy in range((y - radius) >> _CHUNK, ((y + radius) >> _CHUNK) + 1):
            for one in _chunks().get((cx, cy, plane), ()):
                far = max(abs(one.tile[0] - x), abs(one.tile[1] - y))
                if far <= radius:
                    found.append((far, one))
    found.sort(key=lambda pair: (pair[0], pair[1].uid))
    return found


def island(tile: Tile) -> str:
    """Name of the walkable region: an island, a dungeon or the mainland."""
    x, y, _ = tile
    below = y > 4400 or x > 4000
    for name, (west, south, east, north) in read("spawns.yaml")["dungeons" if below else "islands"].items():
        if west <= x <= east and south <= y <= north:
            return str(name)
    return f"underground {x >> 7},{y >> 7}" if below else "mainland"


# -- skills -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rate:
    """Chance of success out of 256 at levels 1 and 99, ticks until a resource is back, how many it yields."""

    low: int
    high: int
    returns: int = 0
    yields: int = 1
    river: bool = False


@cache
def fish() -> Mapping[str, tuple[Fish, Rate]]:
    """Catches by the comparison keys of their name and of the raw item."""
    rates = read("skills.yaml")["fishing"]
    entries = [(f, Rate(**rates.get(f.item, {"low": 4, "high": 40}))) for f in FISH.values()]
    return {key(name): (f, rate) for f, rate in entries for name in (f.name, f.item)}


@cache
def trees() -> Mapping[str, tuple[Tree, Rate]]:
    """Trees by comparison key; a dead tree is a tree."""
    rates = read("skills.yaml")["trees"]
    found = {key(t.name): (t, Rate(**rates[t.name])) for t in TREES.values()}
    return {**found, "dead tree": found["tree"]}


@cache
def rocks() -> Mapping[str, tuple[Ore, Rate]]:
    """Ores by the comparison keys of ore, item and rocks."""
    rates = read("skills.yaml")["rocks"]
    entries = [(o, Rate(**rates.get(o.rocks, {"low": 1, "high": 20, "returns": 200}))) for o in ORES.values()]
    return {key(name): (o, rate) for o, rate in entries for name in (o.name, o.item, o.rocks)}


@cache
def bars() -> Mapping[str, Bar]:
    """Bars by comparison key, with and without the word."""
    return {name: b for b in BARS.values() for name in (key(b.name), key(b.name).removesuffix(" bar"))}


@cache
def spells() -> Mapping[str, Spell]:
    """Spells by comparison key."""
    return {key(s.name): s for s in SPELLS.values()}


@cache
def styles() -> Mapping[str, Any]:
    """Combat-style buttons: `kinds`, `endings` and the like, from the world's table."""
    text = (files("enactor.world") / "data" / "styles.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


@cache
def buttons(weapon: str | None) -> tuple[tuple[str, str], ...]:
    """(label, what it trains) of the style buttons for a weapon's display name; None is bare hands."""
    kinds, endings = styles()["kinds"], styles()["endings"]
    kind = "unarmed"
    if weapon:
        fits = [e for e in endings if key(weapon).endswith(key(e))]
        kind = endings[max(fits, key=len)] if fits else "slash_sword"
    return tuple((label, trains) for label, trains in kinds[kind].items())


@cache
def shops() -> tuple[Shop, ...]:
    """All shops."""
    return tuple(
        Shop(
            row["id"],
            tuple(row["keepers"]),
            tuple(row["at"]),
            {k: (n, price) for k, (n, price) in row["stock"].items()},
        )
        for row in read("shops.yaml")
    )
