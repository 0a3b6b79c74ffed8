"""Messages of several tasks, composed of phrasings of one task each.

The phrasebook's lists are a few thousand; what people put into one message is any task beside any other. A
composed phrasing is a `Template` like those of the phrasebook: its parts' words with a joint between them,
its parts' calls one after another. Its parts are all of one side of the split and of one fold of the offers,
and its key is made to fall there too.
"""

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from enactor.world import COMMANDS
from enactor.world.cards import fold_of
from enactor.world.phrasebook import Group, Template

SIZES: Mapping[int, int] = {2: 50, 3: 32, 4: 13, 5: 5}
"""Tasks in a message, and how often."""
MAX_CALLS = 8
LONGEST = 70
"""Characters of a part: what is longer is a sentence of its own, with more in it than an order."""
READ_LAST = 0.2
REVERSED = 0.12
_FAMILIES_ALONE = frozenset({"deferred", "mixed", "multi_combat", "multi_skilling"})
_VERBS_ALONE = frozenset({"QUIT", "KILL", "PAUSE", "RESUME", "EMERGENCY_STOP", "PING", "HELP"})
# What leans on a turn before, on what is open already, or says by itself what comes first.
_LEANS = re.compile(
    r"\b(it|them|they|that|those|this|these|same|again|instead|already|still|rest|first|then|after|before|"
    r"when|once|until|till?|if|also|too|no|not|dont|don't|never|open,|opened)\b|[?\n;:]",
    re.IGNORECASE,
)
_SLOT = re.compile(r"\{([a-z_]+?)(\d*)\}")
_JOINTS: Mapping[str, int] = {
    ", then ": 14,
    " then ": 10,
    " and then ": 8,
    ", ": 14,
    " and ": 9,
    ", and ": 4,
    ". ": 6,
    "\n": 6,
    "; ": 3,
    ". then ": 4,
    ", after that ": 4,
    " and after that ": 3,
    " after that ": 2,
    ", next ": 3,
    ", when thats done ": 2,
    ", once done ": 2,
    " & ": 2,
    " -> ": 2,
    " / ": 1,
    " n then ": 2,
    ", also ": 2,
    " + ": 1,
}
_LAST: Mapping[str, int] = {
    ", and ": 5,
    " and ": 5,
    ", then ": 4,
    ", finally ": 2,
    " and finally ": 2,
    ", last ": 1,
}
_FIRST_AFTER = (
    ", but first {}",
    " but first {}",
    ", but before that {}",
    "... actually first {}",
    ", but {} first",
)


def several(found: Mapping[str, Sequence[Template]], rng: random.Random) -> Iterator[Template]:
    """Composed phrasings without end, of those in `found` (by kind, all of one side of the split); none where
    they are too few. Groups are drawn by the square root of their size, as elsewhere."""
    acting = _by_fold([t for kind in ("simple", "loop") for t in found.get(kind, ()) if _stands_beside(t)])
    reading = _by_fold([t for t in found.get("status", ()) if _stands_beside(t)])
    folds = [fold for fold, groups in acting.items() if len(groups) >= max(SIZES)]
    number = 0
    while folds:
        fold = rng.choice(folds)
        size = rng.choices(tuple(SIZES), tuple(SIZES.values()))[0]
        parts = _drawn(acting[fold], size, rng)
        if reading.get(fold) and rng.random() < READ_LAST:
            parts[-1:] = _drawn(reading[fold], 1, rng)
        ordered = sorted(parts, key=lambda part: (_endless(part), part.group.kind == "status"))
        if sum(map(_endless, ordered)) > 1 or sum(len(part.group.do) for part in ordered) > MAX_CALLS:
            continue
        number += 1
        made = _composed(ordered, f"several.{number}", rng)
        while made.held_out != parts[0].held_out or fold_of(made.key) != fold:
            number += 1
            made = replace(made, group=replace(made.group, id=f"several.{number}"))
        yield made


