"""Places by name, nickname, kind or by who lives there, and the way from a phrase to one tile."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from enactor.world.catalogue import CREATURES, Row, Table, split
from enactor.world.names import Match, resolve_npc
from enactor.world.spec import CommandError
from enactor.world.spelling import MARGIN, Entry, Hit, Index, key_of
from enactor.world.state import Tile

UNDERGROUND = 6400
"""The cellars of the map lie this many tiles north of what is above them."""
_FLOOR = 10
_BELOW = 40


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the map. `form` is its key; `kind` is what it is good for (`bank`, `mine`, `spawn`, …);
    `region` the town it belongs to, or `members`; `note` says what was decided about conflicting sources."""

    name: str
    form: str
    aliases: tuple[str, ...]
    tile: Tile
    kind: str
    region: str
    note: str = ""

    @property
    def x(self) -> int:
        """East of the map's west edge, in tiles."""
        return self.tile[0]

    @property
    def y(self) -> int:
        """North of the map's south edge, in tiles."""
        return self.tile[1]

    @property
    def plane(self) -> int:
        """The floor: 0 is the ground."""
        return self.tile[2]


def _place(row: Row) -> Place:
    return Place(
        name=row["name"].replace("_", " "),
        form=row["name"],
        aliases=split(row["aliases"], "|"),
        tile=(int(row["x"]), int(row["y"]), int(row["plane"])),
        kind=row["kind"],
        region=row["region"],
        note=row["note"],
    )


PLACES: Mapping[str, Place] = Table("places.csv", _place, lambda place: place.form)

_KINDS = {
    "bank": "bank", "bank booth": "bank", "banker": "bank", "bank chest": "bank", "furnace": "furnace",
    "smelter": "furnace", "forge": "furnace", "anvil": "anvil", "smithing spot": "anvil", "range": "range",
    "cooking range": "range", "stove": "range", "oven": "range", "cooker": "range", "cooking spot": "range",
    "fishing spot": "fishing", "fishing": "fishing", "fish": "fishing", "fishing place": "fishing",
    "fish spot": "fishing", "fishing area": "fishing", "mine": "mine", "mining spot": "mine",
    "mining": "mine", "mining area": "mine",
    "rock": "mine", "ore": "mine", "altar": "altar", "chapel": "altar",
    "church": "altar", "shop": "store", "store": "store",
    "general store": "store", "tree": "tree", "woodcutting spot": "tree",
    "town": "town", "city": "town", "village": "town", "dock": "dock", "harbour": "dock", "port": "dock",
    "harbor": "dock", "dungeon": "dungeon", "guild": "guild", "deposit box": "deposit",
}  # fmt: skip
_NEAREST = re.compile(
    r"^(?:(?:the|a|my|any|whatever|whichever)\s+)*(?:nearest|closest|nearby|local)\s+(?:to\s+me\s+)?"
)
_LEAD = re.compile(
    r"^(?:(?:go|walk|run|head|travel|back|over|down|up|out|to|towards?|at|by|near|into|in|inside|the|of)\s+)+"
)
_BETWEEN = re.compile(r"\s(?:in|at|near|by|of|outside|inside|around|on|next to|from|the)(?=\s)")
_WHERE = re.compile(r"^where\s+(?:the\s+)?(?P<who>.+?)\s+(?:are|is|live|lives|spawn|spawns|hang out|at)$")


def resolve_place(text: str, near: Tile | None = None) -> Match:
    """The place that a phrase means, with its tile.

    A kind ("bank", "the closest furnace") is the nearest of that kind to `near`; names that two places share
    go to the nearer one, without `near` to the first of the table; a creature stands for where it lives.
    Raises `CommandError` with candidates when several different places could be meant, when none is, and for
    bare numbers, which are coordinates.
    """
    said = " ".join(text.casefold().replace("_", " ").split())
    if said and all(part.strip(",.-").isdigit() for part in said.split()):
        raise CommandError(f'"{said}" are coordinates, not the name of a place; use GOTO x y plane.')
    if found := _WHERE.match(said):
        said = found["who"]
    wants_nearest = bool(_NEAREST.match(said))
    said = _LEAD.sub("", _NEAREST.sub("", said)) or said
    plain = _towns_spelt_out(_BETWEEN.sub(" ", said))
    if not key_of(plain):
        raise CommandError("The name of a place is missing.")
    index = _index()
    kind = _KINDS.get(key_of(plain)) or _KINDS.get(key_of(said))
    exact = index.exact(said) or index.exact(plain)
    if kind is not None and (near is not None or not exact):
        return _nearest_of_kind(kind, said, near)
    if exact:
        return _nearest(exact, near)
    hits = index.find(plain)
    home = _home(said, near)
    if home is not None and (not hits or hits[0].cost > home[1] + 0.05 or wants_nearest):
        return home[0]
    if not hits:
        close = index.near(plain)
        hint = f" Did you mean {', '.join(close)}?" if close else ""
        raise CommandError(f'No place is called "{said[:60]}".{hint}', candidates=close)
    tied = [hit for hit in hits if hit.cost - hits[0].cost < MARGIN]
    if len({hit.key for hit in tied}) > 1 and not _same_spot(tied):
        names = tuple(hit.entry.name for hit in tied[:5])
        raise CommandError(f'"{said[:60]}" could be {", ".join(names)}.', candidates=names)
    return _nearest(tied, near)


