"""Worn equipment: what can be worn, swapping, the best melee gear."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.state import Refused, Result, World

_WEIGHT = {"attack": (2, 1), "strength": (1, 2), "balanced": (1, 1)}


def can_wear(world: World, name: str) -> bool:
    """Has the player the levels that the item needs?"""
    return all(world.player.levels.get(skill, 99) >= level for skill, level in facts.item(name).needs.items())


def wear(world: World, name: str) -> str:
    """Move one item from the inventory to its slot, what was there back; its slot. Refuses what cannot be worn."""
    item, player = facts.item(name), world.player
    if item.slot is None:
        raise Refused(f"Menu option not found: option='Wield', target='{name}'")
    if not can_wear(world, name):
        needs = ", ".join(f"{skill.capitalize()} {level}" for skill, level in item.needs.items())
        raise Refused(f"You need {needs} to wear {name}")
    off = [item.slot]
    if item.two_handed:
        off.append("shield")
    elif (
        item.slot == "shield" and (held := player.equipment.get("weapon")) and facts.item(held[0]).two_handed
    ):
        off.append("weapon")
    count = player.pack.count(name) if item.stack else 1
    before, worn = list(player.pack.slots), dict(player.equipment)
    player.pack.remove(name, count)
    for slot in off:
        if slot in player.equipment:
            old, many = player.equipment[slot]
            if facts.key(old) == facts.key(name) and item.stack:
                count += many
                del player.equipment[slot]
            elif player.pack.add(old, many) < many:
                player.pack.slots, player.equipment = before, worn
                raise Refused("Inventory is full")
            else:
                del player.equipment[slot]
    player.equipment[item.slot] = (name, count)
    return item.slot


def cmd_best_melee(world: World, args: Sequence[str]) -> Result:
    """EQUIP_BEST_MELEE [ATTACK|STRENGTH|BALANCED]: from the inventory only."""
    accuracy, strength = _WEIGHT.get((args[0] if args else "balanced").lower(), (1, 1))

    def worth(name: str) -> int:
        item = facts.item(name)
        return accuracy * item.accuracy + strength * item.strength + item.armour

    changed = []
    slots = {facts.item(n).slot for n, _ in world.player.pack.items()} - {None, "ammo"}
    for slot in sorted(str(s) for s in slots):
        fits = [n for n, _ in world.player.pack.items() if facts.item(n).slot == slot and can_wear(world, n)]
        fits = [n for n in fits if slot != "weapon" or "bow" not in facts.key(n)]
        best = max(fits, key=worth, default=None)
        now = world.player.equipment.get(slot)
        if best is not None and (now is None or worth(best) > worth(now[0])):
            wear(world, best)
            changed.append(best)
    return {
        "message": "Equipped " + ", ".join(changed) if changed else "Already wearing the best gear",
        "equipped": changed,
    }


HANDLERS = {"EQUIP_BEST_MELEE": cmd_best_melee}
