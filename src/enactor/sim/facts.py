"""What never changes: items, creatures, scenery, skills, shops. Read once, shared by all worlds.

Names, levels, requirements and values come from `enactor.world`'s tables; positions, rates and drop tables from
this package's own `data` (sources named there). An item that no table knows is taken as a plain thing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Tile = tuple[int, int, int]
_CHUNK = 4  # things are indexed by squares of 16 tiles


@cache
def key(name: str) -> str:
    """The form in which names are compared: underscores are spaces, case does not count."""
    return " ".join(name.replace("_", " ").casefold().split())


@dataclass(frozen=True, slots=True)
class Item:
    """One kind of item. `needs` are levels to wear it; `skill`, `level`, `xp`, `makes` what it is worked into."""

    name: str
    kind: str = "other"
    value: int = 1
    heals: int = 0
    stack: bool = False
    slot: str | None = None
    two_handed: bool = False
    needs: Mapping[str, int] = field(default_factory=dict)
    accuracy: int = 0
    strength: int = 0
    armour: int = 0
    speed: int = 4
    skill: str | None = None
    level: int = 1
    xp: float = 0.0
    makes: str | None = None


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


@cache
def table(name: str) -> tuple[Mapping[str, str], ...]:
    """Rows of one of the world's tables, as text."""
    text = (files("enactor.world") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


def amounts(text: str) -> dict[str, int]:
    """`"Air rune x3;Law rune x1"` as counts."""
    counts: dict[str, int] = {}
    for part in filter(None, text.split(";")):
        name, _, count = part.strip().rpartition(" x")
        counts[name or part.strip()] = int(count) if name else 1
    return counts


def counted(text: str) -> tuple[str, int]:
    """`"Coins x30"` as a name and a count; a bare name counts one."""
    ((name, count),) = amounts(text).items()
    return name, count


# -- items ----------------------------------------------------------------------------------------------------


@cache
def _items() -> dict[str, Item]:
    found = {}
    for row in table("items"):
        needs = {}
        for part in filter(None, row["needs"].replace(";", ",").split(",")):
            skill, _, level = part.strip().rpartition(" ")
            needs[skill] = int(level)
        found[key(row["name"])] = Item(
            name=row["name"],
            kind=row["kind"],
            value=int(row["value"] or 1),
            heals=int(row["heals"] or 0),
            stack=bool(row["stack"]),
            slot=row["slot"] or None,
            two_handed=bool(row["two_handed"]),
            needs=needs,
            accuracy=int(row["accuracy"] or 0),
            strength=int(row["strength"] or 0),
            armour=int(row["armour"] or 0),
            speed=int(row["speed"] or 4),
            skill=row["skill"] or None,
            level=int(row["level"] or 1),
            xp=float(row["xp"] or 0),
            makes=row["makes"] or None,
        )
    return found


@cache
def item(name: str) -> Item:
    """The item of that name; an unknown one is a plain, unstackable thing."""
    return _items().get(key(name)) or Item(name.replace("_", " "))


@cache
def stackable(name: str) -> bool:
    """Does any number of it take one slot?"""
    return item(name).stack


def known_item(name: str) -> bool:
    """Is it in the world's table?"""
    return key(name) in _items()


# -- places of things -----------------------------------------------------------------------------------------


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


@cache
def _placed() -> tuple[tuple[Spawn, ...], tuple[Thing, ...], tuple[Lying, ...]]:
    data, uid = read("spawns.yaml"), iter(range(1, 1_000_000))
    kinds = creatures()
    spawns: list[Spawn] = []
    for name, positions in data["creatures"].items():
        for tile in _spread(positions):
            spawns.append(_creature(next(uid), name, tile, kinds))
    for name, person in data["people"].items():
        actions = tuple(person.get("actions", ("Talk-to",)))
        for tile in _spread(person["at"]):
            spawns.append(Spawn(next(uid), name, tile, actions, hidden=bool(person.get("hidden"))))
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
def creatures() -> Mapping[str, Mapping[str, str]]:
    """Rows of the world's creature table by comparison key."""
    return {key(row["name"]): row for row in table("creatures")}


def _creature(uid: int, name: str, tile: Tile, kinds: Mapping[str, Mapping[str, str]]) -> Spawn:
    row = kinds.get(key(name), {})
    level = int(row.get("level") or 0)
    return Spawn(
        uid,
        name,
        tile,
        ("Talk-to", "Attack", "Pickpocket") if name in ("Man", "Woman", "Guard") else ("Attack",),
        level=level,
        hp=int(row.get("hitpoints") or max(level, 1)),
        max_hit=int(row.get("max_hit") or (level + 7) // 8),
        always=tuple(filter(None, (row.get("always") or "").split(";"))),
        aggressive=name in read("spawns.yaml")["aggressive"],
    )


def stray(uid: int, name: str, tile: Tile) -> Spawn:
    """A creature outside the spawn list (one that a start state names), with what the table knows of it."""
    return _creature(uid, name.replace("_", " "), tile, creatures())


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
    for one in (*spawns(), *things()):
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
    """Name of the walkable region: an island, the underground or the mainland."""
    x, y, _ = tile
    if y > 4400 or x > 4000:
        return f"underground {x >> 7},{y >> 7}"
    for name, (west, south, east, north) in read("spawns.yaml")["islands"].items():
        if west <= x <= east and south <= y <= north:
            return str(name)
    return "mainland"


# -- skills ---------------------------------------------------------------------------------------------------


@cache
def fish() -> Mapping[str, Mapping[str, Any]]:
    """Catch (comparison key) -> item, tool, bait, method, level, xp, low, high, river."""
    rates = read("skills.yaml")["fishing"]
    return {
        key(row["item"]): {
            "item": row["item"],
            "name": row["name"],
            "tool": row["tool"],
            "bait": row["bait"] or None,
            "method": row["action"],
            "level": int(row["level"]),
            "xp": float(row["xp"]),
            "river": False,
            **rates.get(row["item"], {"low": 4, "high": 40}),
        }
        for row in table("fish")
    }


@cache
def trees() -> Mapping[str, Mapping[str, Any]]:
    """Tree (comparison key) -> logs, level, xp, low, high, returns, yields."""
    rates = read("skills.yaml")["trees"]
    rows = {row["name"]: row for row in table("trees")}
    rows["Dead tree"] = rows["Tree"]
    return {
        key(name): {
            "name": name,
            "logs": row["logs"],
            "level": int(row["level"]),
            "xp": float(row["xp"]),
            **rates[name],
        }
        for name, row in rows.items()
    }


@cache
def rocks() -> Mapping[str, Mapping[str, Any]]:
    """Ore or rock (comparison key of ore name, item or rocks) -> item, rocks, level, xp, low, high, returns."""
    rates = read("skills.yaml")["rocks"]
    found: dict[str, Mapping[str, Any]] = {}
    for row in table("ores"):
        entry = {
            "item": row["item"],
            "rocks": row["rocks"],
            "level": int(row["level"]),
            "xp": float(row["xp"]),
            **rates.get(row["rocks"], {"low": 1, "high": 20, "returns": 200}),
        }
        for alias in (row["name"], row["item"], row["rocks"]):
            found[key(alias)] = entry
    return found


@cache
def bars() -> Mapping[str, Mapping[str, Any]]:
    """Bar (comparison key, with and without "bar") -> name, takes, level, xp."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in table("bars"):
        entry = {
            "name": row["name"],
            "takes": amounts(row["ingredients"]),
            "level": int(row["level"]),
            "xp": float(row["xp"]),
        }
        found[key(row["name"])] = entry
        found.setdefault(key(row["name"]).removesuffix(" bar"), entry)
    return found


@cache
def spells() -> Mapping[str, Mapping[str, Any]]:
    """Spell (comparison key) -> name, kind, level, xp, hit, runes, lands."""
    return {
        key(row["name"]): {
            "name": row["name"],
            "kind": row["kind"],
            "level": int(row["level"] or 0),
            "xp": float(row["xp"] or 0),
            "hit": int(row["max_hit"] or 0),
            "runes": amounts(row["runes"]),
            "lands": tuple(int(n) for n in row["lands"].split()) if row["lands"] else None,
        }
        for row in table("spells")
    }


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
