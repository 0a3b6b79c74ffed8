"""From what people call things to what the plugin calls them.

Each `resolve_…` takes the words of a player (any case, plural, underscores or spaces, slips, nicknames) and
returns one `Match`, or raises `CommandError` with up to five candidates. It never guesses between two:
a name has to be clearly closer than the next one, or the state has to decide (held, in the bank, in sight).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from enactor.world.catalogue import BARS, CREATURES, FISH, ITEMS, OBJECTS, ORES, SPELLS, TREES, Item, form_of
from enactor.world.spec import CommandError
from enactor.world.spelling import MARGIN, Entry, Hit, Index, key_of
from enactor.world.state import GameState, Tile

CANDIDATES = 5
_DOSE = re.compile(r"\s*\(\d\)$")
_STATE_REACH = 1.0
"""What is held or in sight may cost so much more than the best hit and still be what is meant."""
_ANY_FOOD = frozenset(
    {"food", "fish", "something", "anything", "any", "some", "best", "grub", "snack", "meal"}
)


@dataclass(frozen=True, slots=True)
class Match:
    """What a phrase means: `form` is how commands spell it, `score` 100 for the very name, `tile` where."""

    name: str
    form: str
    score: float
    tile: Tile | None = None


def resolve_item(text: str, state: GameState | None = None, among: Collection[str] | None = None) -> Match:
    """An item. `among` (display names) confines the choice, e.g. to what is held; names in it that our tables
    do not know are taken as they stand."""
    if among is not None:
        index = _confined(among)
        hits = index.find(text)
        if _items().exact(text) and not index.exact(text):
            # well spelt, but something else: "tuna" may mean the raw tuna held, "lobster" not the lobster pot
            hits = [hit for hit in hits if _ends_alike(key_of(text), key_of(hit.entry.name))]
        return _choose("item", text, hits, index=index)
    held, banked = _carried(state)
    index = _with_seen(_items(), (*held, *banked))
    return _choose("item", text, index.find(text), (held, banked), index)


def resolve_food(text: str, state: GameState | None = None) -> Match:
    """Something that can be eaten. "food", "anything" mean the held food that heals most."""
    held, banked = _carried(state)
    edible = [item for name in held if (item := ITEMS.get(form_of(name))) is not None and item.heals]
    if edible and all(word in _ANY_FOOD for word in key_of(text).split()):
        best = max(edible, key=lambda item: item.heals)
        return Match(best.name, best.form, 100.0)
    index = _items_of("food")
    return _choose("food", text, index.find(text), (held, banked), index)


def resolve_raw(text: str, state: GameState | None = None) -> Match:
    """A raw food, with or without the word "raw"."""
    return _of_kind("raw food", text, state, without="raw ")


def resolve_logs(text: str, state: GameState | None = None) -> Match:
    """A kind of logs: `oak`, `willow logs`, `wood`."""
    return _of_kind("logs", text, state)


def resolve_bones(text: str, state: GameState | None = None) -> Match:
    """A kind of bones: `bones`, `big bones`, `dbones`."""
    return _of_kind("bones", text, state)


def resolve_bar(text: str, state: GameState | None = None) -> Match:
    """A metal bar: `steel`, `iron bars`."""
    index = _table("bars")
    held, banked = _carried(state)
    return _choose("bar", text, index.find(text), (held, banked), index)


def resolve_ore(text: str) -> Match:
    """What `MINE_ORE` takes: `iron`, `coal`, `rune_essence`."""
    return _choose("ore", text, _table("ores").find(text), index=_table("ores"))


def resolve_tree(text: str) -> Match:
    """What `CHOP_TREE` takes: `Tree`, `Oak`, `Willow`."""
    return _choose("tree", text, _table("trees").find(text), index=_table("trees"))


def resolve_fish(text: str) -> Match:
    """What `FISH` takes: `shrimp`, `lobster`."""
    return _choose("fish", text, _table("fish").find(text), index=_table("fish"))


def resolve_spell(text: str) -> Match:
    """A spell of the standard book, full name or nickname (`high alch`, `varrock tele`)."""
    return _choose("spell", text, _table("spells").find(text), index=_table("spells"))


def resolve_npc(text: str, state: GameState | None = None) -> Match:
    """A creature or person. One that is in sight is accepted even when our tables do not know it."""
    seen = state.npcs if state is not None else ()
    index = _with_seen(_table("npcs"), seen)
    hits = index.find(text)
    if hits and hits[0].cost == 0 and seen and not _is_in(hits[0], seen):
        # "kill frogs" where only giant frogs are: the last word of a name stands for the ones in sight
        last = key_of(text).split()[-1]
        meant = [
            hit
            for hit in hits[1:]
            if _is_in(hit, seen)
            and key_of(hit.entry.name).split()[-1] == last
            and _role(hit) == _role(hits[0])  # no man to fight is the Wise Old Man of the bank
        ]
        if len(meant) == 1:
            return _match(meant[0])
    return _choose("creature", text, hits, (seen,), index)


def _role(hit: Hit) -> str | None:
    creature = CREATURES.get(hit.entry.form)
    return None if creature is None else creature.role


def resolve_object(text: str, state: GameState | None = None) -> Match:
    """An object of the scene. One that is in sight is accepted even when our tables do not know it."""
    seen = state.objects if state is not None else ()
    index = _with_seen(_table("objects"), seen)
    return _choose("object", text, index.find(text), (seen,), index)


def _of_kind(kind: str, text: str, state: GameState | None, without: str = "") -> Match:
    held, banked = _carried(state)
    index = _items_of(kind, without)
    return _choose(kind, text, index.find(text), (held, banked), index)


def _choose(
    what: str,
    text: str,
    hits: Sequence[Hit],
    preferred: Iterable[Collection[str]] = (),
    index: Index | None = None,
) -> Match:
    """The one hit that is meant. `preferred` are groups of display names, the strongest first."""
    if not hits:
        near = index.near(text) if index is not None else ()
        hint = f" Did you mean {_listed(near)}?" if near else ""
        raise CommandError(f"No {what} is called {_said(text)}.{hint}", candidates=near)
    best = hits[0]
    if best.cost == 0 and sum(hit.cost == 0 for hit in hits) == 1:
        return _match(best)
    for group in preferred:
        inside = [hit for hit in hits if hit.cost <= best.cost + _STATE_REACH and _is_in(hit, group)]
        if inside and (len(inside) == 1 or inside[1].cost - inside[0].cost >= MARGIN):
            return _match(inside[0])
        if inside:
            raise _ambiguous(what, text, inside)
    if len(hits) > 1 and hits[1].cost - best.cost < MARGIN and not _settled(best, hits[1]):
        raise _ambiguous(what, text, hits)
    return _match(best)


def _ends_alike(said: str, name: str) -> bool:
    """Whether all words said are words of the name, its last one among them."""
    words = name.split()
    return set(said.split()) <= set(words) and words[-1] in said.split()


def _settled(best: Hit, second: Hit) -> bool:
    """A name as it is written beats every name that would need a slip or more words."""
    return best.cost < 0.36 and second.cost > best.cost and second.cost >= 0.5


def _ambiguous(what: str, text: str, hits: Sequence[Hit]) -> CommandError:
    names = tuple(hit.entry.name for hit in hits if hit.cost - hits[0].cost < 2 * MARGIN)[:CANDIDATES]
    return CommandError(f"{_said(text)} could be more than one {what}: {_listed(names)}.", candidates=names)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _said(text: str) -> str:
    shown = text.replace("_", " ").strip()
    return f'"{shown[:60]}"'


def _match(hit: Hit) -> Match:
    return Match(hit.entry.name, hit.entry.form, round(100 * max(0.0, 1 - hit.cost / 3), 1))


def _is_in(hit: Hit, names: Collection[str]) -> bool:
    keys = {key_of(name) for name in names}
    return key_of(hit.entry.name) in keys or key_of(hit.entry.form) in keys


def _carried(state: GameState | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Display names of what is on the player, and of what is in the bank."""
    if state is None:
        return (), ()
    held = [stack.name for stack in state.inventory or ()] + list((state.equipment or {}).values())
    return tuple(dict.fromkeys(held)), tuple(state.bank or ())


