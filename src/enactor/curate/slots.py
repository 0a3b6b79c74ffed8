"""What fills the slots of a template: names as people write them, numbers, directions.

A `Filler` gives for each slot type a `Fill`: the words to be said, in the plural where the template asks for
it, and the canonical word that they stand for.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from enactor.curate.fillings import (
    ACTIONS,
    CALL_SHAPES,
    CALLS,
    COMMON,
    COUNTS,
    DIRECTIONS,
    DISTANCES,
    LARGE,
    MADE_UP_FIRST,
    MADE_UP_LAST,
    OPTIONS,
    ORDERS,
    QUESTS,
    ROUTINES,
    SKILLS,
    SMALL_COUNTS,
    SPELL_KINDS,
    STYLES,
    TABS,
    TOPICS,
    WORD_COUNTS,
)
from enactor.errors import EnactorError
from enactor.world import BARS, CREATURES, FISH, ITEMS, OBJECTS, ORES, PLACES, SPELLS, TREES, GameState
from enactor.world.menu import style_buttons
from enactor.world.phrasebook import pieces

SINGULAR = {"npcs": "npc", "items": "item", "logs": "log", "bones": "bone"}


@dataclass(frozen=True, slots=True)
class Fill:
    """`said` is the singular as a player writes it, `plural` the same for many; `means` is the canonical word
    (a command form, a number, a direction)."""

    said: str
    plural: str
    means: str


def plural(name: str) -> str:
    """The English plural of the last word."""
    low = name.lower()
    for one, many in (
        ("wolf", "wolves"),
        ("man", "men"),
        ("mouse", "mice"),
        ("dwarf", "dwarves"),
        ("thief", "thieves"),
    ):
        if low.endswith(one) and not low.endswith("human"):
            return name[: -len(one)] + many
    if low.endswith(
        ("s", "ore", "food", "meat", "beef", "bait", "coal", "clay", "tuna", "wool", "flour", "dough", "milk")
    ):
        return name if not low.endswith(("ss", "us")) else name + "es"
    if low.endswith(("x", "ch", "sh")):
        return name + "es"
    if low.endswith("y") and low[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


class Filler:
    """Draws fills. `state` is the case of the row that is being made: slots for held things choose from its
    inventory."""

    def __init__(self, rng: random.Random, state: Mapping[str, Any]) -> None:
        self.rng = rng
        self.state = state

    def __call__(self, slot: str) -> Fill:
        """One fill for a slot type (singular name). Raises `EnactorError` for a type that no one declared."""
        draw = _DRAWS.get(slot)
        if draw is None:
            raise EnactorError(f"the phrasebook uses slot {{{slot}}}, which curate/slots.py does not declare")
        return draw(self)

    def for_command(self, slot: str, verbs: str) -> Fill:
        """A fill that suits the commands `verbs`: a spell that can be cast at a creature for CAST_SPELL_NPC,
        an object with that menu entry, and so on."""
        if slot == "spell":
            kinds = next((kinds for verb, kinds in SPELL_KINDS if verb in verbs), ("teleport",))
            return self.named([form for form, spell in SPELLS.items() if spell.kind in kinds], SPELLS)
        if slot == "text":
            return self.word(TOPICS if "WIKI_QUERY" in verbs else OPTIONS)
        if slot == "n" and (limit := next((top for verb, top in SMALL_COUNTS if verb in verbs), 0)):
            if self.rng.random() < 0.15:
                return self.word_count(limit)
            return self.number(
                (self.rng.randint(2, limit), 5, 10) if limit < 60 else (self.rng.randint(2, 60), 10, 20, 30)
            )
        return self(slot)

    def word_count(self, limit: int) -> Fill:
        """A number in words, at most `limit`."""
        word = self.rng.choice([w for w, n in WORD_COUNTS.items() if n <= limit])
        return Fill(word, word, str(WORD_COUNTS[word]))

    def named(self, forms: Iterable[str], table: Mapping[str, Any]) -> Fill:
        """One of the table's rows, by its own name or one of its aliases."""
        row = table[self.rng.choice(tuple(forms))]
        said = row.name
        short = [a for a in row.aliases if len(a) > 2]
        if short and self.rng.random() < 0.25:
            said = self.rng.choice(short)
        said = said.lower() if self.rng.random() < 0.85 else said
        return Fill(said, plural(said), row.form)

    def npc(self) -> Fill:
        draw = self.rng.random()
        if draw < 0.12:
            name = f"{self.rng.choice(MADE_UP_FIRST)} {self.rng.choice(MADE_UP_LAST)}"
            return Fill(name, plural(name), "")
        if draw < 0.45:
            return self.named([c for c in COMMON if c in CREATURES], CREATURES)
        return self.named(_fighters(), CREATURES)

    def held(self, *kinds: str) -> Fill:
        """Something in the inventory of the wanted kinds, by its name or a shorter way to say it."""
        names = [str(row).rpartition(" x")[0] or str(row) for row in self.state.get("inventory") or ()]
        forms = [name.replace(" ", "_") for name in dict.fromkeys(names)]
        fitting = [f for f in forms if f in ITEMS and (not kinds or ITEMS[f].kind in kinds)]
        if not fitting:
            fitting = [f for f, item in _items() if not kinds or item.kind in kinds]
        return self.named(fitting, ITEMS)

    def item(self, *kinds: str) -> Fill:
        return self.named([f for f, item in _items() if not kinds or item.kind in kinds], ITEMS)

    def count(self) -> Fill:
        draw = self.rng.random()
        if draw < 0.16:
            word = self.rng.choice(tuple(WORD_COUNTS))
            return Fill(word, word, str(WORD_COUNTS[word]))
        pool = COUNTS if draw < 0.6 else LARGE if draw < 0.8 else (self.rng.randrange(2, 1000),)
        return self.number(pool)

    def number(self, pool: Iterable[int]) -> Fill:
        n = str(self.rng.choice(tuple(pool)))
        return Fill(n, n, n)

    def word(self, words: Iterable[str]) -> Fill:
        said = self.rng.choice(tuple(words))
        return Fill(said, said, said)

    def direction(self) -> Fill:
        means = self.rng.choice(tuple(DIRECTIONS))
        said = self.rng.choice(DIRECTIONS[means])
        return Fill(said, said, means)

    def style(self) -> Fill:
        """A skill or a stance, which any weapon has, or a button of the weapon in hand."""
        buttons = style_buttons(GameState.from_case(self.state)) or {}
        trained = set(buttons.values())
        words = [w for w, skill in STYLES.items() if skill in trained]
        labels = [label.lower() for label in buttons]
        return self.word(labels if labels and (not words or self.rng.random() < 0.35) else words or STYLES)

    def order(self, *, doing: bool = False) -> Fill:
        """An order that is spoken of and not given: "kill the cows", or "killing the cows"."""
        verb, ing, rest = self.rng.choice(ORDERS)
        said = f"{ing if doing else verb} {self._filled(rest)}"
        return Fill(said, said, said)

    def call(self) -> Fill:
        """A command as it is quoted: its line or verb, bare or in one of the shapes of a call."""
        line = self._filled(self.rng.choice(CALLS), joined=True)
        said = self.rng.choice(CALL_SHAPES).format(line=line, verb=line.partition(" ")[0])
        return Fill(said, said, said)

    def _filled(self, text: str, *, joined: bool = False) -> str:
        said = ""
        for literal, slot in pieces(text, self.rng):
            if slot is None:
                said += literal
                continue
            fill = self(SINGULAR.get(slot[0], slot[0]))
            word = fill.plural if slot[0] in SINGULAR else fill.said
            said += "_".join(word.split()) if joined else word
        return said

    def place(self) -> Fill:
        place = self.rng.choice(_places())
        said = place.name.replace("_", " ")
        if place.aliases and self.rng.random() < 0.5:
            said = self.rng.choice(place.aliases)
        return Fill(said, said, place.form)


