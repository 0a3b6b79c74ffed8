"""What must hold in the end: the atoms of the condition language, and more of the same form.

Every atom of `enactor.world.parse_condition` is a goal; the heads of `HEADS` say the rest, some of them by
comparing with how it began or by looking at the calls. `not` before an atom turns it round. Numbers take
`<=`, `>=`, `<`, `>` or `==`; without a number, at least one.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.errors import EnactorError
from enactor.trace.values import Step
from enactor.world import CREATURES, ITEMS, PLACES, CommandError, GameState, parse_condition

NEAR_TILES = 5
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
_STATUSES = {"ok", "error", "needs_confirmation", "blocked"}
_NUMBER = re.compile(r"^(<=|>=|<|>|==)(\d+)(%?)$")


class GoalError(EnactorError, ValueError):
    """A goal that cannot be read. The message names it and the forms there are."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How it began, how it is now, and the calls made between."""

    before: GameState
    now: GameState
    steps: Sequence[Step] = ()


Goal = Callable[[Ending], bool]
Amount = Callable[[float, float], bool]  # (number, whole) -> does it compare as said


def parse_goal(text: str) -> Goal:
    """The predicate of one goal. Raises `GoalError` for anything else."""
    plain = text.strip()
    if plain.startswith("not "):
        goal = parse_goal(plain.removeprefix("not "))
        return lambda ending: not goal(ending)
    head, _, value = plain.partition(":")
    if head in HEADS:
        return HEADS[head](value.strip())
    try:
        holds = parse_condition(plain)
    except CommandError as error:
        known = ", ".join((*error.candidates, *HEADS))
        raise GoalError(f"{plain!r} is no goal: give one of {known}") from error
    return lambda ending: holds(ending.now)


def _amount(text: str) -> Amount:
    """`>=N`, or `>=N%` of the whole."""
    match = _NUMBER.match(text)
    if match is None:
        raise GoalError(f"{text!r} is no amount: write >=5, <=5, ==5, >5, <5, or the same with %")
    compare, number, share = _COMPARE[match[1]], int(match[2]), bool(match[3])
    return lambda have, whole: compare(have, number * whole / 100 if share else number)


def _named(value: str) -> tuple[str, Amount]:
    """`NAME:>=N`; the name alone means at least one."""
    name, _, amount = value.partition(":")
    if not name:
        raise GoalError("a goal lacks its name")
    return name.strip(), _amount(amount or ">=1")


def _item(name: str) -> str:
    if name.casefold() not in {item.name.casefold() for item in ITEMS.values()}:
        raise GoalError(f"{name!r} is no item of the tables")
    return name.casefold()


def _count(counts: Mapping[str, int] | None, name: str) -> int:
    return sum(n for item, n in (counts or {}).items() if item.casefold() == name)


def _has(value: str) -> Goal:
    name, amount = _named(value)
    item = _item(name)
    return lambda e: amount(e.now.held(item), 0)


def _banked(value: str) -> Goal:
    name, amount = _named(value)
    item = _item(name)
    return lambda e: amount(_count(e.now.bank, item), 0)


def _gained(value: str) -> Goal:
    """More of it than before, carried and banked together."""
    name, amount = _named(value)
    item = _item(name)

    def own(state: GameState) -> int:
        return state.held(item) + _count(state.bank, item)

    return lambda e: amount(own(e.now) - own(e.before), 0)


def _worn(value: str) -> Goal:
    item = _item(value)
    return lambda e: item in {name.casefold() for name in (e.now.equipment or {}).values()}


def _reached(value: str) -> Goal:
    place, _, within = value.partition(":")
    radius = int(within) if within else NEAR_TILES
    if place in PLACES:
        x, y, plane = PLACES[place].tile
    else:
        try:
            x, y, plane = (int(part) for part in place.split(","))
        except ValueError as error:
            raise GoalError(f"{place!r} is no place: give a form of docs/places.md or X,Y,PLANE") from error

    def near(ending: Ending) -> bool:
        here = ending.now.location
        return here is not None and here[2] == plane and max(abs(here[0] - x), abs(here[1] - y)) <= radius

    return near


def _killed(value: str) -> Goal:
    name, amount = _named(value)
    if name.casefold() not in {creature.name.casefold() for creature in CREATURES.values()}:
        raise GoalError(f"{name!r} is no creature of the tables")
    return lambda e: amount(_count(e.now.raw.get("kills"), name.casefold()), 0)


