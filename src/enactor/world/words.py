"""Numbers, directions, distances and durations as people say them.

Words may be joined by underscores or spaces. Nothing is guessed: what is not understood is a `CommandError`.
"""

from __future__ import annotations

import re
from typing import Literal

from enactor.world.spec import CommandError

Direction = tuple[int, int]

_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_DECADES = "twenty thirty forty fifty sixty seventy eighty ninety"


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_UNITS = {word: value for value, word in enumerate(_NINETEEN.split())}
_TENS = {word: 10 * value for value, word in enumerate(_DECADES.split(), start=2)} | {"fourty": 40}
_SCALES = {"hundred": 100, "hundo": 100, "thousand": 1000, "k": 1000, "grand": 1000, "million": 1_000_000}
# A loose amount has to become some number: these are the ones a listener would take it for.
_LOOSE = {
    "a": 1, "an": 1, "single": 1, "couple": 2, "pair": 2, "few": 3, "some": 5, "several": 5, "bunch": 10,
    "handful": 5, "dozen": 12, "score": 20, "lot": 100, "ton": 100, "load": 28, "loads": 28, "tons": 100,
    "lots": 100, "once": 1, "twice": 2, "thrice": 3, "inventory": 28, "invent": 28, "inv": 28,
}  # fmt: skip
_ALL = _words("all everything every any max maximum whole full entire rest total")
_ALL_PHRASES = frozenset({"the lot", "the rest", "the whole lot", "as many as possible", "the whole stack"})
_NUMBER = re.compile(r"^(?P<number>\d[\d,]*(?:\.\d+)?)(?P<scale>k|m)?$")
_DROPPED = _words(
    "about around roughly like maybe approx x times exactly just only of the more at least over "
    "up to ~ kills pieces tiles steps squares and"
)
_POINTS: dict[str, Direction] = {
    "north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0),
    "northeast": (1, 1), "northwest": (-1, 1), "southeast": (1, -1), "southwest": (-1, -1),
}  # fmt: skip
_SHORT = {"n": "north", "s": "south", "e": "east", "w": "west"}
_SPELT = {
    "norht": "north", "noth": "north", "nroth": "north", "norf": "north", "nort": "north", "souht": "south",
    "suoth": "south", "sout": "south", "soth": "south", "esat": "east", "eas": "east", "eats": "east",
    "wset": "west", "wes": "west", "wets": "west", "northern": "north", "southern": "south",
    "eastern": "east", "western": "west", "northward": "north", "southward": "south", "eastward": "east",
    "westward": "west", "northwards": "north", "southwards": "south", "eastwards": "east",
    "westwards": "west",
}  # fmt: skip
DISTANCE_BARE = 20
"""Tiles walked for a direction without a distance."""
DISTANCE_BIT = 7
"""Tiles for "a bit"."""
DISTANCE_FAR = 50
"""Tiles for "far"."""
_BIT = _words(
    "bit little tad touch smidge smidgen slightly few couple lil tiny short near close wee somewhat abit"
)
_FAR = _words("far way long lot lots very really super miles ages ton tons loads further farther")
_STEPS = _words("step steps tile tiles square squares pace paces space spaces block blocks")
_SECONDS: dict[str, float] = {
    "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "mn": 60, "minuet": 60, "h": 3600,
    "hr": 3600, "hour": 3600, "d": 86400, "day": 86400, "t": 0.6, "tick": 0.6,
}  # fmt: skip


def plain(text: str) -> list[str]:
    """The words of a phrase: lower case, underscores and hyphens as spaces, no punctuation but `.` and `,`
    inside numbers."""
    return [word.strip(".,!?;:\"'()") for word in re.sub(r"[_\s\-]+", " ", text.casefold()).split()]


def parse_count(text: str) -> int | Literal["all"]:
    """How many: `fifty`, `two_hundred`, `1.5k`, `a_dozen`, `12`, `x12`, or `"all"`.

    Raises `CommandError` for anything else, for a fraction and for less than nothing.
    """
    if text.strip().startswith("-"):
        raise CommandError(f"{text!r} is less than nothing; give a whole number or `all`.")
    words = [re.sub(r"^x(?=\d)|(?<=\d)x$", "", word) for word in plain(text)]
    if not words or not any(words):
        raise CommandError("A number is missing.")
    if " ".join(words) in _ALL_PHRASES or any(word in {"all", "everything"} for word in words):
        return "all"
    kept = [word for word in words if word not in _DROPPED] or words
    if kept[0] in _ALL:
        return "all"
    value = _value(kept)
    if value is None or value != int(value):
        raise CommandError(f"{text!r} is no whole number; write digits, a number word or `all`.")
    return int(value)


