"""What exists in the game, as frozen values read once from the tables in `data/`.

Items, creatures, objects, spells and what the gathering skills work on. The tables are mappings keyed by the
command form of the name (`Giant_frog`); nothing is read before the first look into one. Figures are the
published ones of the game (docs/places.md says where they come from); an empty cell is `0`, `""` or `()`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from enactor.world.state import Tile

DATA = Path(__file__).parent / "data"
V = TypeVar("V")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be held. `value` is the base price in coins, `heals` hit points.

    `needs` are the levels for wearing it. `skill`, `level` and `xp` say what using it trains (cooking a raw
    food, lighting logs, burying bones) and `makes` the display name of what comes of it. `accuracy` is the
    best attack bonus, `strength` the melee (for ammunition: ranged) strength bonus, `armour` the bonus
    against slashes, `speed` the ticks from one attack to the next.
    """

    name: str
    form: str
    kind: str
    aliases: tuple[str, ...] = ()
    value: int = 0
    heals: int = 0
    stackable: bool = False
    slot: str = ""
    two_handed: bool = False
    needs: tuple[tuple[str, int], ...] = ()
    accuracy: int = 0
    strength: int = 0
    armour: int = 0
    speed: int = 0
    skill: str = ""
    level: int = 0
    xp: float = 0.0
    makes: str = ""


@dataclass(frozen=True, slots=True)
class Creature:
    """A non-player character. `role` is `combat`, `person` or `scenery`; only the first can be fought.

    `level` is the combat level, `max_hit` hit points; `always` and `often` name what it drops.
    """

    name: str
    form: str
    aliases: tuple[str, ...] = ()
    level: int = 0
    hitpoints: int = 0
    max_hit: int = 0
    role: str = "combat"
    aggressive: bool = False
    always: tuple[str, ...] = ()
    often: tuple[str, ...] = ()
    where: tuple[Tile, ...] = ()


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the scene. `action` is what a left click does; `skill` and `level` what that takes."""

    name: str
    form: str
    aliases: tuple[str, ...] = ()
    action: str = ""
    actions: tuple[str, ...] = ()
    skill: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Spell:
    """A spell of the standard book. `runes` are (display name, count); `lands` is where a teleport ends."""

    name: str
    form: str
    aliases: tuple[str, ...] = ()
    kind: str = ""
    level: int = 0
    xp: float = 0.0
    max_hit: int = 0
    runes: tuple[tuple[str, int], ...] = ()
    lands: Tile | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A kind of tree. `logs` is the display name of what it yields; `level` and `xp` are Woodcutting's."""

    name: str
    form: str
    aliases: tuple[str, ...]
    logs: str
    level: int
    xp: float


@dataclass(frozen=True, slots=True)
class Ore:
    """What can be mined. `item` and `rocks` name the ore and the object; level and xp are Mining's."""

    name: str
    form: str
    aliases: tuple[str, ...]
    item: str
    rocks: str
    level: int
    xp: float


@dataclass(frozen=True, slots=True)
class Fish:
    """What can be caught. `item` is the raw catch, `tool` and `bait` (may be empty) are used up or held,
    `action` is the spot's menu entry; level and xp are Fishing's."""

    name: str
    form: str
    aliases: tuple[str, ...]
    item: str
    tool: str
    bait: str
    action: str
    level: int
    xp: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A metal bar. `ingredients` are (display name, count); level and xp are Smithing's for smelting one."""

    name: str
    form: str
    aliases: tuple[str, ...]
    ingredients: tuple[tuple[str, int], ...]
    level: int
    xp: float


class Table(Mapping[str, V], Generic[V]):
    """A read-only mapping whose rows are read on the first look, in the order of the file."""

    def __init__(self, file: str, read: Callable[[Row], V], key: Callable[[V], str]) -> None:
        self._file = file
        self._read = read
        self._key = key
        self._rows: dict[str, V] | None = None

    def _load(self) -> dict[str, V]:
        if self._rows is None:
            with (DATA / self._file).open(newline="", encoding="utf-8") as lines:
                values = [self._read(row) for row in csv.DictReader(lines)]
            self._rows = {self._key(value): value for value in values}
        return self._rows

    def __getitem__(self, key: str) -> V:
        return self._load()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())


def form_of(name: str) -> str:
    """The spelling that commands take: `Giant frog` -> `Giant_frog`."""
    return name.replace(" ", "_").replace("-", "_")


