"""Which commands a message may mean: a small linear model of the phrasebook's phrasings offers them.

A small language model cannot keep a hundred verbs and all their phrasings in its weights. So each request is
shown with the few commands that it most likely means, as *cards* (`KILL_LOOP npc food kills`); the model
chooses among them, or none. The offers come from hashed features of the message (words, pairs of words, parts
of words against slips, and which kinds of names stand in it), embedded and read by one linear layer, the form
of fastText [Joulin et al. 2017].

The layer is fitted `FOLDS` times, each time without one part of the phrasings. A message is read by all of
them; a row that was made from a phrasing only by the one that has not seen it, so that training rows are
offered what new words would be. Held-out phrasings were seen by none. `enactor offers` fits them anew
(`enactor.train.offers`), into `data/offers.npz`.
"""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from enactor.errors import EnactorError
from enactor.world.catalogue import CREATURES, ITEMS
from enactor.world.commands import COMMANDS
from enactor.world.declared import DATA
from enactor.world.joints import pieces_between
from enactor.world.places import PLACES
from enactor.world.tools import TOOLS

OFFERED = 6
OFFERED_MORE = 10  # where a message has several parts
LEAST = 0.002  # the share of likelihood under which a command is not offered
PART_LEAST = 0.1  # ... for one part of a message; its likeliest one always is
REPLY = "reply"  # the card of the phrasings that no call answers
FOLDS = 4
BUCKETS = 1 << 14
OFFERS_FILE = DATA / "offers.npz"
_MAX_WORDS = 100
_WORD = re.compile(r"[a-z']+|\d+|[^\w\s]")
_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten fifteen twenty thirty forty fifty sixty hundred "
    "thousand dozen couple few"
)
_NUMBERS = frozenset(_NUMBER_WORDS.split())
_POINT_WORDS = "north south east west northwest northeast southwest southeast n s e w nw ne sw se"
_POINTS = frozenset(_POINT_WORDS.split())
# GOTO's own form is in coordinates; people name places.
_CARDS = {"GOTO": "GOTO place"}


@dataclass(frozen=True, slots=True)
class Offers:
    """The fitted layers. `names`: L verbs, tools and `reply`; `tables`: int8 of folds × `BUCKETS` × d with a
    `scale` for each fold; `heads`: float32 of folds × d × L; `biases`: folds × L; `phrasings`: the hash of
    the phrasings they were fitted to."""

    names: tuple[str, ...]
    tables: NDArray[np.int8]
    scale: NDArray[np.float32]
    heads: NDArray[np.float32]
    biases: NDArray[np.float32]
    phrasings: str

    def offer(self, message: str, count: int = OFFERED, *, without: str | None = None) -> tuple[str, ...]:
        """Verbs, tools and `reply`, likeliest first: at least one, at most `count`, none after the first
        under `LEAST`. Of a message that may hold several tasks each part is read too, and up to
        `OFFERED_MORE` are offered. `without` is the key of a phrasing that has no say: the one that a
        training row was made from."""
        found = self._likeliest(message, count, LEAST, without)
        parts = pieces_between(message)
        if len(parts) > 1:
            for part in parts[:OFFERED_MORE]:
                found += self._likeliest(part, 2, PART_LEAST, without)
        return tuple(dict.fromkeys(found))[: max(count, OFFERED_MORE)]

    def _likeliest(self, text: str, count: int, least: float, without: str | None) -> list[str]:
        share = self.shares(text, without=without)
        order = np.argsort(-share, kind="stable")[:count]
        return [self.names[i] for n, i in enumerate(order) if n == 0 or share[i] >= least]

    def shares(self, message: str, *, without: str | None = None) -> NDArray[np.float64]:
        """The likelihood of each of `names`, summing to one."""
        found = features(message)
        folds = range(len(self.tables)) if without is None else (fold_of(without),)
        total = np.zeros(len(self.names))
        for fold in folds:
            rows = self.tables[fold, found].sum(axis=0, dtype=np.int64)
            hidden = rows * (float(self.scale[fold]) / len(found) ** 0.5)
            read = hidden @ self.heads[fold] + self.biases[fold]
            likely = np.exp(read - read.max())
            total += likely / likely.sum()
        return total / len(folds)

    def by_name(self, message: str) -> dict[str, float]:
        """`shares` by name."""
        return dict(zip(self.names, map(float, self.shares(message)), strict=True))

    def save(self, path: Path) -> None:
        """Write an npz file; the same layers give the same bytes."""
        about = {"names": self.names, "phrasings": self.phrasings}
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
                tables=self.tables,
                scale=self.scale,
                heads=self.heads.astype(np.float16),
                biases=self.biases,
            )


def load_offers(path: Path) -> Offers:
    """Read what `save` wrote. Raises EnactorError for a file that is none."""
    try:
        with np.load(path) as data:
            about = json.loads(data["about"].tobytes())
            return Offers(
                tuple(about["names"]),
                data["tables"],
                data["scale"],
                data["heads"].astype(np.float32),
                data["biases"],
                about["phrasings"],
            )
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise EnactorError(
            f"{path} does not hold fitted offers ({error}); install the package again, or fit them anew with "
            "`enactor offers`"
        ) from error


@cache
def offers() -> Offers:
    """The layers that ship with the package."""
    return load_offers(OFFERS_FILE)


def fold_of(key: str) -> int:
    """The fold whose layers have not seen the phrasing of that key."""
    return int(key.rpartition(":")[2][8:16], 16) % FOLDS


def features(message: str) -> NDArray[np.int64]:
    """The buckets of a message's features, sorted, each once; numbers count as one word."""
    words = ["0" if word[0].isdigit() else word for word in _WORD.findall(message.lower())[:_MAX_WORDS]]
    found = {f"k {kind}" for kind, names in _name_words().items() if not names.isdisjoint(words)}
    if any(word == "0" or word in _NUMBERS for word in words):
        found.add("k number")
    found.add(f"n {min(len(words) // 3, 6)}")
    for word in words:
        found.add(f"w {word}")
        if len(word) > 2:
            edged = f"<{word}>"
            found |= {f"g {edged[i : i + n]}" for n in (3, 4, 5) for i in range(len(edged) - n + 1)}
    found |= {f"p {one} {other}" for one, other in zip(("^", *words), (*words, "$"), strict=True)}
    found |= {f"s {one} {other}" for one, other in zip(words, words[2:], strict=False)}
    return np.unique(np.fromiter((zlib.crc32(f.encode()) % BUCKETS for f in found), dtype=np.int64))


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
