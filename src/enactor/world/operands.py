"""The types of operands: what a word must look like, in the grammar and in the schema.

A type judges one operand as it is written, symbolic (`giant_frogs`, `a_dozen`) or lowered (`Giant_frog`,
`12`). What a word means in the present state is `lower.py`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enactor.world.spec import CommandError, Operand, OperandValue

NAME_CHARS = "A-Za-z0-9_'()/.&+-"
NAME_LENGTH = 40
_NAME = re.compile(rf"^(?=.*[^\W\d_])[\w'()/.&+-]{{1,{NAME_LENGTH}}}$")
_INTEGER = re.compile(r"^[+-]?\d{1,10}$")
_RECT = re.compile(r"^\d{1,5},\d{1,5},\d{1,5},\d{1,5}$")
_TEXT = re.compile(r"^[^\x00-\x1f\x7f]{1,120}$")
KEYS: tuple[str, ...] = (
    "Space", "Escape", "Return", "Left", "Right", "Up", "Down", *(f"F{n}" for n in range(1, 13)),
    *"123456789", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
)  # fmt: skip
KEY_ALIASES = {"esc": "Escape", "enter": "Return", "spacebar": "Space"}
QUANTITY_WORDS = ("all", "half")
VAGUE_FOODS = frozenset(
    [
        "none",
        "food",
        "foods",
        "any",
        "anything",
        "something",
        "whatever",
        "best",
        "any_food",
        "best_food",
        "grub",
    ]
)
MAX_STACK = 2147483647


@dataclass(frozen=True, slots=True)
class OperandType:
    """One type.

    `check(word, operand)` gives the canonical value or raises `ValueError` saying what was expected. `joins`
    allows several words in a row for one operand where that is the only reading. `known(word)` narrows
    readings of closed vocabularies. `grammar(operand)` is a GBNF expression, `schema(operand)` JSON Schema.
    """

    check: Callable[[str, Operand], OperandValue]
    grammar: Callable[[Operand], str]
    schema: Callable[[Operand], dict[str, Any]]
    joins: bool = False
    known: Callable[[str], bool] = lambda word: True


def matches(resolve: Callable[[str], object], word: str) -> bool:
    """Whether the resolver takes the word; no match and several matches are both a no."""
    try:
        resolve(word)
    except CommandError:
        return False
    return True


def is_count(word: str) -> bool:
    """Whether the word says how many: `12`, `fifty`, `a_dozen`, `1k`, `all`."""
    from enactor.world.words import parse_count

    return word.casefold() in QUANTITY_WORDS or matches(parse_count, word)


def is_food(word: str) -> bool:
    """Whether the word can stand in the place of a food: a known food or a word for any of them."""
    from enactor.world.names import resolve_food

    return word.casefold() in VAGUE_FOODS or matches(resolve_food, word)


def _known_by(resolver: str) -> Callable[[str], bool]:
    def known(word: str) -> bool:
        from enactor.world import names

        return matches(getattr(names, resolver), word)

    return known


def _known_action(word: str) -> bool:
    from enactor.world.menu import menu_action

    return menu_action(word) is not None


def _name(word: str, operand: Operand) -> str:
    if not _NAME.match(word):
        raise ValueError("a name, its words joined by _")
    return word


def _food(word: str, operand: Operand) -> str:
    if word.casefold() == "none":
        return "none"
    name = _name(word, operand)
    if is_count(word):
        raise ValueError("a food or none")
    return name


def _integer(word: str, operand: Operand) -> int:
    low, high = operand.low, operand.high
    expected = "a whole number" if low is None else f"a whole number from {low} to {high}"
    if not _INTEGER.match(word):
        raise ValueError(expected)
    value = int(word)
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(expected)
    return value


def _count(word: str, operand: Operand) -> OperandValue:
    from enactor.world.words import parse_count

    if _INTEGER.match(word):
        return _integer(word, operand)
    expected = f"a number from {operand.low} to {operand.high}, in digits or words"
    try:
        value = parse_count(word)
    except CommandError:
        raise ValueError(expected) from None
    if not isinstance(value, int) or not (operand.low or 0) <= value <= (operand.high or MAX_STACK):
        raise ValueError(expected)
    return word


def _quantity(word: str, operand: Operand) -> OperandValue:
    if word.casefold() in QUANTITY_WORDS:
        return word.casefold()
    from enactor.world.words import parse_count

    try:
        return "all" if not _INTEGER.match(word) and parse_count(word) == "all" else _count(word, operand)
    except (CommandError, ValueError):
        raise ValueError(f"all, half, or a number from {operand.low} to {operand.high}") from None


_UP_OR_DOWN = frozenset({"up", "down", "due", "straight"})  # "up north", "due east"


def _direction(word: str, operand: Operand) -> str:
    from enactor.world.words import parse_direction

    parts = word.split("_")
    if parse_direction(word) is None or any(
        parse_direction(part) is None and part not in _UP_OR_DOWN for part in parts
    ):
        raise ValueError("a direction such as north or south_west")
    return word


def _distance(word: str, operand: Operand) -> OperandValue:
    from enactor.world.words import parse_distance

    if _INTEGER.match(word):
        return _integer(word, Operand(operand.name, "int", low=1, high=9999))
    if not matches(parse_distance, word):
        raise ValueError("a number of tiles, a_bit or far")
    return word


def _choice(word: str, operand: Operand) -> str:
    folded = word.casefold()
    for choice in operand.choices:
        if choice.casefold() == folded:
            return choice
    if folded in operand.aliases:
        return operand.aliases[folded]
    raise ValueError("one of " + ", ".join(operand.choices))


def _key(word: str, operand: Operand) -> str:
    folded = word.casefold()
    if folded in KEY_ALIASES:
        return KEY_ALIASES[folded]
    for key in KEYS:
        if key.casefold() == folded:
            return key
    raise ValueError("a key such as Space, Escape, Return, F1 to F12, a digit or a letter")


def _millis(word: str, operand: Operand) -> OperandValue:
    if _INTEGER.match(word):
        return _integer(word, operand)
    try:
        value = milliseconds(word)
    except CommandError:
        raise ValueError("milliseconds, or a time such as 30s or 5_minutes") from None
    if not (operand.low or 0) <= value <= (operand.high or value):
        raise ValueError(f"a time of {operand.low} to {operand.high} milliseconds")
    return word


def milliseconds(word: str) -> int:
    """`30s` -> 30000, `5_minutes` -> 300000; a bare number is milliseconds already. Raises `CommandError`."""
    from enactor.world.words import parse_duration

    if match := re.fullmatch(r"(\d{1,9})_?(?:ms|millis|milliseconds)?", word.casefold()):
        return int(match[1])
    return int(1000 * parse_duration(word))


def _rect(word: str, operand: Operand) -> str:
    if not _RECT.match(word):
        raise ValueError("a rectangle minX,minY,maxX,maxY")
    return word


def _zoom(word: str, operand: Operand) -> OperandValue:
    return "FAR" if word.casefold() == "far" else _integer(word, operand)


def _text(word: str, operand: Operand) -> str:
    if not _TEXT.match(word):
        raise ValueError("up to 120 characters of text")
    return word


def _digits(operand: Operand) -> str:
    sign = '"-"? ' if (operand.low or 0) < 0 else ""
    return f"{sign}[0-9]{{1,{len(str(operand.high or 99999))}}}"


def _amount(operand: Operand) -> str:
    return f'({_digits(operand)} ("." [0-9])? [km]? | word)'


def _words(operand: Operand) -> str:
    return "(" + " | ".join(f'"{w}"' for w in (*operand.choices, *operand.aliases)) + ")"


def _as_name(operand: Operand) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^[{NAME_CHARS}]{{1,{NAME_LENGTH}}}$"}


def _as_int(operand: Operand) -> dict[str, Any]:
    limits = {"minimum": operand.low, "maximum": operand.high}
    return {"type": "integer", **{k: v for k, v in limits.items() if v is not None}}


def _as_count(operand: Operand) -> dict[str, Any]:
    return {"anyOf": [_as_int(operand), _as_name(operand)]}


def _open(resolver: str | None = None, known: Callable[[str], bool] | None = None) -> OperandType:
    judge = known or (_known_by(resolver) if resolver else lambda word: True)
    return OperandType(_name, lambda o: "name", _as_name, joins=True, known=judge)


TYPES: Mapping[str, OperandType] = {
    "npc": _open(),
    "item": _open(),
    "held": _open(),
    "banked": _open(),
    "edible": _open(),
    "object": _open(),
    "place": _open(),
    "spell": _open("resolve_spell"),
    "fish": _open("resolve_fish"),
    "tree": _open("resolve_tree"),
    "ore": _open("resolve_ore"),
    "bar": _open("resolve_bar"),
    "logs": _open(),
    "bones": _open(),
    "raw": _open(),
    "style": _open(),
    "action": _open(known=_known_action),
    "food": OperandType(_food, lambda o: "name", _as_name, joins=True, known=is_food),
    "token": OperandType(_name, lambda o: "name", _as_name),
    "int": OperandType(_integer, _digits, _as_int),
    "count": OperandType(_count, _amount, _as_count, joins=True),
    "quantity": OperandType(_quantity, _amount, _as_count, joins=True),
    "direction": OperandType(_direction, lambda o: "word", _as_name, joins=True),
    "distance": OperandType(_distance, lambda o: "([0-9]{1,4} | word)", _as_count, joins=True),
    "millis": OperandType(_millis, lambda o: '([0-9]{1,7} ("_"? word)? | word)', _as_count),
    "rect": OperandType(
        _rect,
        lambda o: '[0-9]{1,5} "," [0-9]{1,5} "," [0-9]{1,5} "," [0-9]{1,5}',
        lambda o: {"type": "string", "pattern": _RECT.pattern},
    ),
    "enum": OperandType(_choice, _words, lambda o: {"type": "string", "enum": list(o.choices)}),
    "key": OperandType(
        _key,
        lambda o: "(" + " | ".join(f'"{k}"' for k in KEYS) + ")",
        lambda o: {"type": "string", "enum": list(KEYS)},
    ),
    "zoom": OperandType(
        _zoom,
        lambda o: f'({_digits(o)} | "FAR")',
        lambda o: {"anyOf": [_as_int(o), {"type": "string", "enum": ["FAR"]}]},
    ),
    "text": OperandType(_text, lambda o: "text", lambda o: {"type": "string", "maxLength": 120}, joins=True),
}  # fmt: skip
"""Every operand type by name."""
