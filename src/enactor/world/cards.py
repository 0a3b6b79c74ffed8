"""Which commands a message may mean: the phrasebook's nearest phrasings offer theirs.

A small model cannot keep a hundred verbs and all their phrasings in its weights. So each request is shown
with the few commands whose phrasings are nearest to it, as *cards* (`KILL_LOOP npc food kills`); the model
chooses among them, or none. Nearness is the cosine of weighted features (words, pairs of words, three
letters of a word against slips, and which kinds of names stand in it), weighted by the inverse document
frequency [Spärck Jones 1972].

Only phrasings of the training split are in the index, so that what is measured on held-out phrasings holds.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from enactor.world.catalogue import CREATURES, ITEMS
from enactor.world.commands import COMMANDS
from enactor.world.phrasebook import Template, choices, templates
from enactor.world.places import PLACES
from enactor.world.tools import TOOLS

OFFERED = 6
REPLY = "reply"  # the card of the phrasings that no call answers
_NEIGHBOURS = 40  # phrasings that have a say in the order
_WEIGHTS = {"word": 1.0, "letters": 0.35, "pair": 0.8, "kind": 1.0}
_WORD = re.compile(r"[a-z0-9']+|[?!]")
_SLOT = re.compile(r"\{([a-z_]+?)\d*\}")
_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten fifteen twenty thirty forty fifty sixty hundred "
    "thousand dozen couple few"
)
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_ITEM_SLOTS = "item items held food raw bones ore fish tree logs bar gear shop_item"
_NUMBER_SLOTS = "n qty pct level x y s m plane"
_KINDS = {
    "npcs": "npc",
    **dict.fromkeys(_ITEM_SLOTS.split(), "item"),
    **dict.fromkeys(_NUMBER_SLOTS.split(), "number"),
}
_POINT_WORDS = "north south east west northwest northeast southwest southeast n s e w nw ne sw se"
_POINTS = frozenset(_POINT_WORDS.split())
# GOTO's own form is in coordinates; people name places.
_CARDS = {"GOTO": "GOTO place"}


class Offers:
    """An index over phrasings. `offer` gives the names of the commands and tools that the nearest ones call,
    best first."""

    def __init__(self, phrasings: Iterable[Template]) -> None:
        self.phrasings = tuple(phrasings)
        self._names = [_names(template) for template in self.phrasings]
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, template in enumerate(self.phrasings):
            self._places[template.key].append(index)
        counts = [_of_template(template) for template in self.phrasings]
        frequency = Counter(feature for features in counts for feature in features)
        self._weight = {
            feature: (_WEIGHTS[feature[0]] * math.log(1 + len(counts) / n)) ** 2
            for feature, n in frequency.items()
        }
        posting: dict[tuple[str, str], list[int]] = defaultdict(list)
        for index, features in enumerate(counts):
            for feature in features:
                posting[feature].append(index)
        self._posting = {feature: np.array(found, dtype=np.int32) for feature, found in posting.items()}
        lengths = [math.sqrt(sum(self._weight[f] for f in features)) or 1.0 for features in counts]
        self._length = np.array(lengths, dtype=np.float64)

    def offer(self, message: str, count: int = OFFERED, *, without: str | None = None) -> tuple[str, ...]:
        """Verbs, tools and `reply`, best first, at most `count`. `without` is the key of a phrasing that is
        left out: the one that a training row was made from."""
        score = self._score(message)
        if without is not None:
            score[self._places.get(without, [])] = 0.0
        best: dict[str, float] = {}
        weight: dict[str, float] = defaultdict(float)
        for index in _highest(score, _NEIGHBOURS):
            near = float(score[index])
            if near <= 0:
                break
            for name in self._names[index]:
                best.setdefault(name, near)
                weight[name] += near**3
        return tuple(sorted(best, key=lambda name: -(best[name] + weight[name]))[:count])

    def _score(self, message: str) -> NDArray[np.float64]:
        score = np.zeros(len(self.phrasings))
        total = 0.0
        for feature in sorted(_of_message(message)):
            weight = self._weight.get(feature)
            if weight is not None:
                score[self._posting[feature]] += weight
                total += weight
        scaled: NDArray[np.float64] = score / (self._length * (math.sqrt(total) or 1.0))
        return scaled


def _highest(score: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Where the highest scores stand, the first of equal ones first."""
    if len(score) > count:
        least = np.partition(score, -count)[-count]
        found = np.flatnonzero(score >= least)
    else:
        found = np.arange(len(score))
    return found[np.argsort(-score[found], kind="stable")[:count]]


@cache
def offers() -> Offers:
    """The index over the training split of the phrasebook, built on first use (about a second)."""
    return Offers(template for template in templates() if not template.held_out)


@cache
def card(name: str) -> str:
    """What a card says: the verb or tool and the names of its operands."""
    if name in _CARDS:
        return _CARDS[name]
    if name in COMMANDS:
        return " ".join(
            (name, *(operand.name for operand in COMMANDS[name].operands if operand.type != "rect"))
        )
    if name in TOOLS:
        return " ".join((name, *list(TOOLS[name].parameters.get("properties", {}))[:1]))
    return name


def _names(template: Template) -> tuple[str, ...]:
    lines = (line.removeprefix("@").split()[0] for line in template.group.do)
    return tuple(dict.fromkeys(lines)) or (REPLY,)


def _of_template(template: Template) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for text in choices(template.text):
        words: list[str | None] = []
        at = 0
        for slot in _SLOT.finditer(text):
            words += _WORD.findall(text[at : slot.start()].lower())
            words.append(None)
            found.add(("kind", _KINDS.get(slot[1], slot[1])))
            at = slot.end()
        words += _WORD.findall(text[at:].lower())
        found |= _features(words)
    return found


def _of_message(message: str) -> set[tuple[str, str]]:
    words = _WORD.findall(message.lower())
    kinds = {("kind", kind) for kind, names in _name_words().items() if not names.isdisjoint(words)}
    if any(word[0].isdigit() or word in _NUMBERS for word in words):
        kinds.add(("kind", "number"))
    return _features(words) | kinds


def _features(words: Sequence[str | None]) -> set[tuple[str, str]]:
    """Features of words in order; None stands for a slot."""
    found: set[tuple[str, str]] = set()
    for word in words:
        if word is None:
            continue
        found.add(("word", word))
        if len(word) > 3:
            edged = f"<{word}>"
            found |= {("letters", edged[i : i + 3]) for i in range(len(edged) - 2)}
    for one, other in zip(("^", *words), (*words, "$"), strict=True):
        if one is not None and other is not None:
            found.add(("pair", f"{one} {other}"))
    return found


@cache
def _name_words() -> dict[str, frozenset[str]]:
    return {
        "npc": _parts(CREATURES),
        "item": _parts(ITEMS),
        "place": _parts(PLACES),
        "dir": _POINTS,
    }


def _parts(names: Iterable[str]) -> frozenset[str]:
    words = {word for name in names for word in re.findall(r"[a-z0-9']+", name.lower()) if len(word) > 2}
    return frozenset(words | {f"{word}s" for word in words})
