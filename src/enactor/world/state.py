"""One observation of the game, read from the plugin's state file or from a case of `enactor predict`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tile = tuple[int, int, int]
_STACK = re.compile(r"^(?P<name>.+?)\s+x(?P<count>[\d,]+)$")


@dataclass(frozen=True, slots=True)
class Stack:
    """One occupied inventory slot: the item's display name and how many are in the slot."""

    name: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class GameState:
    """What is known of the player at one moment.

    `None` means unknown, never empty. Levels are base levels. `inventory` has one entry per occupied slot;
    `bank` maps display name to quantity; `equipment` maps slot name to display name. Tiles are
    (x, y, plane) in world coordinates.
    """

    location: Tile | None = None
    health: tuple[int, int] | None = None
    inventory: tuple[Stack, ...] | None = None
    equipment: Mapping[str, str] | None = None
    bank: Mapping[str, int] | None = None
    skills: Mapping[str, int] | None = None
    experience: Mapping[str, int] | None = None
    npcs: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    dialogue: Mapping[str, Any] | None = None
    in_combat: str | None = None
    active_loop: str | None = None
    bank_open: bool | None = None
    client_running: bool = True
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def held(self, name: str) -> int:
        """How many of the item (display name, case ignored) are in the inventory."""
        wanted = name.casefold()
        return sum(s.quantity for s in self.inventory or () if s.name.casefold() == wanted)

    @property
    def weapon(self) -> str | None:
        """Display name of the wielded weapon, None when bare-handed or unknown."""
        return (self.equipment or {}).get("weapon")

    @classmethod
    def from_plugin(cls, data: Mapping[str, Any]) -> GameState:
        """Read the plugin's state file (or our simulator's, which has the same shape and a few keys more:
        `player.bank` {name: n}, `player.bankOpen`, `client {running}`)."""
        player = data.get("player") or {}
        loc = player.get("location") or {}
        health = player.get("health") or {}
        inventory = player.get("inventory")
        skills = player.get("skills")
        equipment = player.get("equipment")
        combat = (data.get("combat") or {}).get("target")
        loop = data.get("active_loop") or {}
        nearby = player.get("nearby") or {}
        return cls(
            location=(loc["x"], loc["y"], loc.get("plane", 0)) if "x" in loc and "y" in loc else None,
            health=(health["current"], health["max"]) if "current" in health and "max" in health else None,
            inventory=None
            if inventory is None
            else tuple(
                stack
                if isinstance(item, str) and (stack := read_stack(item))
                else Stack(item["name"], item.get("quantity", 1))
                for item in inventory.get("items") or ()
                if item
            ),
            equipment=None
            if equipment is None
            else {slot: worn["name"] for slot, worn in equipment.items() if worn},
            bank=player.get("bank"),
            skills=None if skills is None else {k: v["level"] for k, v in skills.items() if "level" in v},
            experience=None if skills is None else {k: v["xp"] for k, v in skills.items() if "xp" in v},
            npcs=tuple(n["name"] for n in nearby.get("npcs") or () if n),
            objects=tuple(o["name"] for o in nearby.get("objects") or () if o),
            dialogue=data.get("dialogue"),
            in_combat=combat if player.get("inCombat") else None,
            active_loop=loop.get("command"),
            bank_open=player.get("bankOpen"),
            client_running=bool((data.get("client") or {}).get("running", True)),
            raw=data,
        )

    @classmethod
    def from_case(cls, data: Mapping[str, Any]) -> GameState:
        """Read the `state` of a `predict` case: location [x,y,plane], health [now,max], inventory of names or
        "Name xN", and optionally bank, bank_open, equipment, skills, in_combat,
        client_running."""
        bank = data.get("bank")
        equipment = data.get("equipment")
        return cls(
            location=_tile(data.get("location")),
            health=tuple(data["health"]) if data.get("health") else None,
            inventory=None if data.get("inventory") is None else _stacks(data["inventory"]),
            equipment=None if equipment is None else _worn(equipment),
            bank=None if bank is None else _counts(bank),
            skills=data.get("skills"),
            in_combat=data.get("in_combat") or None,
            active_loop=data.get("active_loop") or None,
            client_running=data.get("client_running", True) is not False,
            bank_open=data.get("bank_open"),
            raw=data,
        )

    def to_case(self) -> dict[str, Any]:
        """The known parts in the form that `from_case` reads; inventory slots as "Name" or "Name xN"."""
        case: dict[str, Any] = {}
        if self.location is not None:
            case["location"] = list(self.location)
        if self.health is not None:
            case["health"] = list(self.health)
        if self.inventory is not None:
            case["inventory"] = [
                s.name if s.quantity == 1 else f"{s.name} x{s.quantity}" for s in self.inventory
            ]
        if self.bank is not None:
            case["bank"] = dict(self.bank)
        if self.equipment is not None:
            case["equipment"] = dict(self.equipment)
        if self.skills is not None:
            case["skills"] = dict(self.skills)
        if self.in_combat:
            case["in_combat"] = self.in_combat
        if self.active_loop:
            case["active_loop"] = self.active_loop
        if not self.client_running:
            case["client_running"] = False
        if self.bank_open:
            case["bank_open"] = True
        return case


def read_stack(text: str) -> Stack:
    """`"Coins x150"` is one stack of 150; a bare name is a single item."""
    match = _STACK.match(text.strip())
    if match:
        return Stack(match["name"], int(match["count"].replace(",", "")))
    return Stack(text.strip())


def _tile(value: Sequence[int] | None) -> Tile | None:
    if not value:
        return None
    x, y, *rest = (int(v) for v in value)
    return (x, y, rest[0] if rest else 0)


def _stacks(value: Sequence[str] | Mapping[str, int]) -> tuple[Stack, ...]:
    if isinstance(value, Mapping):
        return tuple(Stack(name, int(n)) for name, n in value.items())
    return tuple(read_stack(v) for v in value)


def _counts(value: Sequence[str] | Mapping[str, int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for stack in _stacks(value):
        counts[stack.name] = counts.get(stack.name, 0) + stack.quantity
    return counts


def _worn(value: Mapping[str, Any] | Sequence[str]) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {
            slot: item["name"] if isinstance(item, Mapping) else str(item)
            for slot, item in value.items()
            if item
        }
    return {("weapon" if i == 0 else f"worn{i}"): str(name) for i, name in enumerate(value)}
