"""What a task for later can wait for, in the forms that people and small models write.

`understood` turns them into the one form that is kept and compared; `watch` tells whether one holds. Beside
the atoms of `world.parse_condition`: `after:SPAN`, `at:TIME` (the player's clock, or a moment of ISO 8601),
`item:NAME:[op]N` and `kills:[op]N` count, `no_food`, `in_combat`, `no_combat`. A comparison may stand without
its colon (`level:attack>=15`, `health<50%`), or in words (`health_below:50%`); so may numbers and skills
(`level:str>=forty`) and a place (`location:draynor_bank`). `level:combat` means attack, strength and defence.
"""

import re
from datetime import UTC, datetime, timedelta

from enactor.world import (
    ITEMS,
    CommandError,
    GameState,
    parse_condition,
    parse_count,
    resolve_item,
    resolve_place,
)
from enactor.world.conditions import ATOMS, SKILLS
from enactor.world.words import parse_duration

WATCHED = (
    "after:6_hours",
    "at:18:30",
    "item:NAME:>=N",
    "kills:>=N",
    "no_food",
    "in_combat",
    "no_combat",
    *ATOMS,
)
"""Every form that can be watched, for a refusal to name."""
COMBAT = ("attack", "strength", "defence")

_COMPARED = re.compile(r"^(?P<head>[^<>=]+?)[\s:_]*(?P<op>>=|<=|==|=|>|<)\s*(?P<number>[^<>=]+)$")
_SIDE = re.compile(r"^(?P<head>\w+)_(?P<side>below|under|above|over):")
_MOMENT = re.compile(r"^(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>am|pm)?$")
_NAMED_TIMES = {"midnight": (0, 0), "noon": (12, 0), "midday": (12, 0)}
_SHORT_SKILLS = {
    "att": "attack", "atk": "attack", "str": "strength", "def": "defence", "defense": "defence",
    "hp": "hitpoints", "hitpoint": "hitpoints", "range": "ranged", "mage": "magic", "wc": "woodcutting",
    "fm": "firemaking", "cook": "cooking", "fish": "fishing", "mine": "mining", "smith": "smithing",
    "rc": "runecraft", "runecrafting": "runecraft", "con": "construction",
}  # fmt: skip
_BARE = {
    "full": "inventory_full", "inventory:full": "inventory_full", "full_inventory": "inventory_full",
    "client:on": "client:running", "client:started": "client:running", "logged_in": "client:running",
    "client:off": "client:stopped", "logged_out": "client:stopped", "done": "idle", "finished": "idle",
    "combat": "in_combat", "out_of_food": "no_food",
}  # fmt: skip
_SLIPS = 2  # letters that may be wrong in a skill's name


def understood(text: str) -> str:
    """The condition in its one form, with `after:` in seconds. Raises `CommandError` for what cannot be
    watched, saying what can."""
    parts = [part for part in re.split(r"\s+and\s+|\s*[;&]+\s*", text.strip()) if part.strip()]
    try:
        return " and ".join(_atom(part.strip()) for part in parts) if parts else _atom("")
    except CommandError as error:
        known = error.candidates or WATCHED
        raise CommandError(
            f"I cannot watch for {text.strip()!r}{_why(error)}; I can for {', '.join(known)}",
            candidates=known,
        ) from error


def moment(condition: str, now: datetime) -> str:
    """An understood condition as it is kept: a time to come becomes `at:` with a UTC time (ISO 8601)."""
    head, _, value = condition.partition(":")
    if head == "after":
        when = now + timedelta(seconds=float(value))
    elif head == "at" and len(value) == 5:
        hour, minute = (int(part) for part in value.split(":"))
        local = now.astimezone()
        when = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
        when += timedelta(days=1) if when <= local else timedelta()
    else:
        return condition
    return f"at:{when.astimezone(UTC).isoformat(timespec='seconds')}"


def watch(condition: str, state: GameState, now: datetime) -> bool:
    """Whether a kept condition holds."""
    return all(_holds(atom, state, now) for atom in condition.split(" and "))


