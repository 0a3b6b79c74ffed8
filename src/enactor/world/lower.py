"""Lowering: from what the player said to what the plugin takes, on the state of this moment.

The rules: the player's own plane unless another is said; "a bit" is 7 tiles, a bare direction 20, "far" 50, a
number is obeyed; a diagonal moves along both axes; "the bank" is the nearest; "all" is the count held or
banked where known. Ambiguity or no match is a `CommandError` with the candidates and never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from rapidfuzz import fuzz, process

from enactor.world import names
from enactor.world.catalogue import BARS, ITEMS, form_of
from enactor.world.commands import COMMANDS
from enactor.world.menu import menu_action, resolve_style
from enactor.world.operands import MAX_STACK, VAGUE_FOODS, milliseconds
from enactor.world.places import resolve_place
from enactor.world.spec import Command, CommandError, CommandSpec, Operand, OperandValue
from enactor.world.state import GameState
from enactor.world.words import parse_count, parse_direction, parse_distance

_EVERYTHING = frozenset(
    ["all", "everything", "any", "anything", "whatever", "each", "them", "it", "inventory"]
)
_VAGUE_RAW = {
    "food": "", "raw_food": "", "raw": "", "raw_foods": "", "foods": "", "fish": "fish", "fishes": "fish",
    "raw_fish": "fish", "catch": "fish", "meat": "meat", "meats": "meat", "raw_meat": "meat",
}  # fmt: skip
_MEATS = ("beef", "chicken", "rat meat", "bear meat", "rabbit", "bird meat", "meat")
_VAGUE_KIND = {
    "bones": frozenset(["bones", "bone"]),
    "logs": frozenset(["logs", "log", "wood"]),
}
_OMIT = None


def lower(command: Command, state: GameState) -> Command:
    """The command with every operand as the plugin takes it. Lowering a lowered command changes nothing.

    Raises `CommandError` when an operand has no single meaning in this state.
    """
    spec = COMMANDS[command.verb]
    lowered: list[OperandValue] = []
    place = 0
    try:
        if spec.verb == "GOTO":
            return Command(spec.verb, _destination(command.operands, state), command.notes)
        for operand, value in zip(_form_of(spec, command.operands), command.operands, strict=False):
            found = _OPERANDS.get(operand.type, _as_it_is)(value, operand, state, lowered)
            if found is not None:
                lowered.append(found)
            place += 1
    except CommandError as error:
        error.operand = place
        raise
    return Command(spec.verb, tuple(lowered), command.notes)


def _form_of(spec: CommandSpec, operands: Sequence[OperandValue]) -> tuple[Operand, ...]:
    for form in spec.forms:
        needed = sum(not o.optional for o in form)
        if needed <= len(operands) <= len(form):
            return form
    raise CommandError(f"{spec.verb} does not take {len(operands)} operands")


def _destination(operands: Sequence[OperandValue], state: GameState) -> tuple[OperandValue, ...]:
    first = operands[0]
    if isinstance(first, int):
        plane = state.location[2] if state.location else 0
        return tuple(operands) if len(operands) > 2 else (*operands, plane)
    step = parse_direction(first)
    if step is not None:
        if state.location is None:
            raise CommandError(
                f"where the player stands is not known, so {first} leads nowhere; name a place"
            )
        said = operands[1] if len(operands) > 1 else None
        tiles = said if isinstance(said, int) else parse_distance(said)
        x, y, plane = state.location
        return (max(0, x + step[0] * tiles), max(0, y + step[1] * tiles), plane)
    found = resolve_place(str(first), state.location)
    if found.tile is None:
        raise CommandError(f"the tile of {found.name} is not known")
    return found.tile


def _as_it_is(
    value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
) -> OperandValue | None:
    return value


def _npc(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    return names.resolve_npc(str(value), state).form


def _object(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    return names.resolve_object(str(value), state).form


def _item(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    return names.resolve_item(str(value), state).form


def _held(
    value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
) -> str | None:
    word = str(value)
    if word.casefold() in _EVERYTHING:
        if operand.optional:
            return _OMIT
        raise CommandError(f"which item? {word} names none", candidates=_held_names(state))
    return _among(word, _held_names(state), state)


def _banked(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    return _among(str(value), tuple(state.bank or ()), state)


def _among(word: str, present: tuple[str, ...], state: GameState) -> str:
    """The item of that name among those present; when none of them can be meant, any item of the game."""
    if present:
        try:
            return names.resolve_item(word, among=present).form
        except CommandError as error:
            if error.candidates and _all_present(error.candidates, present) and _is_ambiguous(error):
                raise
    return names.resolve_item(word, state).form


def _is_ambiguous(error: CommandError) -> bool:
    return "could be more than one" in error.message


def _all_present(candidates: Sequence[str], present: Sequence[str]) -> bool:
    return {c.casefold() for c in candidates} <= {p.casefold() for p in present}


def _held_names(state: GameState) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stack.name for stack in state.inventory or ()))


def _foods(state: GameState) -> list[str]:
    """Forms of the food held, the one that heals most first."""
    forms = [form_of(name) for name in _held_names(state)]
    edible = [form for form in forms if form in ITEMS and ITEMS[form].heals > 0]
    return sorted(edible, key=lambda form: -ITEMS[form].heals)


def _food(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    word = str(value).casefold()
    if word == "none":
        return "none"
    foods = _foods(state)
    if word in VAGUE_FOODS:
        if not foods:
            raise CommandError("no food is held; name one, or none", candidates=("none",))
        return foods[0]
    return _one_food(str(value), foods, state)


def _edible(
    value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
) -> str | None:
    if str(value).casefold() in VAGUE_FOODS | _EVERYTHING:
        return _OMIT
    return _one_food(str(value), _foods(state), state)


def _one_food(word: str, foods: Sequence[str], state: GameState) -> str:
    if foods:
        try:
            return names.resolve_item(word, among=[ITEMS[form].name for form in foods]).form
        except CommandError as error:
            if _is_ambiguous(error):
                raise
    return names.resolve_food(word, state).form


def _raw(
    value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
) -> str | None:
    word = str(value).casefold()
    raws = [n for n in _held_names(state) if n.casefold().startswith(("raw ", "uncooked "))]
    if word in _EVERYTHING:
        return _OMIT
    if word in _VAGUE_RAW:
        sort = _VAGUE_RAW[word]
        fitting = [n for n in raws if not sort or n.casefold().endswith(_MEATS) == (sort == "meat")]
        if len(fitting) == len(raws):  # all of it, or the inventory is not known: the bare form cooks it
            return form_of(fitting[0]) if len(fitting) == 1 else _OMIT
        if len(fitting) == 1:
            return form_of(fitting[0])
        raise CommandError(
            f"which {word}?" if fitting else f"no raw {sort} is held", candidates=tuple(fitting or raws)
        )
    if raws:
        try:
            return names.resolve_item(_with_raw(word), among=raws).form
        except CommandError as error:
            if _is_ambiguous(error):
                raise
    return names.resolve_raw(str(value), state).form


def _with_raw(word: str) -> str:
    return word if word.startswith(("raw", "uncooked")) else f"raw_{word}"


def _kind(resolve: Callable[[str, GameState], names.Match], ending: str) -> Callable[..., str | None]:
    """Lowers an operand of one kind of item: bones or logs."""

    def lowered(
        value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
    ) -> str | None:
        word = str(value).casefold()
        held = [n for n in _held_names(state) if n.casefold().endswith(ending)]
        if word in _EVERYTHING and operand.optional:
            return _OMIT
        if word in _VAGUE_KIND[ending] | _EVERYTHING:
            if len(held) == 1:
                return form_of(held[0])
            if exact := [n for n in held if n.casefold() == ending]:
                return form_of(exact[0])
            if held:
                raise CommandError(f"which {ending}?", candidates=tuple(held))
            return ending.capitalize()
        if held:
            try:
                return names.resolve_item(str(value), among=held).form
            except CommandError as error:
                if _is_ambiguous(error):
                    raise
        return resolve(str(value), state).form

    return lowered


def _from_table(resolve: Callable[[str], names.Match], vague: frozenset[str]) -> Callable[..., str | None]:
    """Lowers an operand with a table of its own; a word for the whole kind leaves an optional one out."""

    def lowered(
        value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
    ) -> str | None:
        if operand.optional and str(value).casefold() in vague | _EVERYTHING:
            return _OMIT
        return resolve(str(value)).form

    return lowered


def _bar(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    found = names.resolve_bar(str(value))
    return found.form if found.form in BARS else form_of(found.name)


def _action(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    word = str(value)
    return menu_action(word) or word[:1].upper() + word[1:]


def _style(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    return resolve_style(str(value), state).replace(" ", "_")


def _count(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> int:
    number = value if isinstance(value, int) else parse_count(value)
    if number == "all":
        raise CommandError(f"{operand.name}: give a number")
    return int(number)


def _quantity(
    value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]
) -> int | None:
    """`all` and `half` of what is in the bank (withdrawing) or held (selling)."""
    if value not in ("all", "half"):
        return _count(value, operand, state, before)
    item = str(before[0]) if before else ""
    selling = operand.optional
    store = _counted(state, held=selling)
    known = None if store is None else store.get(item.casefold(), 0)
    if known is None:
        if value == "all":
            return _OMIT if selling else MAX_STACK
        raise CommandError(f"half of how many? The number of {item} is not known; give a number")
    if known == 0:
        where = "inventory" if selling else "bank"
        raise CommandError(f"the {where} holds no {item.replace('_', ' ')}")
    return known if value == "all" else max(1, known // 2)


def _counted(state: GameState, held: bool) -> dict[str, int] | None:
    """Count by lower-case command form; None when unknown."""
    if held:
        if state.inventory is None:
            return None
        counts: dict[str, int] = {}
        for stack in state.inventory:
            key = form_of(stack.name).casefold()
            counts[key] = counts.get(key, 0) + stack.quantity
        return counts
    return None if state.bank is None else {form_of(n).casefold(): c for n, c in state.bank.items()}


def _millis(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> int:
    return value if isinstance(value, int) else milliseconds(value)


def _text(value: OperandValue, operand: Operand, state: GameState, before: Sequence[OperandValue]) -> str:
    """Underscores become spaces; words of a dialogue option become that option, where the state shows it."""
    said = " ".join(str(value).replace("_", " ").split()) or str(value)
    options = [str(option) for option in (state.dialogue or {}).get("options") or ()]
    if operand.name != "option" or not options or said.isdigit():
        return said
    plain = {re.sub(r"[^\w\s]", "", option).casefold().strip(): option for option in options}
    key = re.sub(r"[^\w\s]", "", said).casefold().strip()
    if key in plain:
        return plain[key]
    starts = [option for p, option in plain.items() if key and p.startswith(key)]
    if len(starts) == 1:
        return starts[0]
    hit = process.extractOne(key, list(plain), scorer=fuzz.token_set_ratio, score_cutoff=80)
    if hit is None:
        raise CommandError(f"no option of the conversation is {said!r}", candidates=tuple(options))
    return plain[hit[0]]


_OPERANDS: Mapping[str, Callable[..., OperandValue | None]] = {
    "npc": _npc,
    "object": _object,
    "item": _item,
    "held": _held,
    "banked": _banked,
    "food": _food,
    "edible": _edible,
    "raw": _raw,
    "bones": _kind(names.resolve_bones, "bones"),
    "logs": _kind(names.resolve_logs, "logs"),
    "fish": _from_table(names.resolve_fish, frozenset(["fish", "fishes", "some"])),
    "tree": _from_table(names.resolve_tree, frozenset()),
    "ore": _from_table(names.resolve_ore, frozenset()),
    "spell": _from_table(names.resolve_spell, frozenset()),
    "bar": _bar,
    "action": _action,
    "style": _style,
    "count": _count,
    "quantity": _quantity,
    "millis": _millis,
    "text": _text,
}
"""How the operands of each type are lowered; a type that is not here is the same on both sides."""
