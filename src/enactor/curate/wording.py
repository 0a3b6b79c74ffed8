"""How players say it: a template filled, with what stands around it and what fingers do to it."""

import random
import re
from collections.abc import Callable

from enactor.curate import noise
from enactor.curate.slots import SINGULAR, Fill
from enactor.world.phrasebook import pieces

TYPO_RATE = 0.03
SLOT_TYPO_RATE = 0.07

Filling = Callable[[str, str], tuple[Fill, bool]]
"""A slot and its number to what fills it, and whether it is said in the plural."""

_OPENERS = [
    "hey",
    "yo",
    "ok",
    "ok so",
    "alright",
    "now",
    "hey bot",
    "bro",
    "man",
    "ok now",
    "so",
    "hi,",
    "hello,",
    "ok good,",
    "nice,",
    "great, now",
    "right",
    "um",
    "dude",
]
_ASKS = [
    "please",
    "pls",
    "can you",
    "could you",
    "can u",
    "i want you to",
    "i'd like you to",
    "go ahead and",
    "just",
    "quick",
    "next",
    "would you",
    "u should",
    "time to",
    "lets",
    "let's",
    "i need you to",
    "you can",
    "plz",
]
# Words after which "can you" cannot stand: the template begins with more than a bare imperative.
_NO_ASK_WORDS = (
    "i im i'm you u we the our my a an can could would will is are it its it's what whats what's how "
    "where wheres that this those these ok hey yo pls please plz lets let's time and but so now then if "
    "when once after before with just why do shouldn't should there any some got need no not don't dont "
    "alright right first your hi hello"
)
_NO_ASK = frozenset(_NO_ASK_WORDS.split())
_SUFFIXES = [
    "please",
    "pls",
    "thanks",
    "ty",
    "thx",
    "bro",
    "man",
    "now",
    "asap",
    "for me",
    "real quick",
    "when you can",
    "ok?",
    "mate",
    "dude",
    "right now",
    "rn",
    "plz",
    "if you can",
    "buddy",
]
# Slots written in the singular that people put in the plural after these words.
_PLURAL_AFTER = frozenset(
    {"held", "edible", "wearable", "tree", "bar", "raw", "food", "item", "ore", "fish", "gear"}
)
# Slots where a slip of the finger makes another meaning or none.
_EXACT = frozenset(
    {"n", "qty", "dir", "dist", "x", "y", "plane", "pct", "level", "s", "m", "action", "text", "tab", "call"}
)
_MANY = re.compile(
    r"\b(all|all my|all the|all of my|some|those|these|any|more|\d\d+|[2-9])( of)? $", re.IGNORECASE
)


def speak(
    text: str, rng: random.Random, fill: Filling, said: dict[tuple[str, str], str], *, clean: bool, wrap: bool
) -> str:
    """The message, noise included; `said` gets what stands in each slot."""
    keys: list[tuple[str, str] | None] = []
    parts: list[str] = []
    for literal, slot in pieces(text, rng):
        if slot is None:
            part = literal
            if not clean:
                part = noise.slip(noise.shorten(part, rng, 0.25), rng, TYPO_RATE)
            keys.append(None)
        else:
            value, many = fill(*slot)
            if slot[0] in _PLURAL_AFTER and _MANY.search("".join(parts)):
                many = rng.random() < 0.7
            part = value.plural if many else value.said
            if not clean and slot[0] not in _EXACT:
                part = noise.slip(part, rng, SLOT_TYPO_RATE)
            keys.append((SINGULAR.get(slot[0], slot[0]), slot[1]))
        parts.append(part)
    if not clean:
        parts = noise.recase(parts, rng)
    for key, part in zip(keys, parts, strict=True):
        if key is not None:
            said.setdefault(key, part)
    message = "".join(parts)
    if wrap:
        message = _wrap(message, rng)
    return message if clean else noise.punctuate(message, rng)


def _wrap(message: str, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.14:
        first = message.split()[0].casefold().strip(",.") if message.split() else ""
        asks = first.isalpha() and first not in _NO_ASK and rng.random() < 0.6
        message = f"{rng.choice(_ASKS if asks else _OPENERS)} {message}"
    elif draw < 0.24:
        message = f"{message.rstrip('.!?')} {rng.choice(_SUFFIXES)}"
    return message
