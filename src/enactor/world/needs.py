"""What a command needs and the state shows to be missing. What is unknown never counts as missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

from enactor.world.catalogue import BARS, FISH, ITEMS, ORES, SPELLS, TREES, form_of
from enactor.world.commands import COMMANDS
from enactor.world.declared import read_data
from enactor.world.spec import Command, Missing, Need
from enactor.world.state import GameState

SLOTS = 28


def check_needs(command: Command, state: GameState) -> list[Missing]:
    """The prerequisites of a lowered command that are absent, in the order they are declared.

    What stands near is the game's to judge, and so is whatever the state does not tell.
    """
    spec = COMMANDS[command.verb]
    if not state.client_running:
        return [Missing("a running game client", "start it with start_runelite")]
    found: list[Missing] = []
    for need in spec.needs:
        check = _CHECKS.get(need.kind)
        if check is not None:
            found.extend(check(need, _operand(command, need.operand), state))
    return list(dict.fromkeys(found))


def _operand(command: Command, name: str | None) -> str | None:
    """The command's value for the operand, None when it was left out."""
    for form in COMMANDS[command.verb].forms:
        for operand, value in zip(form, command.operands, strict=False):
            if operand.name == name:
                return str(value)
    return None


def _have(state: GameState, worn: bool = False) -> Mapping[str, int] | None:
    """Count by lower-case display name, with what is worn if asked; None when the inventory is unknown."""
    if state.inventory is None:
        return None
    counts: dict[str, int] = {}
    for stack in state.inventory:
        counts[stack.name.casefold()] = counts.get(stack.name.casefold(), 0) + stack.quantity
    for name in (state.equipment or {}).values() if worn else ():
        counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
    return counts


def _display(form: str) -> str:
    return ITEMS[form].name if form in ITEMS else form.replace("_", " ")


def _item(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if value is not None and value in need.unless:
        return
    have = _have(state, worn=need.where == "either")
    if have is None:
        return
    if value is not None:
        if form_of(value).casefold() not in {form_of(name).casefold() for name in have}:
            yield Missing(_display(value), "it is not in the inventory")
        return
    worn_unknown = need.where == "either" and state.equipment is None
    found = any(fnmatchcase(name, pattern.casefold()) for name in have for pattern in need.any_of)
    if need.any_of and not found and not worn_unknown:
        what = _pattern(need.any_of[0])
        where = "held or worn" if need.where == "either" else "held"
        yield Missing(what, f"no {what.removeprefix('any ')} is {where}")


def _pattern(pattern: str) -> str:
    """`* axe` -> `any axe`, `*bones` -> `any bones`, `Raw *` -> `any raw food`."""
    if pattern == "Raw *":
        return "any raw food"
    return f"any {pattern.strip('* ')}" if "*" in pattern else pattern


def _in_bank(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if value is None or state.bank is None:
        return
    if form_of(value).casefold() not in {
        form_of(n).casefold() for n, count in state.bank.items() if count > 0
    }:
        yield Missing(_display(value), "the bank holds none")


def _food(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    have = _have(state)
    if have is None or value is not None:
        return
    healing = {item.name.casefold() for item in ITEMS.values() if item.heals > 0}
    if not healing & set(have):
        yield Missing("food", "nothing in the inventory can be eaten")


def _bank(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if state.bank_open is False:
        yield Missing("an open bank", "open it with BANK_OPEN beside a bank")


def _level_of(state: GameState, skill: str) -> int | None:
    levels = {name.casefold(): level for name, level in (state.skills or {}).items()}
    return levels.get(skill.casefold())


def _level(skill: str, level: int, state: GameState) -> Iterable[Missing]:
    now = _level_of(state, skill)
    if now is not None and now < level:
        yield Missing(f"{skill.capitalize()} level {level}", f"it is {now} now")


def _declared_level(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    yield from _level(need.skill or "", need.level, state)


def _space(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if state.inventory is not None and len(state.inventory) >= SLOTS:
        yield Missing("a free inventory slot", "the inventory is full: bank or drop something first")


def _dialogue(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if state.dialogue is not None and state.dialogue.get("open") is False:
        yield Missing("an open conversation", "talk to somebody first")


def _runes(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    spell = SPELLS.get(value or "")
    if spell is None:
        return
    yield from _level("magic", spell.level, state)
    have = _have(state)
    if have is None:
        return
    endless = read_data("menu.yaml")["staffs"]
    from_staff = {rune for name in (state.equipment or {}).values() for rune in endless.get(name, ())}
    for rune, count in spell.runes:
        held = have.get(rune.casefold(), 0)
        # An unknown wielded staff may stand for the elemental runes; the others are always held.
        elemental = rune.split()[0] in ("Air", "Water", "Earth", "Fire")
        if held < count and rune not in from_staff and not (elemental and state.equipment is None):
            yield Missing(f"{count} {rune}{'s' if count > 1 else ''}", f"{held or 'none'} held")


def _by(need: Need, value: str | None, state: GameState) -> Iterable[Missing]:
    if value is None or need.table is None:
        return
    yield from _TABLES[need.table](value, state)


def _fish(value: str, state: GameState) -> Iterable[Missing]:
    row = FISH.get(value)
    if row is None:
        return
    yield from _level("fishing", row.level, state)
    have = _have(state, worn=True)
    for thing in (row.tool, row.bait) if have is not None else ():
        if thing and thing.casefold() not in (have or {}):
            yield Missing(thing, f"needed to fish {row.name}; none is held")


def _tree(value: str, state: GameState) -> Iterable[Missing]:
    row = next((t for t in TREES.values() if value in (t.form, form_of(t.name))), None)
    if row is not None:
        yield from _level("woodcutting", row.level, state)


def _ore(value: str, state: GameState) -> Iterable[Missing]:
    if row := ORES.get(value):
        yield from _level("mining", row.level, state)


def _bar(value: str, state: GameState) -> Iterable[Missing]:
    row = BARS.get(value)
    if row is None:
        return
    yield from _level("smithing", row.level, state)
    have = _have(state)
    for name, count in row.ingredients if have is not None else ():
        held = (have or {}).get(name.casefold(), 0)
        if held < count:
            yield Missing(f"{count} {name}", f"{held or 'none'} held")


def _logs(value: str, state: GameState) -> Iterable[Missing]:
    item = ITEMS.get(value)
    if item is not None and item.skill.casefold() == "firemaking":
        yield from _level("firemaking", item.level, state)


def _teleport(value: str, state: GameState) -> Iterable[Missing]:
    form = "Teleport_to_House" if value == "house" else f"{value.capitalize()}_Teleport"
    yield from _runes(Need("runes"), form, state)


_TABLES: Mapping[str, Callable[[str, GameState], Iterable[Missing]]] = {
    "fish": _fish,
    "tree": _tree,
    "ore": _ore,
    "bar": _bar,
    "logs": _logs,
    "teleport": _teleport,
}

_CHECKS: Mapping[str, Callable[[Need, str | None, GameState], Iterable[Missing]]] = {
    "item": _item,
    "in_bank": _in_bank,
    "food": _food,
    "bank": _bank,
    "level": _declared_level,
    "space": _space,
    "dialogue": _dialogue,
    "runes": _runes,
    "by": _by,
}
