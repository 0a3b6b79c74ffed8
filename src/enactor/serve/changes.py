"""What is different between two observations, in a few words each."""

from collections import Counter
from collections.abc import Iterator, Mapping

from enactor.world import GameState, Stack, Tile

_COMPASS = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")
MAX_NAMES = 6


def changes(before: GameState, after: GameState) -> list[str]:
    """Phrases such as `moved 20 tiles east to 3242, 3218`, `health 35 -> 31`, `+3 Raw chicken`, `bank +5
    Logs`, `attack +120 xp`, `began KILL_LOOP Cow none 5`. What is unknown on either side is left out."""
    if before.client_running != after.client_running:
        return ["the client is up" if after.client_running else "the client is down"]
    return [*_body(before, after), *_things(before, after), *_skills(before, after), *_doing(before, after)]


def _body(before: GameState, after: GameState) -> Iterator[str]:
    if before.location and after.location and before.location != after.location:
        yield _moved(before.location, after.location)
    if before.health and after.health and before.health != after.health:
        yield f"health {before.health[0]} -> {after.health[0]}"


def _moved(start: Tile, end: Tile) -> str:
    import math

    east, north = end[0] - start[0], end[1] - start[1]
    tiles = max(abs(east), abs(north))
    where = f"{end[0]}, {end[1]}" + (f", plane {end[2]}" if end[2] != start[2] else "")
    if not tiles:
        return f"went to plane {end[2]}"
    way = _COMPASS[round(math.atan2(north, east) / (math.pi / 4)) % 8]
    return f"moved {tiles} tile{'s' if tiles > 1 else ''} {way} to {where}"


def _things(before: GameState, after: GameState) -> Iterator[str]:
    if before.inventory is not None and after.inventory is not None:
        yield from _counted(_counts(before.inventory), _counts(after.inventory), "")
    if before.bank is not None and after.bank is not None:
        yield from _counted(Counter(before.bank), Counter(after.bank), "bank ")
    if before.equipment is not None and after.equipment is not None:
        for slot in dict.fromkeys((*before.equipment, *after.equipment)):
            old, new = before.equipment.get(slot), after.equipment.get(slot)
            if old != new:
                yield f"{slot}: {new or 'nothing'}"
    if before.bank_open is not None and after.bank_open is not None and before.bank_open != after.bank_open:
        yield "bank opened" if after.bank_open else "bank closed"


def _counts(stacks: tuple[Stack, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[stack.name] += stack.quantity
    return counts


def _counted(before: Counter[str], after: Counter[str], where: str) -> Iterator[str]:
    moved = {name: after[name] - before[name] for name in dict.fromkeys((*before, *after))}
    moved = {name: n for name, n in moved.items() if n}
    for name, n in list(moved.items())[:MAX_NAMES]:
        yield f"{where}{n:+,} {name}"
    if len(moved) > MAX_NAMES:
        yield f"{where}{len(moved) - MAX_NAMES} other items"


def _skills(before: GameState, after: GameState) -> Iterator[str]:
    old, new = before.experience or {}, after.experience or {}
    levels: Mapping[str, int] = before.skills or {}
    for skill, points in new.items():
        gained = points - old.get(skill, points)
        if gained > 0:
            level = (after.skills or {}).get(skill)
            rose = f", level {level}" if level is not None and level > levels.get(skill, level) else ""
            yield f"{skill} +{gained:,} xp{rose}"


def _doing(before: GameState, after: GameState) -> Iterator[str]:
    if before.in_combat != after.in_combat:
        yield f"fighting {after.in_combat}" if after.in_combat else f"no longer fighting {before.in_combat}"
    if before.active_loop != after.active_loop:
        yield f"began {after.active_loop}" if after.active_loop else f"ended {before.active_loop}"
    old, new = (bool((state.dialogue or {}).get("open")) for state in (before, after))
    if old != new:
        yield "a conversation is open" if new else "the conversation is over"
