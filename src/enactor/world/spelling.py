"""How a name said by a person is compared with the names of a table.

A phrase is reduced to a key (lower case, singular, no articles); keys are compared whole, with slips of the
finger, and by words. What comes out is a list of hits with a cost: 0 is the name itself, 0.3 another name for
it, about 0.5 to 1 for each slip, 0.9 and more when only some of the name's words were said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

ALIAS = 0.3
PARTIAL = 0.9
EXTRA_WORD = 0.15
HEAD_MISSING = 0.3
MARGIN = 0.3
"""How much cheaper the best hit has to be than the next one to be taken without asking."""

REORDERED = 0.5
WITH_CONTEXT = 0.2
SHORT_NICKNAME = 5
"""Nicknames up to so many letters are too close to each other to be mistyped."""

_ARTICLES = (
    "the a an some my those these that this all any of them your our his her more few every each dem da teh "
    "everything ur another other"
)
_FILLERS = "please plz pls now there npc npcs monster monsters mobs again lol thanks nearby"
_LEADING = frozenset(_ARTICLES.split())
_TRAILING = frozenset(_FILLERS.split())
_IRREGULAR = {
    "wolves": "wolf", "dwarves": "dwarf", "men": "man", "women": "woman", "staves": "staff",
    "knives": "knife", "loaves": "loaf", "thieves": "thief", "mice": "mouse", "calves": "calf",
    "leaves": "leaf", "geese": "goose", "people": "person", "elves": "elf", "halves": "half",
    "shelves": "shelf", "pies": "pie", "armor": "armour", "jewelry": "jewellery", "defense": "defence",
}  # fmt: skip
_KEYS = {
    letter: (row, column)
    for row, letters in enumerate(("qwertyuiop", "asdfghjkl", "zxcvbnm"))
    for column, letter in enumerate(letters)
}
_VOWELS = frozenset("aeiouy")


def singular(word: str) -> str:
    """The singular of one lower-case word, the same for every spelling of its plural."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("ie"):
        return word[:-2] + "y"
    if len(word) > 4 and word.endswith(("shes", "ches", "oxes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]  # a name in -us loses its letter too, in the table as in what was said
    return word


@lru_cache(maxsize=8192)
def key_of(text: str) -> str:
    """The key of a phrase: `"the Giant_frogs"` -> `"giant frog"`."""
    return " ".join(singular(word) for word in words_of(text))


def words_of(text: str) -> list[str]:
    """The words of a phrase in lower case as they were said, without articles, fillers, leading numbers."""
    words = re.sub(r"['’`]s?\b(?=[\s_\-]|$)", "", text.casefold())
    words = re.sub(r"['’`]", "", words)
    parts = re.findall(r"[a-z0-9]+(?:/[0-9]+)?", words)
    while len(parts) > 1 and (parts[0] in _LEADING or parts[0].isdigit()):
        parts.pop(0)
    while len(parts) > 1 and parts[-1] in _TRAILING:
        parts.pop()
    return parts


@lru_cache(maxsize=1 << 15)
def slip(said: str, meant: str) -> float:
    """How badly the fingers must have slipped to type `said` for `meant`.

    A weighted edit distance: 0.5 for two letters swapped, a letter doubled or halved, or the key next to the
    right one; 0.7 for a letter left out or a vowel for a vowel; 0.8 for a letter too many; 1 for any other
    letter; 0.1 for a space.
    """
    before: list[float] = []
    row = [0.0]
    for j, letter in enumerate(meant):
        row.append(row[-1] + _missing(letter, meant[j - 1] if j else ""))
    for i, typed in enumerate(said):
        older, before, row = before, row, [row[0] + _surplus(typed, said[i - 1] if i else "")]
        for j, letter in enumerate(meant):
            cost = min(
                before[j] + (0.0 if typed == letter else _wrong(typed, letter)),
                before[j + 1] + _surplus(typed, said[i - 1] if i else ""),
                row[j] + _missing(letter, meant[j - 1] if j else ""),
            )
            if i and j and typed == meant[j - 1] and said[i - 1] == letter and typed != letter:
                cost = min(cost, older[j - 1] + 0.5)
            row.append(cost)
    return row[-1]


def _missing(letter: str, previous: str) -> float:
    return 0.1 if letter == " " else 0.5 if letter == previous else 0.7


def _surplus(letter: str, previous: str) -> float:
    return 0.1 if letter == " " else 0.5 if letter == previous else 0.8


def _wrong(typed: str, letter: str) -> float:
    here, there = _KEYS.get(typed), _KEYS.get(letter)
    if here and there and abs(here[0] - there[0]) <= 1 and abs(here[1] - there[1]) <= 1:
        return 0.5
    return 0.7 if typed in _VOWELS and letter in _VOWELS else 1.0


def tolerance(length: int) -> float:
    """The slip cost that a name of so many letters still bears."""
    return (
        0.15 if length <= 3 else 0.85 if length <= 5 else 1.4 if length <= 8 else 2.1 if length <= 12 else 2.8
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a name can mean. `context` are words that may be said beside the name (a town)."""

    name: str
    form: str
    aliases: tuple[str, ...] = ()
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that the words may mean. `key` is the one of its names that was closest."""

    entry: Entry
    cost: float
    key: str


class Index:
    """The names of one table, prepared for comparison. Building one for 500 entries takes 10 ms."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._keys: list[tuple[str, Entry, float]] = []
        for entry in self.entries:
            seen = set[str]()
            for position, name in enumerate((entry.name, entry.form, *entry.aliases)):
                key = key_of(name)
                if key and key not in seen:
                    seen.add(key)
                    self._keys.append((key, entry, ALIAS if position > 1 else 0.0))
        self._exact: dict[str, list[Hit]] = {}
        self._words: dict[str, list[int]] = {}
        self._joined = [key.replace(" ", "") for key, _, _ in self._keys]
        self._plurals = list[tuple[str, int]]()
        for at, (key, entry, cost) in enumerate(self._keys):
            self._exact.setdefault(key, []).append(Hit(entry, cost, key))
            beside = (word for phrase in entry.context for word in key_of(phrase).split())
            for word in dict.fromkeys((*key.split(), *beside)):
                self._words.setdefault(word, []).append(at)

    def exact(self, text: str) -> list[Hit]:
        """The entries of which the phrase is a name, the proper names first."""
        key = key_of(text)
        hits = self._exact.get(key)
        if hits is None:
            joined = key.replace(" ", "")
            hits = [
                Hit(entry, cost + 0.05, found)
                for (found, entry, cost), other in zip(self._keys, self._joined, strict=True)
                if other == joined
            ]
        return sorted(hits, key=lambda hit: hit.cost)

    def find(self, text: str) -> list[Hit]:
        """The entries that the phrase may mean, cheapest first, each once."""
        key = key_of(text)
        best: dict[str, Hit] = {}
        hits = (*self.exact(text), *self._mistyped(key), *self._partly(key))
        for hit in hits or self._mistyped_plural("".join(words_of(text))):
            known = best.get(hit.entry.form)
            if known is None or hit.cost < known.cost:
                best[hit.entry.form] = hit
        return sorted(best.values(), key=lambda hit: hit.cost)

    def near(self, text: str, limit: int = 5) -> tuple[str, ...]:
        """Display names that look most like the phrase, for the message when nothing matched."""
        from rapidfuzz import fuzz, process

        found = process.extract(
            key_of(text), [key for key, _, _ in self._keys], scorer=fuzz.token_sort_ratio, limit=12
        )
        names = dict.fromkeys(self._keys[at][1].name for _, score, at in found if score >= 55)
        return tuple(names)[:limit]

    def _mistyped(self, key: str) -> list[Hit]:
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        joined = key.replace(" ", "")
        limit = tolerance(len(joined))
        if limit < 0.5:
            return []
        close = process.extract(
            joined, self._joined, scorer=OSA.distance, score_cutoff=int(limit / 0.5), limit=40
        )
        hits = []
        for _, _, at in close:
            found, entry, base = self._keys[at]
            if base and len(self._joined[at]) <= SHORT_NICKNAME:
                continue
            cost = slip(key, found)
            if cost <= min(limit, tolerance(len(found.replace(" ", "")))):
                hits.append(Hit(entry, base + cost, found))
        return hits

    def _mistyped_plural(self, joined: str) -> list[Hit]:
        """A slip in the very ending that makes the plural: `anchoveis`, `zombeis`."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        limit = min(tolerance(len(joined)), 1.0)
        if limit < 0.5:
            return []
        if not self._plurals:
            proper = [(at, entry) for at, (_, entry, base) in enumerate(self._keys) if not base]
            self._plurals.extend(("".join(words_of(entry.name)), at) for at, entry in proper)
        names = [name for name, _ in self._plurals]
        hits = []
        for name, _, row in process.extract(joined, names, scorer=OSA.distance, score_cutoff=2, limit=20):
            cost = slip(joined, name)
            if cost <= limit:
                key, entry, _ = self._keys[self._plurals[row][1]]
                hits.append(Hit(entry, cost, key))
        return hits

    def _partly(self, key: str) -> list[Hit]:
        """Entries whose name (with its context) has all the words of the phrase, in any order."""
        said = key.split()
        costs: list[dict[str, float]] = []
        reach: set[int] | None = None
        for word in said:
            meant = self._meant(word)
            costs.append(meant)
            positions = {at for known in meant for at in self._words[known]}
            reach = positions if reach is None else reach & positions
        hits = []
        for at in sorted(reach or ()):
            found, entry, base = self._keys[at]
            words = found.split()
            cost = _cover(costs, words, entry.context)
            if cost is not None:
                hits.append(Hit(entry, base + cost, found))
        return hits

    def _meant(self, word: str) -> dict[str, float]:
        """The words of the table that a word may stand for, with the cost of the slip."""
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        if word in self._words:
            return {word: 0.0}
        limit = tolerance(len(word))
        if limit < 0.5:
            return {}
        close = process.extract(
            word, list(self._words), scorer=OSA.distance, score_cutoff=int(limit / 0.5), limit=20
        )
        costs = {known: slip(word, known) for known, _, _ in close}
        return {known: cost for known, cost in costs.items() if cost <= min(limit, tolerance(len(known)))}


def _cover(said: Sequence[Mapping[str, float]], words: Sequence[str], context: Sequence[str]) -> float | None:
    """The cost of reading each said word as another word of the name or its context; None if one is left."""
    left = list(words)
    beside = [word for phrase in context for word in key_of(phrase).split()]
    total = 0.0
    matched = 0
    for meant in said:
        here = [(meant[word], word) for word in left if word in meant]
        if here:
            cost, word = min(here)
            left.remove(word)
            total += cost
            matched += 1
            continue
        aside = [(meant[word], word) for word in beside if word in meant]
        if not aside:
            return None
        cost, word = min(aside)
        total += cost
    if not matched:
        return None
    if not left:
        return total + (REORDERED if matched == len(said) else WITH_CONTEXT)
    return total + PARTIAL + EXTRA_WORD * len(left) + (HEAD_MISSING if words[-1] in left else 0.0)