def _experience(value: str) -> Goal:
    """Points gained since the beginning."""
    skill, amount = _named(value)

    def points(state: GameState) -> int:
        return (state.experience or {}).get(skill, 0)

    return lambda e: amount(points(e.now) - points(e.before), 0)


def _alive(value: str) -> Goal:
    return lambda e: e.now.raw.get("deaths", 0) == e.before.raw.get("deaths", 0)


def _style(value: str) -> Goal:
    return lambda e: _dig(e.now.raw, "player", "combatStyle", "trains") == value


def _running(value: str) -> Goal:
    """The running command line begins so, `none` when nothing runs."""

    def runs(ending: Ending) -> bool:
        task = _dig(ending.now.raw, "scenario", "currentTask") or "Idle"
        return task == "Idle" if value == "none" else str(task).startswith(value)

    return runs


def _fighting(value: str) -> Goal:
    return lambda e: (e.now.in_combat or "none").casefold() == value.casefold()


def _quest(value: str) -> Goal:
    name, amount = _named(value)
    return lambda e: amount((e.now.raw.get("quests") or {}).get(name, 0), 0)


def _window(value: str) -> Goal:
    """`bank`, `deposit`, `exchange`, `shop` or `none`."""
    return lambda e: str(e.now.raw.get("interface") or "none").partition(":")[0] == value


def _tab(value: str) -> Goal:
    return lambda e: _dig(e.now.raw, "player", "currentTab") == value


def _camera(value: str) -> Goal:
    what, amount = _named(value)
    return lambda e: amount(_dig(e.now.raw, "player", "camera", what) or 0, 0)


def _saved(value: str) -> Goal:
    return lambda e: value in (e.now.raw.get("places") or {})


def _open(value: str) -> Goal:
    """A door or gate of that name near stands open."""

    def stands_open(ending: Ending) -> bool:
        near = _dig(ending.now.raw, "player", "nearby", "objects") or ()
        return any(o["name"] == value and "Close" in o["actions"] for o in near)

    return stands_open


def _says(value: str) -> Goal:
    """The open conversation shows these words, in its line or in its options."""

    def shown(ending: Ending) -> bool:
        talk = ending.now.dialogue or {}
        lines = (str(talk.get("text")), *map(str, talk.get("options") or ()))
        return bool(talk.get("open")) and any(value.casefold() in line.casefold() for line in lines)

    return shown


def _offer(value: str) -> Goal:
    """An offer of the exchange: `buy NAME` or `sell NAME`."""
    return lambda e: any(f"{o['kind']} {o['item']}" == value for o in e.now.raw.get("offers") or () if o)


def _paused(value: str) -> Goal:
    return lambda e: bool(_dig(e.now.raw, "client", "paused"))


def _grave(value: str) -> Goal:
    return lambda e: bool(_dig(e.now.raw, "gravestone", "active"))


def _called(value: str) -> Goal:
    """One of the verbs or tools, joined by `|`, was called and carried out."""
    names = value.split("|")
    return lambda e: any(s.result.status == "ok" and _name(s) in names for s in e.steps)


def _tried(value: str) -> Goal:
    """A verb or tool was called, and the answer was of one of the statuses: `VERB:blocked|error`."""
    names, _, said = value.partition(":")
    statuses = said.split("|")
    if not set(statuses) <= _STATUSES:
        raise GoalError(f"{value!r} lacks a status: write VERB: and one of {', '.join(sorted(_STATUSES))}")
    return lambda e: any(s.result.status in statuses and _name(s) in names.split("|") for s in e.steps)


def _name(step: Step) -> str:
    """The verb inside `send_command`, else the tool."""
    if step.call.tool not in ("send_command", "send_and_await"):
        return step.call.tool
    line = step.result.lowered or str((step.call.parsed or {}).get("command", ""))
    return line.split()[0].upper() if line.split() else ""


def _dig(data: Mapping[str, Any], *keys: str) -> Any:
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


HEADS: Mapping[str, Callable[[str], Goal]] = {
    "reached": _reached,
    "has": _has,
    "banked": _banked,
    "gained": _gained,
    "worn": _worn,
    "killed": _killed,
    "xp": _experience,
    "alive": _alive,
    "style": _style,
    "running": _running,
    "fighting": _fighting,
    "quest": _quest,
    "window": _window,
    "tab": _tab,
    "camera": _camera,
    "saved": _saved,
    "open": _open,
    "says": _says,
    "offer": _offer,
    "paused": _paused,
    "grave": _grave,
    "called": _called,
    "tried": _tried,
}
"""Heads beside those of the condition language, and how the rest of the atom is read."""