def split(cell: str, by: str = ";") -> tuple[str, ...]:
    """The non-empty parts of a cell that holds a list."""
    return tuple(part.strip() for part in cell.split(by) if part.strip())


def tile(cell: str) -> Tile:
    """`"3222 3218 0"` as (x, y, plane)."""
    x, y, plane = (int(part) for part in cell.split())
    return (x, y, plane)


def _counted(cell: str) -> tuple[tuple[str, int], ...]:
    pairs = (part.rsplit(" x", 1) for part in split(cell))
    return tuple((name, int(count)) for name, count in pairs)


def _needs(cell: str) -> tuple[tuple[str, int], ...]:
    pairs = (part.split() for part in split(cell))
    return tuple((skill, int(level)) for skill, level in pairs)


def _item(row: Row) -> Item:
    return Item(
        name=row["name"],
        form=form_of(row["name"]),
        kind=row["kind"],
        aliases=split(row["aliases"], "|"),
        value=int(row["value"] or 0),
        heals=int(row["heals"] or 0),
        stackable=row["stack"] == "yes",
        slot=row["slot"],
        two_handed=row["two_handed"] == "yes",
        needs=_needs(row["needs"]),
        accuracy=int(row["accuracy"] or 0),
        strength=int(row["strength"] or 0),
        armour=int(row["armour"] or 0),
        speed=int(row["speed"] or 0),
        skill=row["skill"],
        level=int(row["level"] or 0),
        xp=float(row["xp"] or 0),
        makes=row["makes"],
    )


def _creature(row: Row) -> Creature:
    return Creature(
        name=row["name"],
        form=form_of(row["name"]),
        aliases=split(row["aliases"], "|"),
        level=int(row["level"] or 0),
        hitpoints=int(row["hitpoints"] or 0),
        max_hit=int(row["max_hit"] or 0),
        role=row["role"],
        aggressive=row["aggressive"] == "yes",
        always=split(row["always"]),
        often=split(row["often"]),
        where=tuple(tile(part) for part in split(row["where"])),
    )


def _thing(row: Row) -> Thing:
    return Thing(
        name=row["name"],
        form=form_of(row["name"]),
        aliases=split(row["aliases"], "|"),
        action=row["action"],
        actions=split(row["actions"]),
        skill=row["skill"],
        level=int(row["level"] or 0),
    )


def _spell(row: Row) -> Spell:
    return Spell(
        name=row["name"],
        form=form_of(row["name"]),
        aliases=split(row["aliases"], "|"),
        kind=row["kind"],
        level=int(row["level"]),
        xp=float(row["xp"] or 0),
        max_hit=int(row["max_hit"] or 0),
        runes=_counted(row["runes"]),
        lands=tile(row["lands"]) if row["lands"] else None,
    )


def _tree(row: Row) -> Tree:
    aliases = split(row["aliases"], "|")
    return Tree(row["name"], row["form"], aliases, row["logs"], int(row["level"]), float(row["xp"]))


def _ore(row: Row) -> Ore:
    aliases = split(row["aliases"], "|")
    form = form_of(row["name"].lower())
    return Ore(row["name"], form, aliases, row["item"], row["rocks"], int(row["level"]), float(row["xp"]))


def _fish(row: Row) -> Fish:
    return Fish(
        name=row["name"],
        form=form_of(row["name"]),
        aliases=split(row["aliases"], "|"),
        item=row["item"],
        tool=row["tool"],
        bait=row["bait"],
        action=row["action"],
        level=int(row["level"]),
        xp=float(row["xp"]),
    )


def _bar(row: Row) -> Bar:
    aliases = split(row["aliases"], "|")
    made_of = _counted(row["ingredients"])
    return Bar(row["name"], form_of(row["name"]), aliases, made_of, int(row["level"]), float(row["xp"]))


ITEMS: Mapping[str, Item] = Table("items.csv", _item, lambda value: value.form)
CREATURES: Mapping[str, Creature] = Table("creatures.csv", _creature, lambda value: value.form)
OBJECTS: Mapping[str, Thing] = Table("objects.csv", _thing, lambda value: value.form)
SPELLS: Mapping[str, Spell] = Table("spells.csv", _spell, lambda value: value.form)
TREES: Mapping[str, Tree] = Table("trees.csv", _tree, lambda value: value.form)
ORES: Mapping[str, Ore] = Table("ores.csv", _ore, lambda value: value.form)
FISH: Mapping[str, Fish] = Table("fish.csv", _fish, lambda value: value.form)
BARS: Mapping[str, Bar] = Table("bars.csv", _bar, lambda value: value.form)