@cache
def _items() -> tuple[tuple[str, Any], ...]:
    return tuple(ITEMS.items())


@cache
def _fighters() -> tuple[str, ...]:
    return tuple(form for form, creature in CREATURES.items() if creature.role == "combat")


@cache
def _people() -> tuple[str, ...]:
    return tuple(form for form, creature in CREATURES.items() if creature.role == "person")


@cache
def _places() -> tuple[Any, ...]:
    return tuple(PLACES.values())


_DRAWS: dict[str, Callable[[Filler], Fill]] = {
    "npc": Filler.npc,
    "person": lambda f: f.named(_people(), CREATURES),
    "item": Filler.item,
    "shop_item": lambda f: f.item("tool", "container", "rune", "ammo", "food", "weapon", "armour"),
    "held": Filler.held,
    "food": lambda f: f.held("food"),
    "raw": lambda f: f.held("raw food"),
    "bones": lambda f: f.held("bones"),
    "bone": lambda f: f.held("bones"),
    "logs": lambda f: f.held("logs"),
    "log": lambda f: f.held("logs"),
    "gear": lambda f: f.held("weapon", "armour"),
    "wearable": lambda f: f.item("weapon", "armour"),
    "edible": lambda f: f.item("food"),
    "uncooked": lambda f: f.item("raw food"),
    "ore": lambda f: f.named(ORES, ORES),
    "fish": lambda f: f.named(FISH, FISH),
    "tree": lambda f: f.named(TREES, TREES),
    "bar": lambda f: f.named(BARS, BARS),
    "spell": lambda f: f.named(SPELLS, SPELLS),
    "object": lambda f: f.named(OBJECTS, OBJECTS),
    "place": Filler.place,
    "action": lambda f: f.word(ACTIONS),
    "quest": lambda f: f.word(QUESTS),
    "routine": lambda f: f.word(ROUTINES),
    "name": lambda f: f.word(ROUTINES),
    "dir": Filler.direction,
    "dist": lambda f: f.word(DISTANCES),
    "n": Filler.count,
    "qty": Filler.count,
    "pct": lambda f: f.number((5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80)),
    "level": lambda f: f.number(range(5, 99)),
    "skill": lambda f: f.word(SKILLS),
    "style": Filler.style,
    "tab": lambda f: f.word(TABS),
    "x": lambda f: f.number((f.rng.randrange(2900, 3420),)),
    "y": lambda f: f.number((f.rng.randrange(3100, 3520),)),
    "plane": lambda f: f.number((0, 0, 0, 1, 2)),
    "s": lambda f: f.number((2, 3, 5, 8, 10, 15, 20, 30, 45)),
    "m": lambda f: f.number((1, 2, 3, 5, 10, 15, 30)),
    "text": lambda f: f.word(OPTIONS),
    "order": Filler.order,
    "doing": lambda f: f.order(doing=True),
    "call": Filler.call,
}
SLOT_TYPES = frozenset(_DRAWS)
