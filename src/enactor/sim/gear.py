"""Worn equipment: what can be worn, swapping, the best melee gear."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.state import Handler, Refused, Result, World

_WEIGHT = {"attack": (2, 1), "strength": (1, 2), "balanced": (1, 1)}


def can_wear(world: World, name: str) -> bool:
    """Has the player the levels that the item needs?"""
    return all(world.player.levels.get(skill, 99) >= level for skill, level in facts.item(name).needs)


def wear(world: World, name: str) -> str:
    """Move an item from the inventory to its slot, what was there back; its slot. Refuses the unwearable."""
    item, player = facts.item(name), world.player
    if not item.slot:
        raise Refused(f"Menu option not found: option='Wield', target='{name}'")
    if not can_wear(world, name):
        needs = ", ".join(f"{skill.capitalize()} {level}" for skill, level in item.needs)
        raise Refused(f"You need {needs} to wear {name}")
    off = [item.slot]
    if item.two_handed:
        off.append("shield")
    elif (
        item.slot == "shield" and (held := player.equipment.get("weapon")) and facts.item(held[0]).two_handed
    ):
        off.append("weapon")
    count = player.pack.count(name) if item.stackable else 1
    before, worn = list(player.pack.slots), dict(player.equipment)
    player.pack.remove(name, count)
    for slot in off:
        if slot in player.equipment:
            old, many = player.equipment[slot]
            if facts.key(old) == facts.key(name) and item.stackable:
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
    slots = {facts.item(n).slot for n, _ in world.player.pack.items()} - {"", "ammo"}
    for slot in sorted(slots):
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


HANDLERS: dict[str, Handler] = {"EQUIP_BEST_MELEE": cmd_best_melee}
