"""The game's published formulas: experience, combat level, accuracy, damage.

Source: the Old School RuneScape Wiki (pages Experience, Combat level, Damage per second/Melee), facts only.
Experience is kept in tenths of a point, as the game does.
"""

from bisect import bisect_right
from collections.abc import Mapping

from enactor.world.conditions import SKILLS as SKILLS

MAX_XP = 200_000_000


def _table() -> tuple[int, ...]:
    points, thresholds = 0, [0]
    for level in range(1, 99):
        points += int(level + 300 * 2 ** (level / 7))
        thresholds.append(points // 4)
    return tuple(thresholds)


XP_OF_LEVEL = _table()  # XP_OF_LEVEL[n - 1] is the experience at which level n begins


def xp_at(level: int) -> int:
    """Experience points at which `level` (1..99, clamped) begins."""
    return XP_OF_LEVEL[min(max(level, 1), 99) - 1]


def level_of(xp: float) -> int:
    """Level (1..99) that `xp` points make."""
    return bisect_right(XP_OF_LEVEL, xp)


def combat_level(levels: Mapping[str, int]) -> int:
    """Combat level from base levels: 0.25 (def + hp + prayer/2) + the best of melee, ranged and magic."""
    base = 0.25 * (levels["defence"] + levels["hitpoints"] + levels["prayer"] // 2)
    melee = 0.325 * (levels["attack"] + levels["strength"])
    ranged = 0.325 * (levels["ranged"] * 3 // 2)
    magic = 0.325 * (levels["magic"] * 3 // 2)
    return int(base + max(melee, ranged, magic))


def max_hit(effective_strength: int, bonus: int) -> int:
    """Largest melee hit: `effective_strength` is level + 8 + stance bonus, `bonus` the gear's strength."""
    return (effective_strength * (bonus + 64) + 320) // 640


def hit_chance(attack_roll: int, defence_roll: int) -> float:
    """Chance that a hit lands, from both maximum rolls (effective level x (bonus + 64))."""
    if attack_roll > defence_roll:
        return 1 - (defence_roll + 2) / (2 * (attack_roll + 1))
    return attack_roll / (2 * (defence_roll + 1))


def gather_chance(low: int, high: int, level: int) -> float:
    """Chance of one success of a gathering or cooking roll: linear between `low` (level 1) and `high`
    (level 99), both out of 256. The linear form is the wiki's; most
    figures of `data/skills.yaml` are estimates."""
    value = low * (99 - level) / 98 + high * (level - 1) / 98
    return min(max((int(value + 0.5) + 1) / 256, 0.0), 1.0)
