"""Offers by what the commands' declarations say, for commands of which no phrasing is known.

Each command's card is compared with the message by a few dozen general measures: shared words and parts of
words, nearness of the base model's word vectors, how much of the verb is said, and whether the names in the
message are of the kinds that the operands take. What each measure counts for is fitted by softmax regression
to requests of the commands that are taught; nothing in it is of one command.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enactor.models.weights import pull
from enactor.world import BARS, COMMANDS, CREATURES, FISH, ITEMS, ORES, PLACES, SPELLS, TOOLS, TREES
from enactor.world.cards import REPLY
from enactor.world.catalogue import OBJECTS

CARDS = 12
_TABLES: Mapping[str, Mapping[str, Any]] = {
    **{"fish": FISH, "ore": ORES, "tree": TREES, "bar": BARS, "spell": SPELLS},
    **{"object": OBJECTS, "place": PLACES, "npc": CREATURES, "item": ITEMS},
}
# What kinds of names an operand type takes.
_TAKES = {
    **{kind: kind for kind in ("npc", "item", "fish", "ore", "tree", "bar", "spell", "object")},
    **{"held": "item", "banked": "item", "bones": "item:bones", "logs": "item:logs", "raw": "item:raw food"},
    **{"food": "item:food", "edible": "item:food"},
    **dict.fromkeys(("count", "quantity", "int", "zoom", "millis"), "number"),
}
_NARROW = frozenset({"fish", "ore", "tree", "bar", "spell", "bones", "raw", "logs", "food", "edible"})
_NUMBER_WORDS = (
    "two three four five six seven eight nine ten fifteen twenty thirty forty fifty hundred thousand dozen"
)
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_STOP_WORDS = (
    "the a an of to in on at and or for it is that this my your you i me we our some all please pl thank ty "
    "now can could would will be do until then with from as by so man bro dude ok hey go get lets let's im "
    "i'm up out"
)
_STOP = frozenset(_STOP_WORDS.split())
_LONGEST = 40  # words of a message that are looked at
_STEPS, _DECAY = 200, 1e-3


class Card:
    """A command or tool as its declaration describes it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verb = words(name.replace("_", " "))
        spec = COMMANDS.get(name)
        self.aliases = [tuple(words(other.replace("_", " "))) for other in (spec.was if spec else ())]
        self.operands = COMMANDS[name].operands if name in COMMANDS else ()
        about = (
            f"{COMMANDS[name].family} {COMMANDS[name].summary}" if name in COMMANDS else TOOLS[name].summary
        )
        said = [about]
        for operand in self.operands:
            said += [operand.name.replace("_", " "), *map(str, operand.choices)]
        if name in COMMANDS:
            for need in COMMANDS[name].needs:
                said += [*(each.replace("*", "") for each in need.any_of), need.skill or ""]
        self.text = f"{' '.join(self.verb)} {about} {' '.join(o.name for o in self.operands)}"
        said += [word for alias in self.aliases for word in alias]
        self.words = list(dict.fromkeys([*self.verb, *words(" ".join(said))]))
        self.vectors = np.stack([vector(w) for w in self.words if w not in _STOP] or [vector(name)])
        self.verb_vectors = np.stack([vector(w) for w in self.verb])
        self.names = (tuple(self.verb), *self.aliases)
        mean = self.vectors.mean(0)
        self.mean = mean / (np.linalg.norm(mean) + 1e-9)


