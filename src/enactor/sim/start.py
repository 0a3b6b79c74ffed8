"""Starting states: the defaults, and what a `predict` case or a scenario says instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from enactor.errors import EnactorError
from enactor.sim import facts
from enactor.sim.combat import engage, leave_to_itself
from enactor.sim.levels import SKILLS, xp_at
from enactor.sim.state import GRAVE_TICKS, Grave, Player, Tile, World
from enactor.world.state import GameState

HOME: Tile = (3222, 3218, 0)
_LEVEL = 30
_GEAR = {"weapon": "Iron scimitar", "shield": "Wooden shield"}
_PACK = ("Bronze axe", "Tinderbox", "Bronze pickaxe", "Small fishing net", "Tuna", "Tuna", "Tuna")
_BANK = {
    "Coins": 5000, "Tuna": 50, "Lobster": 20, "Logs": 60, "Bronze bar": 10, "Copper ore": 30,
    "Tin ore": 30, "Iron ore": 40, "Coal": 40, "Cowhide": 25, "Feather": 200, "Big bones": 20,
    "Raw shrimps": 30, "Knife": 1, "Hammer": 1, "Bucket": 2, "Pot": 1, "Fishing rod": 1,
    "Fly fishing rod": 1, "Fishing bait": 100, "Lobster pot": 1, "Harpoon": 1, "Shears": 1,
    "Air rune": 300, "Mind rune": 200, "Law rune": 20, "Fire rune": 100, "Water rune": 100,
    "Earth rune": 100, "Nature rune": 30,
}  # fmt: skip


@cache
def _defaults() -> tuple[dict[str, int], dict[str, int]]:
    levels = dict.fromkeys(SKILLS, _LEVEL)
    return levels, {skill: xp_at(level) * 10 for skill, level in levels.items()}


def new_world(seed: int, start: Mapping[str, Any] | None) -> World:
    """A world at tick 0.

    `start` has the keys of a predict case's state (see `GameState.from_case`); of scenarios also `quests`
    {name: stage}, `bank_open`, `ground` (list of [item, x, y, plane]), `style` (button label),
    `grave` {at: [x, y, plane], items: [names]}, `experience` {skill: points}.
    Raises `EnactorError` when it cannot be read.
    """
    try:
        return _build(seed, start or {})
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise EnactorError(
            f"cannot read the start state: {error!r}. "
            "Give location [x,y,plane], health [now,max], inventory [names], skills {name: level}"
        ) from error


def _build(seed: int, start: Mapping[str, Any]) -> World:
    case = GameState.from_case(start)
    levels, xp = (dict(table) for table in _defaults())
    for skill, level in (case.skills or {}).items():
        levels[skill.lower()] = min(max(int(level), 1), 99)
        xp[skill.lower()] = xp_at(int(level)) * 10
    if case.health is not None:
        levels["hitpoints"] = min(max(int(case.health[1]), 1), 99)
        xp["hitpoints"] = xp_at(levels["hitpoints"]) * 10
    for skill, points in (start.get("experience") or {}).items():
        xp[skill] = max(int(points) * 10, xp[skill])
    hp = levels["hitpoints"] if case.health is None else min(max(int(case.health[0]), 1), levels["hitpoints"])
    player = Player(case.location or HOME, hp, xp, levels)
    _fill(player, case)
    world = World(seed, player)
    world.client = case.client_running
    _finish(world, case, start)
    return world


def _fill(player: Player, case: GameState) -> None:
    carried: Iterable[tuple[str, int]]
    carried = (
        ((n, 1) for n in _PACK) if case.inventory is None else ((s.name, s.quantity) for s in case.inventory)
    )
    for name, count in carried:
        if count < 1:
            raise EnactorError(f"start state: {name!r} has a count of {count}; counts begin at 1")
        known = facts.item(name).name if facts.known_item(name) else name
        if player.pack.add(known, count) < count:
            raise EnactorError(
                f"start state: the inventory holds 28 slots, {name!r} x{count} does not fit any more"
            )
    player.bank = dict(_BANK if case.bank is None else case.bank)
    for slot, name in (_GEAR if case.equipment is None else case.equipment).items():
        worn = facts.item(name)
        player.equipment[worn.slot or slot] = (worn.name if facts.known_item(name) else name, 1)


def _finish(world: World, case: GameState, start: Mapping[str, Any]) -> None:
    if case.in_combat:
        x, y, plane = world.player.tile
        npc = facts.stray(900_000, str(case.in_combat), (x + 1, y, plane))
        world.extra_spawns.append(npc)
        engage(world, npc)
        leave_to_itself(world)
    world.quests.update(start.get("quests") or {})
    if start.get("bank_open"):
        world.window = "bank"
    for name, x, y, plane in start.get("ground") or ():
        world.drop(name, 1, (x, y, plane))
    if grave := start.get("grave"):
        x, y, plane = grave["at"]
        world.grave = Grave((x, y, plane), [facts.counted(text) for text in grave["items"]], GRAVE_TICKS)
    if label := start.get("style"):
        worn = world.player.equipment.get("weapon")
        labels = [facts.key(text) for text, _ in facts.buttons(worn[0] if worn else None)]
        if facts.key(label) in labels:
            world.player.style = labels.index(facts.key(label))
