"""What phones and haste do to writing. Every function is deterministic by the random source it is given."""

import random
import re

from enactor.curate.fillings import WORD_COUNTS

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEAR = {c: (row[i - 1 : i] if i else "") + row[i + 1 : i + 2] for row in _ROWS for i, c in enumerate(row)}
_SHORT = {
    "you": ("u",),
    "your": ("ur",),
    "please": ("pls", "plz", "plss"),
    "for": ("4",),
    "to": ("2",),
    "are": ("r",),
    "some": ("sum",),
    "going": ("goin",),
    "and": ("n", "&"),
    "then": ("thn", "den"),
    "the": ("teh", "da"),
    "with": ("w", "wit"),
    "because": ("cuz", "bc"),
    "until": ("til", "till"),
    "something": ("smth", "sumthin"),
    "right now": ("rn",),
    "want to": ("wanna",),
    "going to": ("gonna",),
    "got to": ("gotta",),
    "could you": ("cud u",),
    "can you": ("can u", "cn u"),
    "what": ("wat", "wut"),
    "want": ("wnt",),
    "my": ("mi",),
    "back": ("bk",),
    "inventory": ("inv", "invy"),
}
_SHORT_PATTERN = re.compile(r"\b(" + "|".join(sorted(_SHORT, key=len, reverse=True)) + r")\b", re.IGNORECASE)


def typo(word: str, rng: random.Random) -> str:
    """One slip of the finger in a word of at least four letters: swap, drop, double or a neighbouring key.
    The first letter stays, as it mostly does."""
    if len(word) < 4 or not word.isalpha():
        return word
    i = rng.randrange(1, len(word))
    match rng.randrange(4):
        case 0 if i + 1 < len(word):
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        case 1:
            return word[:i] + word[i + 1 :]
        case 2:
            return word[:i] + word[i] + word[i:]
        case _:
            near = _NEAR.get(word[i].lower(), "")
            return word[:i] + (rng.choice(near) if near else "") + word[i + 1 :]


def slip(text: str, rng: random.Random, rate: float) -> str:
    """A typo in each word with probability `rate`; none that makes a number of a word ("then", "ten")."""

    def slipped(found: re.Match[str]) -> str:
        word = found[0]
        if rng.random() >= rate:
            return word
        other = typo(word, rng)
        return word if other.lower() in WORD_COUNTS else other

    return re.sub(r"[A-Za-z]+", slipped, text)


def shorten(text: str, rng: random.Random, rate: float) -> str:
    """Chat spellings ("pls", "u") for some of the words that have one."""
    return _SHORT_PATTERN.sub(
        lambda m: rng.choice(_SHORT[m[0].lower()]) if rng.random() < rate else m[0], text
    )


def recase(parts: list[str], rng: random.Random) -> list[str]:
    """The casing of a whole message: mostly as it is or a capital first, sometimes all small, rarely shouted
    or In Title Case."""
    draw = rng.random()
    if draw < 0.04:
        return [part.upper() for part in parts]
    if draw < 0.06:
        return [part.title() if "'" not in part else part for part in parts]
    if draw < 0.30:
        return [part.lower() for part in parts]
    if draw < 0.62 and parts:
        for i, part in enumerate(parts):
            if part.strip():
                return [*parts[:i], part[:1].upper() + part[1:], *parts[i + 1 :]]
    return parts


def punctuate(text: str, rng: random.Random) -> str:
    """The end of a message: a full stop comes or goes, question and exclamation marks wander."""
    draw = rng.random()
    if draw < 0.10 and text[-1:].isalnum():
        return text + "."
    if draw < 0.13 and text[-1:].isalnum():
        return text + rng.choice(("!", "!!", " !", "..", "...", " :)", " lol", " ty", " thx"))
    if draw < 0.5:
        return text.rstrip(".!?")
    return text