def distance(one: Tile, other: Tile) -> int:
    """Tiles to walk at least: the longer of the two axes, 10 a floor more, 40 for going underground."""
    (x, y, plane), (u, v, floor) = one, other
    below = (y >= UNDERGROUND) != (v >= UNDERGROUND)
    across = abs(y % UNDERGROUND - v % UNDERGROUND) if below else abs(y - v)
    return max(abs(x - u), across) + _FLOOR * abs(plane - floor) + _BELOW * below


def nearest(kind: str, near: Tile) -> Place:
    """The nearest place of a kind (`bank`, `furnace`, …). Raises `KeyError` for a kind that no place has."""
    of_kind = [place for place in PLACES.values() if place.kind == kind]
    if not of_kind:
        raise KeyError(kind)
    return min(of_kind, key=lambda place: distance(place.tile, near))


def _nearest_of_kind(kind: str, said: str, near: Tile | None) -> Match:
    if near is not None:
        place = nearest(kind, near)
        return Match(place.name, place.form, 100.0, place.tile)
    names = tuple(place.name for place in PLACES.values() if place.kind == kind)
    if len(names) == 1:
        place = next(place for place in PLACES.values() if place.kind == kind)
        return Match(place.name, place.form, 100.0, place.tile)
    raise CommandError(
        f'Which {said[:30]}? Where the player stands is not known, so "the nearest" cannot be worked out.',
        candidates=names[:5],
    )


def _nearest(hits: Sequence[Hit], near: Tile | None) -> Match:
    proper = [hit for hit in hits if hit.cost == 0]
    chosen = (proper or list(hits))[0]
    if not proper and near is not None:
        chosen = min(hits, key=lambda hit: distance(PLACES[hit.entry.form].tile, near))
    score = round(100 * max(0.0, 1 - chosen.cost / 3), 1)
    return Match(chosen.entry.name, chosen.entry.form, score, PLACES[chosen.entry.form].tile)


def _same_spot(hits: Sequence[Hit]) -> bool:
    tiles = [PLACES[hit.entry.form].tile for hit in hits]
    return all(distance(tile, tiles[0]) <= 8 for tile in tiles)


def _home(said: str, near: Tile | None) -> tuple[Match, float] | None:
    """Where the creature of that name lives, and how far the words are from its name (0 to 3)."""
    try:
        found = resolve_npc(said)
    except CommandError:
        return None
    tiles = CREATURES[found.form].where
    if not tiles:
        return None
    tile = tiles[0] if near is None else min(tiles, key=lambda each: distance(each, near))
    return Match(found.name, found.form, found.score, tile), 3 * (1 - found.score / 100)


def _towns_spelt_out(said: str) -> str:
    """ "fally mine" -> "falador mine": the nickname of a town beside other words."""
    words = said.split()
    if len(words) < 2:
        return said
    return " ".join(_towns().get(word, word) for word in words)


@cache
def _towns() -> Mapping[str, str]:
    return {
        alias: place.name
        for place in PLACES.values()
        if place.kind == "town" and place.region != "members"
        for alias in place.aliases
        if " " not in alias
        and len(alias) > 2
        and alias not in {*_KINDS, *place.name.split(), "home", "spawn"}
    }


@cache
def _index() -> Index:
    return Index(
        Entry(
            place.name,
            place.form,
            place.aliases,
            () if place.region == "members" else (place.region.replace("_", " "),),
        )
        for place in PLACES.values()
    )