def _value(words: list[str]) -> float | None:
    if len(words) > 1 and words[0] == "half":
        rest = _value(words[1:])
        return None if rest is None else rest / 2
    total, part, seen, loose = 0.0, 0.0, False, False
    for word in words:
        word = word if word in _UNITS or word in _LOOSE or word in _SCALES else word.removesuffix("s") or word
        if found := _NUMBER.match(word):
            if seen and not loose:
                return None
            number = float(found["number"].replace(",", ""))
            part = number * {"k": 1000, "m": 1_000_000, None: 1}[found["scale"]]
            seen, loose = True, False
        elif word in _UNITS or word in _TENS:
            part += _UNITS.get(word, _TENS.get(word, 0))
            seen, loose = True, False
        elif word in _SCALES:
            part = (part or 1) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, part = total + part, 0.0
            seen, loose = True, False
        elif word in _LOOSE:
            # "two dozen" multiplies, "a couple" is just the couple
            part = part * _LOOSE[word] if part and _LOOSE[word] > 1 else float(_LOOSE[word])
            seen, loose = True, True
        else:
            return None
    return total + part if seen else None


def parse_direction(text: str) -> Direction | None:
    """The step (dx, dy) of a compass direction, north being +y and east +x; None when it is none.

    Diagonals step along both axes. `left`, `right`, `up` alone are no directions on a map.
    """
    dropped = {
        "to",
        "the",
        "up",
        "down",
        "over",
        "head",
        "go",
        "due",
        "towards",
        "toward",
        "more",
        "of",
        "out",
        "a",
    }
    words = [word for word in plain(text) if word and word not in dropped]
    words = [_SPELT.get(word, word) for word in words]
    if not words or len(words) > 2:
        return None
    name = "".join(_SHORT.get(word, word) for word in words)
    if name in _POINTS:
        return _POINTS[name]
    if len(words) == 1 and len(name) == 2 and all(letter in _SHORT for letter in name):
        return _POINTS.get("".join(_SHORT[letter] for letter in name))
    return None


def parse_distance(text: str | None) -> int:
    """Tiles: 20 when nothing is said, 7 for "a bit", 50 for "far", a number as given.

    Raises `CommandError` for words that are no distance.
    """
    words = [word for word in plain(text or "") if word and word != "none"]
    if not words:
        return DISTANCE_BARE
    numbers = [re.sub(r"(?<=\d)(tiles?|t|sq)$", "", word) for word in words if word not in _STEPS]
    value = _value([word for word in numbers if word not in _DROPPED])
    if value is not None and value >= 1 and value == int(value) and not (_BIT | _FAR) & set(numbers):
        return int(value)
    if _BIT & set(words):
        return DISTANCE_BIT
    if _FAR & set(words):
        return DISTANCE_FAR
    if set(words) <= {"some", "medium", "normal", "bare", "default", "ways", "and", "on"}:
        return DISTANCE_BARE
    raise CommandError(f"{text!r} is no distance; write a number of tiles, `a_bit` or `far`.")


def parse_duration(text: str) -> float:
    """Seconds: `5 minutes`, `90s`, `1h30m`, `half an hour`, `two_minutes`; a bare number is seconds.

    Raises `CommandError` for anything else.
    """
    spaced = re.sub(r"(?<=\d)(?=[a-z])", " ", re.sub(r"(?<=[a-z])(?=\d)", " ", text.casefold()))
    total, amount, seen = 0.0, list[str](), False
    for word in (w for w in plain(spaced) if w and w not in {"for", "and", "about", "around", "of", "like"}):
        unit = _SECONDS.get(word) or _SECONDS.get(word.removesuffix("s"))
        if unit is None:
            amount.append(word)
            continue
        number = _duration_number(amount)
        if number is None:
            raise CommandError(f"{text!r} is no duration; write for example `90` or `5_minutes`.")
        total, amount, seen = total + number * unit, [], True
    if amount:
        number = _value(amount)
        if number is None or seen:
            raise CommandError(f"{text!r} is no duration; write for example `90` or `5_minutes`.")
        total = number
        seen = True
    if not seen:
        raise CommandError("A duration is missing; write for example `90` or `5_minutes`.")
    return total


def _duration_number(words: list[str]) -> float | None:
    if not words:
        return 1.0
    if words[0] == "half":
        return 0.5 if all(word in {"a", "an"} for word in words[1:]) else None
    return _value(words)