def _holds(atom: str, state: GameState, now: datetime) -> bool:
    head, _, value = atom.partition(":")
    match head:
        case "at":
            return now >= datetime.fromisoformat(value)
        case "item":
            name, _, count = value.partition(":")
            return state.inventory is not None and _compares(count, state.held(name.replace("_", " ")))
        case "kills":
            kills = (state.raw.get("active_loop") or {}).get("kills")
            return isinstance(kills, int) and _compares(value, kills)
        case "no_food":
            return state.inventory is not None and not any(_edible(s.name) for s in state.inventory)
        case "in_combat" | "no_combat":
            return (state.in_combat is not None) == (head == "in_combat")
        case _:
            return parse_condition(atom)(state)


def _atom(text: str) -> str:
    """One atom in its one form."""
    said = _SIDE.sub(lambda m: f"{m['head']}{'<' if m['side'] in 'below under' else '>'}", _joined(text))
    said = _BARE.get(said, said)
    head, _, value = said.partition(":")
    if head in ("after", "in") and value:
        return f"after:{parse_duration(value):g}"
    if head == "at" and value:
        return f"at:{_clock(value, text)}"
    if said in ("no_food", "in_combat", "no_combat"):
        return said
    if match := _COMPARED.match(said):
        return _compared(match["head"].strip("_:"), match["op"], match["number"].strip("_"))
    if head == "location" and not re.fullmatch(r"-?\d+,_?-?\d+(,_?\d+)?", value):
        place = resolve_place(value)
        if place.tile is None:
            raise CommandError(f"{place.name} has no known tile")
        return f"location:{place.tile[0]},{place.tile[1]}"
    if head in ("has_item", "no_item") and value:
        return f"{head}:{_item(value)}"
    parse_condition(said)
    return said


def _joined(text: str) -> str:
    return re.sub(r"\s+", "_", text.casefold())


def _compared(head: str, op: str, number: str) -> str:
    what, _, which = head.partition(":")
    op = "==" if op == "=" else op
    share = "%" if number.endswith(("%", "_percent", "percent")) else ""
    count = parse_count(number.removesuffix("%").removesuffix("percent").strip("_"))
    if count == "all":
        raise CommandError(f"{number!r} is no number")
    if what == "level" and which:
        skills = COMBAT if which in ("combat", "all_combat", "combat_stats") else (_skill(which),)
        return " and ".join(f"level:{skill}:{op}{count}" for skill in skills)
    if what in ("health", "hp") and not which:
        atom = f"health:{op}{count}{share}"
    elif what in ("item", "has_item") and which:
        return f"item:{_item(which)}:{op}{count}"
    elif what in ("kills", "kill_count") and not which:
        return f"kills:{op}{count}"
    elif what in ("inventory_count", "inventory") and not which:
        atom = f"inventory_count:{op}{count}"
    elif not which and what in (*SKILLS, *_SHORT_SKILLS):
        return f"level:{_skill(what)}:{op}{count}"
    else:
        atom = f"{head}:{op}{count}"
    parse_condition(atom)
    return atom


def _skill(said: str) -> str:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    name = _SHORT_SKILLS.get(said, said)
    found = process.extractOne(name, SKILLS, scorer=OSA.distance, score_cutoff=_SLIPS)
    if found is None:
        raise CommandError(f"{said!r} is no skill", candidates=SKILLS)
    return found[0]


def _item(said: str) -> str:
    return resolve_item(said).form


def _clock(value: str, text: str) -> str:
    """`HH:MM`, or a moment of ISO 8601 with its zone as it is."""
    if value in _NAMED_TIMES:
        return "{:02}:{:02}".format(*_NAMED_TIMES[value])
    if match := _MOMENT.match(value.replace("_", "")):
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        if match["half"]:
            hour = hour % 12 + (12 if match["half"] == "pm" else 0)
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}"
    try:
        at = datetime.fromisoformat(text.partition(":")[2].strip())
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(f"{value!r} is no time of day", candidates=("at:18:30", "at:6pm", "after:2_hours"))
    return at.isoformat(timespec="seconds")


def _compares(wanted: str, number: int) -> bool:
    match = re.match(r"^(>=|<=|==|>|<)(\d+)$", wanted)
    if match is None:
        return False
    than = int(match[2])
    return {
        ">=": number >= than,
        "<=": number <= than,
        "==": number == than,
        ">": number > than,
        "<": number < than,
    }[match[1]]


def _edible(name: str) -> bool:
    item = ITEMS.get(name.replace(" ", "_"))
    return item is not None and item.kind == "food"


def _why(error: CommandError) -> str:
    return "" if error.message.startswith("Invalid condition") else f" ({error.message.rstrip('.')})"