class Described:
    """Offers of `names` by their declarations. Not fitted, they are ranked by shared words alone."""

    def __init__(self, names: Iterable[str]) -> None:
        self.cards = [Card(name) for name in sorted(names) if name != REPLY]
        self.names = [card.name for card in self.cards]
        self._found = [_parts(card.text) for card in self.cards]
        self._rarity = _rarity(self._found)
        self._length = [math.sqrt(sum(self._rarity(f) ** 2 for f in found)) or 1.0 for found in self._found]
        self._idf = _rarity([set(card.words) for card in self.cards])
        self._fit: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None

    def _heard(self, name: Sequence[str], told: set[str]) -> float:
        """The share of a name that is said, its rarer words counting more."""
        weights = [self._idf(word) for word in name]
        return sum(w for w, word in zip(weights, name, strict=True) if word in told) / sum(weights)

    def fit(self, requests: Sequence[tuple[str, str]]) -> None:
        """Weights for the measures from (message, right name) pairs."""
        import torch

        seen = [self.measures(message) for message, _ in requests]
        every = np.concatenate(seen)
        mean, spread = every.mean(0), every.std(0) + 1e-6
        x = torch.tensor(np.stack([(s - mean) / spread for s in seen]))
        y = torch.tensor([self.names.index(name) for _, name in requests])
        weights = torch.zeros(x.shape[-1], dtype=x.dtype, requires_grad=True)
        optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(x @ weights, y) + _DECAY * weights.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        self._fit = (mean, spread, weights.detach().numpy())

    def weighted_as(self, other: "Described") -> "Described":
        """This index with the weights of another, which need not know the same commands."""
        self._fit = other._fit
        return self

    def by_name(self, message: str) -> dict[str, float]:
        """The likelihood of each name, summing to one."""
        measures = self.measures(message)
        if self._fit is None:
            score = measures[:, 0]
        else:
            mean, spread, weights = self._fit
            score = ((measures - mean) / spread) @ weights
        likely = np.exp(score - score.max())
        return dict(zip(self.names, map(float, likely / likely.sum()), strict=True))

    def offer(self, message: str, count: int = CARDS, *, without: str | None = None) -> tuple[str, ...]:
        """The likeliest names, best first; `reply` stands last, since anything may be talk."""
        shares = self.by_name(message)
        return (*sorted(shares, key=lambda name: (-shares[name], name))[: count - 1], REPLY)

    def measures(self, message: str) -> NDArray[np.float64]:
        """names × measures."""
        said = words(message)[:_LONGEST]
        spans = _spans(said)
        kinds = [kind for _, kind in spans if kind]
        present: set[str] = set().union(*kinds) if kinds else set()
        meaning = [w for w in said if w not in _STOP] or ["x"]
        plain = [w for span, kind in spans if not kind for w in span if w not in _STOP] or meaning
        rare = np.array([self._idf(w) for w in plain])
        inner = np.stack([vector(w) for w in plain])
        every = np.stack([vector(w) for w in meaning])
        said_mean = every.mean(0) / (np.linalg.norm(every.mean(0)) + 1e-9)
        parts = _parts(message)
        rows = []
        for card, found, length in zip(self.cards, self._found, self._length, strict=True):
            near = (inner @ card.vectors.T).max(1)
            verb_near = (every @ card.verb_vectors.T).max(0)
            verb_said = [any(_alike(v, w) for w in said) for v in card.verb]
            verb_rare = np.array([self._idf(v) for v in card.verb])
            told = {
                v
                for name in (tuple(card.verb), *card.aliases)
                for v in name
                if any(_alike(v, w) for w in said)
            }
            named = [(self._heard(name, told), told.issuperset(name), len(name)) for name in card.names]
            known = np.array([any(_alike(w, c) for c in card.words) for w in plain])
            rows.append(
                [
                    sum(self._rarity(f) ** 2 for f in parts & found) / length / 10,
                    (near * rare).sum() / rare.sum(),
                    near.max(),
                    *(verb_near.mean(), verb_near.min(), verb_near.max()),
                    (verb_rare * verb_said).sum() / verb_rare.sum(),
                    float(all(verb_said)),
                    verb_said.count(False),
                    float(any(_alike(plain[0], v) for v in card.verb)),
                    (vector(plain[0]) @ card.verb_vectors.T).max(),
                    (vector(plain[0]) @ card.vectors.T).max(),
                    (rare * known).sum() / rare.sum(),
                    max(share for share, _, _ in named),
                    max(whole * rare_enough for rare_enough, whole, _ in named),
                    max(whole * size for _, whole, size in named),
                    (said_mean @ card.mean),
                    *_operands(card, present, kinds),
                    len(card.verb),
                    float(card.name in TOOLS),
                    math.log(len(card.words)),
                ]
            )
        return np.array(rows, dtype=np.float64)


