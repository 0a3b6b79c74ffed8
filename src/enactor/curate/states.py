"""States around the rows: plausible players, so that the state line of a prompt varies as it will in use."""

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from enactor.world import ITEMS, PLACES
from enactor.world.phrasebook import Group
from enactor.world.state import read_stack

INVENTORY_SLOTS = 28
_SLOT_KINDS = {"food": "food", "raw": "raw food", "bones": "bones", "logs": "logs"}
# Where a command can mostly be carried out, and with what: verb -> (kind of place, items).
_FITS: dict[str, tuple[str, tuple[str, ...]]] = {
    "BANK_": ("bank", ()),
    "SCAN_BANK": ("bank", ()),
    "GE_": ("exchange", ("Coins x5000",)),
    "SHOP_BUY": ("store", ("Coins x500",)),
    "FISH": ("fishing", ("Small fishing net", "Fishing rod", "Fishing bait x50")),
    "CHOP_TREE": ("tree", ("Bronze axe",)),
    "POWER_CHOP": ("tree", ("Bronze axe",)),
    "MINE": ("mine", ("Bronze pickaxe",)),
    "COOK_ALL": ("range", ()),
    "SMELT": ("furnace", ()),
    "LIGHT_FIRE": ("", ("Tinderbox", "Logs")),
    "KILL_LOOP": ("spawn", ()),
    "ATTACK_NPC": ("spawn", ()),
}
_SKILLS = (
    "attack",
    "strength",
    "defence",
    "magic",
    "prayer",
    "ranged",
    "fishing",
    "cooking",
    "woodcutting",
    "firemaking",
    "mining",
    "smithing",
)
_LOOPS = (
    *("KILL_LOOP Giant_frog none 300", "KILL_LOOP Cow none 100", "KILL_LOOP Chicken none", "POWER_MINE iron"),
    *(
        "FISH_DROP shrimp",
        "POWER_CHOP Tree",
        "KILL_LOOP Goblin Tuna 50",
        "FISH_DRAYNOR_LOOP",
        "KILL_COW_GET_HIDES",
    ),
)


def draw_state(rng: random.Random, group: Group) -> dict[str, Any]:
    """A case state: hit points, inventory, weapon, place, sometimes a running loop, and what the group says
    it must have. Groups whose slots name held things get some of that kind; who is in danger and is not told
    to eat has no food."""
    top = rng.choice((10, 15, 22, 28, 35, 40, 47, 55, 63, 70))
    low = group.kind == "emergency" or rng.random() < 0.08
    health = (
        rng.randint(1, max(2, top // 4)) if low else top if rng.random() < 0.6 else rng.randint(top // 3, top)
    )
    inventory = _inventory(rng)
    for slot in _SLOT_KINDS:
        if any(f"{{{slot}" in text for text in (*group.do, *group.say[:3])):
            inventory[:0] = [_some(rng, _SLOT_KINDS[slot]) for _ in range(rng.choice((1, 1, 2)))]
    tools = (
        "Bronze axe",
        "Bronze pickaxe",
        "Small fishing net",
        "Tinderbox",
        "Knife",
        "Hammer",
        "Bucket",
        "Pot",
    )
    if rng.random() < 0.35:
        inventory.insert(0, rng.choice(tools))
    kind, needed = next(
        (fit for verb, fit in _FITS.items() if any(verb in line for line in group.do)), ("", ())
    )
    inventory[:0] = [name for name in needed if rng.random() < 0.8]
    state: dict[str, Any] = {
        "location": _place(rng, kind if rng.random() < 0.8 else ""),
        "health": [min(health, top), top],
        "inventory": inventory,
        "equipment": _equipment(rng),
        "skills": {skill: rng.randint(40, 99) for skill in _SKILLS},
    }
    if rng.random() < 0.12:
        state["active_loop"] = rng.choice(_LOOPS)
    wanted = dict(group.state)
    client = wanted.pop("client", None)
    if isinstance(client, Mapping):
        wanted["client_running"] = client.get("running", True)
    if group.kind == "emergency" and not any("EAT" in line for line in group.do):
        state["inventory"] = [name for name in inventory if not _edible(name)]
    if "inventory" in wanted:
        state["inventory"] = [*wanted.pop("inventory"), *inventory]
    state["inventory"] = _fitting(state["inventory"])
    return {**state, **wanted}


def _fitting(inventory: list[str]) -> list[str]:
    """As much as 28 slots hold, one entry a slot, as the game shows it."""
    slots: list[str] = []
    for text in inventory:
        stack = read_stack(text)
        item = ITEMS.get(stack.name.replace(" ", "_"))
        slots += [text] if item is not None and item.stackable else [stack.name] * stack.quantity
    return slots[:INVENTORY_SLOTS]


def _inventory(rng: random.Random) -> list[str]:
    if rng.random() < 0.08:
        return []
    names = [rng.choice(_common()) for _ in range(rng.choice((1, 2, 3, 3, 4, 5, 6, 8)))]
    stacks = []
    for name in dict.fromkeys(names):
        item = ITEMS[name]
        if item.stackable:
            stacks.append(f"{item.name} x{rng.choice((5, 25, 50, 150, 300, 1000, rng.randint(2, 5000)))}")
        else:
            stacks += [item.name] * rng.choice((1, 1, 1, 2, 3, 5))
    return stacks[:26]


def _some(rng: random.Random, kind: str) -> str:
    return ITEMS[rng.choice([form for form in _common() if ITEMS[form].kind == kind])].name


def _equipment(rng: random.Random) -> dict[str, str]:
    if rng.random() < 0.12:
        return {}
    return {"weapon": ITEMS[rng.choice(_weapons())].name}


def _place(rng: random.Random, kind: str) -> list[int]:
    """A tile near some place of the mainland, right at one of the wanted kind if there is any."""
    fitting = [p for p in _ground() if p.kind == kind]
    if fitting:
        return list(rng.choice(fitting).tile)
    place = rng.choice(_ground())
    return [place.tile[0] + rng.randint(-6, 6), place.tile[1] + rng.randint(-6, 6), 0]


def _edible(stack: str) -> bool:
    item = ITEMS.get(read_stack(stack).name.replace(" ", "_"))
    return item is not None and item.kind == "food"


@cache
def _ground() -> tuple[Any, ...]:
    return tuple(
        p
        for p in PLACES.values()
        if p.tile[2] == 0 and 2900 <= p.tile[0] <= 3330 and 3130 <= p.tile[1] <= 3520
    )


@cache
def _weapons() -> tuple[str, ...]:
    return tuple(form for form, item in ITEMS.items() if item.slot == "weapon" and item.kind == "weapon")


@cache
def _common() -> tuple[str, ...]:
    """What players carry: no armour pieces by the dozen."""
    kinds = {
        "food",
        "raw food",
        "bones",
        "logs",
        "ore",
        "bar",
        "rune",
        "tool",
        "loot",
        "currency",
        "container",
        "ingredient",
    }
    return tuple(form for form, item in ITEMS.items() if item.kind in kinds)