def _with_seen(index: Index, names: Collection[str]) -> Index:
    """The index with the names that it does not know yet."""
    known = _known_keys(index)
    new = [name for name in dict.fromkeys(names) if name and key_of(name) and key_of(name) not in known]
    if not new:
        return index
    return Index((*index.entries, *(Entry(name, form_of(name)) for name in new)))


@cache
def _known_keys(index: Index) -> frozenset[str]:
    return frozenset(key_of(entry.name) for entry in index.entries)


def _confined(names: Collection[str]) -> Index:
    entries: dict[str, Entry] = {}
    for name in names:
        item = _by_key().get(key_of(name))
        if item is not None:
            entry = Entry(item.name, item.form, item.aliases)
        elif (full := _by_key().get(key_of(_DOSE.sub("", name)))) is not None:
            entry = Entry(name, form_of(name), (full.name, *full.aliases))
        else:
            entry = Entry(name, form_of(name))
        entries.setdefault(entry.form, entry)
    return Index(entries.values())


@cache
def _by_key() -> Mapping[str, Item]:
    return {key_of(item.name): item for item in ITEMS.values()}


@cache
def _items() -> Index:
    return Index(Entry(item.name, item.form, item.aliases) for item in ITEMS.values())


@cache
def _items_of(kind: str, without: str = "") -> Index:
    chosen = [item for item in ITEMS.values() if item.kind == kind]
    return Index(Entry(item.name, item.form, (*item.aliases, *_bare(item.name, without))) for item in chosen)


def _bare(name: str, without: str) -> tuple[str, ...]:
    return (name.lower().removeprefix(without),) if without else ()


@cache
def _table(name: str) -> Index:
    tables: Mapping[str, Callable[[], Iterable[Entry]]] = {
        "npcs": lambda: (Entry(c.name, c.form, c.aliases) for c in CREATURES.values()),
        "objects": lambda: (Entry(o.name, o.form, o.aliases) for o in OBJECTS.values()),
        "spells": lambda: (Entry(s.name, s.form, s.aliases) for s in SPELLS.values()),
        "trees": lambda: (Entry(t.name, t.form, t.aliases) for t in TREES.values()),
        "ores": lambda: (Entry(o.name, o.form, o.aliases) for o in ORES.values()),
        "fish": lambda: (Entry(f.name, f.form, f.aliases) for f in FISH.values()),
        "bars": lambda: (Entry(b.name, b.form, b.aliases) for b in BARS.values()),
    }
    return Index(tables[name]())
