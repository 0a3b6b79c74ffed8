"""What fills the slots of a template: names as people write them, numbers, directions.

A `Filler` gives for each slot type a `Fill`: the words to be said, in the plural where the template asks for
it, and the canonical word that they stand for.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from enactor.errors import EnactorError
from enactor.world import BARS, CREATURES, FISH, ITEMS, OBJECTS, ORES, PLACES, SPELLS, TREES, GameState
from enactor.world.menu import style_buttons

_WORD_COUNTS = {
    **{"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "ten": 10},
    **{"a dozen": 12, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50},
    **{"a hundred": 100, "one hundred": 100, "two hundred": 200, "three hundred": 300, "five hundred": 500},
    **{
        "a thousand": 1000,
        "twenty five": 25,
        "1k": 1000,
        "2k": 2000,
        "5k": 5000,
        "10k": 10000,
        "half a dozen": 6,
    },
}
_COUNTS = (
    2,
    3,
    5,
    7,
    8,
    10,
    12,
    14,
    15,
    18,
    20,
    25,
    27,
    28,
    30,
    33,
    40,
    45,
    50,
    60,
    69,
    75,
    80,
    100,
    120,
    150,
    200,
)
_LARGE = (250, 300, 350, 400, 450, 500, 600, 750, 800, 1000, 1200, 1500, 2000, 2500, 5000, 10000)
_DIRECTIONS = {
    "north": ("north", "n", "up north", "north"),
    "south": ("south", "s", "south", "down south"),
    "east": ("east", "e", "east"),
    "west": ("west", "w", "west"),
    "north east": ("north east", "northeast", "ne", "north-east"),
    "north west": ("north west", "northwest", "nw", "north-west"),
    "south east": ("south east", "southeast", "se", "south-east"),
    "south west": ("south west", "southwest", "sw", "south-west"),
}
_DISTANCES = (
    "a bit",
    "a little",
    "a little bit",
    "a few tiles",
    "a few steps",
    "slightly",
    "far",
    "very far",
    "a long way",
    "way",
)
# Ways to say what a style trains.
_STYLES = {
    **{"strength": "strength", "str": "strength", "aggressive": "strength"},
    **{"attack": "attack", "att": "attack", "atk": "attack", "accurate": "attack"},
    **{"defence": "defence", "defense": "defence", "def": "defence", "defensive": "defence"},
    **{"controlled": "shared", "shared": "shared"},
}
_TABS = (
    "inventory",
    "combat",
    "skills",
    "equipment",
    "prayer",
    "magic",
    "quests",
    "quest",
    "inv",
    "stats",
    "spellbook",
    "gear",
)
_ACTIONS = ("Open", "Close", "Climb-up", "Climb-down", "Take", "Search", "Examine")
_SKILLS = (
    *(
        "attack",
        "strength",
        "defence",
        "hitpoints",
        "ranged",
        "prayer",
        "magic",
        "cooking",
        "woodcutting",
        "fishing",
    ),
    *("firemaking", "crafting", "smithing", "mining", "runecraft", "agility", "thieving"),
)
_QUESTS = (
    "Cook's Assistant",
    "Sheep Shearer",
    "The Restless Ghost",
    "Romeo and Juliet",
    "Imp Catcher",
    "Rune Mysteries",
)
_ROUTINES = (
    "chicken killer",
    "cow hides",
    "fish and cook",
    "bank run",
    "frog grind",
    "willow chopping",
    "morning run",
)
_OPTIONS = (
    *(
        "Yes",
        "No",
        "Yes please",
        "No thanks",
        "What's wrong?",
        "I'd like to trade",
        "Goodbye",
        "Tell me more",
    ),
    *(
        "I'm looking for a quest",
        "Who are you?",
        "Maybe later",
        "Where am I?",
        "Ok I'll do it",
        "Nothing thanks",
    ),
)
_TOPICS = (
    *(
        "giant frogs",
        "smithing levels",
        "cow drops",
        "cook's assistant",
        "rune scimitar",
        "best fishing spot",
    ),
    *("prayer xp", "hill giants", "lobster cooking level", "iron ore", "air altar", "how to get a bank pin"),
)
_MADE_UP_FIRST = (
    "moss",
    "swamp",
    "ash",
    "bone",
    "river",
    "grim",
    "pale",
    "iron",
    "cave",
    "old",
    "sand",
    "frost",
    "dire",
)
_MADE_UP_LAST = (
    "stalker",
    "crawler",
    "beetle",
    "ogre",
    "hound",
    "drake",
    "wisp",
    "lizard",
    "crab",
    "troll",
    "bat",
    "toad",
)
# Creatures that come up most get most of the rows, the others teach to copy names.
_COMMON = (
    "Giant_frog",
    "Cow",
    "Chicken",
    "Goblin",
    "Giant_rat",
    "Giant_spider",
    "Hill_Giant",
    "Man",
    "Guard",
    "Al_Kharid_warrior",
)


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
            kinds = next((kinds for verb, kinds in _SPELL_KINDS if verb in verbs), ("teleport",))
            return self.named([form for form, spell in SPELLS.items() if spell.kind in kinds], SPELLS)
        if slot == "text":
            return self.word(_TOPICS if "WIKI_QUERY" in verbs else _OPTIONS)
        if slot == "n" and (limit := next((top for verb, top in _SMALL_COUNTS if verb in verbs), 0)):
            if self.rng.random() < 0.15:
                return self.word_count(limit)
            return self.number(
                (self.rng.randint(2, limit), 5, 10) if limit < 60 else (self.rng.randint(2, 60), 10, 20, 30)
            )
        return self(slot)

    def word_count(self, limit: int) -> Fill:
        """A number in words, at most `limit`."""
        word = self.rng.choice([w for w, n in _WORD_COUNTS.items() if n <= limit])
        return Fill(word, word, str(_WORD_COUNTS[word]))

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
            name = f"{self.rng.choice(_MADE_UP_FIRST)} {self.rng.choice(_MADE_UP_LAST)}"
            return Fill(name, plural(name), "")
        if draw < 0.45:
            return self.named([c for c in _COMMON if c in CREATURES], CREATURES)
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
            word = self.rng.choice(tuple(_WORD_COUNTS))
            return Fill(word, word, str(_WORD_COUNTS[word]))
        pool = _COUNTS if draw < 0.6 else _LARGE if draw < 0.8 else (self.rng.randrange(2, 1000),)
        return self.number(pool)

    def number(self, pool: Iterable[int]) -> Fill:
        n = str(self.rng.choice(tuple(pool)))
        return Fill(n, n, n)

    def word(self, words: Iterable[str]) -> Fill:
        said = self.rng.choice(tuple(words))
        return Fill(said, said, said)

    def direction(self) -> Fill:
        means = self.rng.choice(tuple(_DIRECTIONS))
        said = self.rng.choice(_DIRECTIONS[means])
        return Fill(said, said, means)

    def style(self) -> Fill:
        """A skill or a stance, which any weapon has, or a button of the weapon in hand."""
        buttons = style_buttons(GameState.from_case(self.state)) or {}
        trained = set(buttons.values())
        words = [w for w, skill in _STYLES.items() if skill in trained]
        labels = [label.lower() for label in buttons]
        return self.word(labels if labels and (not words or self.rng.random() < 0.35) else words or _STYLES)

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
    "ore": lambda f: f.named(ORES, ORES),
    "fish": lambda f: f.named(FISH, FISH),
    "tree": lambda f: f.named(TREES, TREES),
    "bar": lambda f: f.named(BARS, BARS),
    "spell": lambda f: f.named(SPELLS, SPELLS),
    "object": lambda f: f.named(OBJECTS, OBJECTS),
    "place": Filler.place,
    "action": lambda f: f.word(_ACTIONS),
    "quest": lambda f: f.word(_QUESTS),
    "routine": lambda f: f.word(_ROUTINES),
    "name": lambda f: f.word(_ROUTINES),
    "dir": Filler.direction,
    "dist": lambda f: f.word(_DISTANCES),
    "n": Filler.count,
    "qty": Filler.count,
    "pct": lambda f: f.number((5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80)),
    "level": lambda f: f.number(range(5, 99)),
    "skill": lambda f: f.word(_SKILLS),
    "style": Filler.style,
    "tab": lambda f: f.word(_TABS),
    "x": lambda f: f.number((f.rng.randrange(2900, 3420),)),
    "y": lambda f: f.number((f.rng.randrange(3100, 3520),)),
    "plane": lambda f: f.number((0, 0, 0, 1, 2)),
    "s": lambda f: f.number((2, 3, 5, 8, 10, 15, 20, 30, 45)),
    "m": lambda f: f.number((1, 2, 3, 5, 10, 15, 30)),
    "text": lambda f: f.word(_OPTIONS),
}
_SPELL_KINDS = (
    ("CAST_SPELL_NPC", ("combat", "curse")),
    ("CAST_SPELL_ON_GROUND_ITEM", ("grab", "ground")),
    ("CAST_SPELL_ON_INVENTORY_ITEM", ("item", "alchemy", "enchant")),
)
# Commands whose number is a distance, a radius, a slot or what a shop holds: the most that makes sense.
_SMALL_COUNTS = (
    *(
        ("GOTO", 60),
        ("LIST_OBJECTS", 60),
        ("SCAN_TILEOBJECTS", 60),
        ("QUERY_TRANSITIONS", 60),
        ("SHOP_BUY", 40),
    ),
    *(
        ("MINE_ORE", 28),
        ("SMELT_BAR", 28),
        ("SMELT_BRONZE_BARS", 28),
        ("GE_ABORT", 8),
        ("GE_CLICK", 8),
        ("IMP_HUNT", 50),
    ),
)
SLOT_TYPES = frozenset(_DRAWS)