def _by_fold(found: Sequence[Template]) -> dict[int, dict[str, list[Template]]]:
    """Fold of the offers -> group -> phrasings."""
    folds: dict[int, dict[str, list[Template]]] = {}
    for template in found:
        folds.setdefault(fold_of(template.key), {}).setdefault(template.group.id, []).append(template)
    return folds


def _drawn(groups: Mapping[str, Sequence[Template]], size: int, rng: random.Random) -> list[Template]:
    """A phrasing each of `size` groups."""
    names = sorted(groups)
    weights = [math.sqrt(len(groups[name])) for name in names]
    taken: list[str] = []
    while len(taken) < size:
        name = rng.choices(names, weights)[0]
        if name not in taken:
            taken.append(name)
    return [rng.choice(groups[name]) for name in taken]


def _stands_beside(template: Template) -> bool:
    """Whether the phrasing is an order that others can stand beside."""
    group = template.group
    return not (
        group.family in _FAMILIES_ALONE
        or group.before
        or group.state
        or not group.do
        or any(line.startswith(("@defer", "@cancel", "@list_deferred")) for line in group.do)
        or any("client" in line or "runelite" in line for line in group.do)
        or not _VERBS_ALONE.isdisjoint(line.split()[0] for line in group.do)
        or len(template.text) > LONGEST
        or _LEANS.search(template.text)
    )


def _endless(template: Template) -> bool:
    """Whether what it starts goes on until it is stopped: nothing that is to be done can come after it."""
    last = template.group.do[-1]
    if last.startswith("@"):
        return last.startswith("@run_routine")
    return COMMANDS[last.split()[0]].duration == "loop" and "{n" not in last


def _composed(parts: Sequence[Template], name: str, rng: random.Random) -> Template:
    texts = [_numbered(part.text.strip(" .!"), str(at)) for at, part in enumerate(parts, start=1)]
    lines = [_numbered(line, str(at)) for at, part in enumerate(parts, start=1) for line in part.group.do]
    group = Group(name, "mixed", "multi", (text := _joined(texts, rng),), do=tuple(_opened_once(lines)))
    return Template(group, text)


def _numbered(text: str, part: str) -> str:
    """The text with the part's number before the number of each slot."""
    return _SLOT.sub(lambda slot: f"{{{slot[1]}{part}{slot[2]}}}", text)


def _joined(texts: Sequence[str], rng: random.Random) -> str:
    draw = rng.random()
    if len(texts) == 2 and draw < REVERSED:
        return texts[1] + rng.choice(_FIRST_AFTER).format(texts[0])
    if draw < 0.22:
        bullet = rng.choice(("{}. ", "{}) ", "- ", "* ", "{}: "))
        between = "\n" if bullet in ("- ", "* ") or rng.random() < 0.6 else " "
        return between.join(bullet.format(at) + text for at, text in enumerate(texts, start=1))
    joint = rng.choices(tuple(_JOINTS), tuple(_JOINTS.values()))[0]
    if draw < 0.6:  # one joint throughout, maybe with another before the last
        last = rng.choices(tuple(_LAST), tuple(_LAST.values()))[0] if rng.random() < 0.4 else joint
        told = joint.join(texts[:-1]) + last + texts[-1]
    else:
        told = texts[0]
        for text in texts[1:]:
            told += rng.choices(tuple(_JOINTS), tuple(_JOINTS.values()))[0] + text
    return f"{rng.choice(('first ', 'first, ', 'start with: '))}{told}" if rng.random() < 0.08 else told


def _opened_once(lines: Sequence[str]) -> Iterator[str]:
    """The lines without a BANK_OPEN where an earlier one left the bank open."""
    opened = False
    for line in lines:
        verb = line.split()[0]
        if verb == "BANK_OPEN" and opened:
            continue
        yield line
        opened = verb.startswith("BANK_") and verb != "BANK_CLOSE" and (opened or verb == "BANK_OPEN")