def _operands(card: Card, present: set[str], kinds: Sequence[set[str]]) -> list[float]:
    """How the names and numbers of a message suit the operands: required ones that are there and that are
    not, optional ones there, names that no operand takes, and narrow types there and not."""
    typed = [(o.type, o.optional) for o in card.operands if o.type in _TAKES]
    takes = {_TAKES[kind] for kind, _ in typed}
    there = [(kind, optional, _TAKES[kind] in present) for kind, optional in typed]
    return [
        sum(found for _, optional, found in there if not optional),
        sum(not found for _, optional, found in there if not optional),
        sum(found for _, optional, found in there if optional),
        sum(1 for kind in kinds if not kind & takes),
        sum(found for kind, _, found in there if kind in _NARROW),
        sum(not found for kind, _, found in there if kind in _NARROW),
    ]


def words(text: str) -> list[str]:
    """The words and numbers of a text, small and without a plural's ending."""
    return [_singular(word) for word in re.findall(r"[a-z']+|\d+", text.lower())]


def _singular(word: str) -> str:
    word = word.strip("'")
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _spans(said: Sequence[str]) -> list[tuple[tuple[str, ...], set[str]]]:
    """The message cut into names of the world, numbers and single words, each with its kinds."""
    names, found, at = _names(), [], 0
    while at < len(said):
        size = next((n for n in (4, 3, 2) if tuple(said[at : at + n]) in names), 1)
        span = tuple(said[at : at + size])
        kinds = names.get(span, set())
        if not kinds and (span[0].isdigit() or span[0] in _NUMBERS):
            kinds = {"number"}
        found.append((span, kinds))
        at += size
    return found


@cache
def _names() -> dict[tuple[str, ...], set[str]]:
    names: dict[tuple[str, ...], set[str]] = {}
    for kind, table in _TABLES.items():
        for row in table.values():
            for name in (row.name, *row.aliases):
                kinds = names.setdefault(tuple(words(name.replace("_", " "))), set())
                kinds.add(kind)
                if kind == "item":
                    kinds.add(f"item:{row.kind}")
    return names


def _alike(one: str, other: str) -> bool:
    return one == other or (len(one) > 3 and len(other) > 3 and one[:4] == other[:4])


def _parts(text: str) -> set[str]:
    """Words and parts of three to five letters."""
    found = re.findall(r"[a-z]+", text.lower())
    parts = {f"w {word}" for word in found}
    for word in found:
        edged = f"<{word}>"
        parts |= {f"g {edged[i : i + n]}" for n in (3, 4, 5) for i in range(len(edged) - n + 1)}
    return parts


def _rarity(texts: Sequence[set[str]]) -> Any:
    """A function from a feature to log(1 + texts / texts that have it)."""
    frequency = Counter(feature for found in texts for feature in found)
    return lambda feature: math.log(1 + len(texts) / max(frequency[feature], 1))


@cache
def vector(word: str) -> NDArray[np.float64]:
    """The mean of the base model's token embeddings of a word, about their common mean, of length one."""
    table, tokenizer = _embeddings()
    found = table[tokenizer(f" {word}", add_special_tokens=False)["input_ids"]].mean(0)
    return np.asarray(found / (np.linalg.norm(found) + 1e-9))


@cache
def _embeddings() -> tuple[NDArray[np.float64], Any]:
    from gguf import GGUFReader, dequantize

    from enactor.train.base import load_tokenizer

    path = pull()
    tensor = next(t for t in GGUFReader(path).tensors if t.name == "token_embd.weight")
    table = dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
    return table - table.mean(0), load_tokenizer(path)
