"""The phrasebook: how people say what the commands do. Read from `world/data/phrases/*.yaml`."""

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import yaml

from enactor.errors import EnactorError

Kind = Literal[
    "simple",
    "loop",
    "multi",
    "status",
    "emergency",
    "followup",
    "correction",
    "protest",
    "chat",
    "refuse",
    "ask",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

TEST_SHARE = 10  # one template in ten is held out
_SLOT = re.compile(r"\{([a-z_]+?)(\d*)\}")
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_KEYS = {"id", "kind", "do", "reply", "state", "before", "say"}


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier request of the same conversation: what the player said, what was done, or what the assistant
    only said."""

    user: str
    do: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One meaning and the ways to say it. `family` is the file it stands in."""

    id: str
    family: str
    kind: Kind
    say: tuple[str, ...]
    do: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """One way to say it: the unit that a split keeps whole. `key` is its content hash, in the form of
    `trace.content_hash`."""

    group: Group
    text: str

    @property
    def key(self) -> str:
        value = {"group": self.group.id, "say": " ".join(self.text.casefold().split())}
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"h1:{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the test split: by its own hash, so that it never changes sides."""
        return int(self.key.rpartition(":")[2][:8], 16) % TEST_SHARE == 0


def slots(text: str) -> list[tuple[str, str]]:
    """The slots of a template in order: (type, index), plurals as they are written."""
    return [(m[1], m[2]) for m in _SLOT.finditer(text)]


def pieces(text: str, rng: random.Random) -> list[tuple[str, tuple[str, str] | None]]:
    """A template with its alternations chosen, cut at its slots: (literal, None) and ("", (type, index))."""
    while (choice := _CHOICE.search(text)) is not None:
        text = text[: choice.start()] + rng.choice(choice[1].split("|")) + text[choice.end() :]
    text = re.sub(r"[ \t]{2,}", " ", text).strip()
    found: list[tuple[str, tuple[str, str] | None]] = []
    at = 0
    for slot in _SLOT.finditer(text):
        if slot.start() > at:
            found.append((text[at : slot.start()], None))
        found.append(("", (slot[1], slot[2])))
        at = slot.end()
    if at < len(text):
        found.append((text[at:], None))
    return found


def choices(text: str) -> list[str]:
    """A template's alternations, each choice in turn with the first of the others: every word of it stands in
    one of the texts."""
    found = [text]
    while any(_CHOICE.search(one) for one in found):
        spread: list[str] = []
        for number, one in enumerate(found):
            choice = _CHOICE.search(one)
            if choice is None:
                spread.append(one)
                continue
            taken = choice[1].split("|")
            kept = taken if number == 0 else taken[:1]
            spread += [one[: choice.start()] + word + one[choice.end() :] for word in kept]
        found = spread
    return list(dict.fromkeys(" ".join(one.split()) for one in found))


@cache
def phrasebook() -> tuple[Group, ...]:
    """All groups, in the order of the files. Raises `EnactorError` naming every fault of the files."""
    groups: list[Group] = []
    problems: list[str] = []
    folder = resources.files("enactor.world").joinpath("data/phrases")
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if not path.name.endswith(".yaml"):
            continue
        for raw in yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or ():
            try:
                groups.append(_group(path.name.removesuffix(".yaml"), raw))
            except (KeyError, TypeError, ValueError) as error:
                problems.append(f"{path.name}: {raw.get('id', '?')}: {error}")
    ids = [group.id for group in groups]
    problems += [f"id {name} stands twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    if problems:
        raise EnactorError("the phrasebook has faults:\n  " + "\n  ".join(problems))
    return tuple(groups)


def templates(groups: Sequence[Group] | None = None) -> tuple[Template, ...]:
    """Every way of saying in the groups, without repeats (the first stands)."""
    seen: set[str] = set()
    found = []
    for group in phrasebook() if groups is None else groups:
        for text in group.say:
            words = " ".join(text.casefold().split())
            if words not in seen or group.before or group.state:
                seen.add(words)
                found.append(Template(group, text))
    return tuple(found)


def _group(family: str, raw: Mapping[str, Any]) -> Group:
    unknown = set(raw) - _KEYS
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if raw["kind"] not in KINDS:
        raise ValueError(f"unknown kind {raw['kind']!r}")
    do = tuple(raw.get("do") or ())
    reply = tuple(raw.get("reply") or ())
    if bool(do) == bool(reply):
        raise ValueError("needs either `do` or `reply`")
    return Group(
        id=raw["id"],
        family=family,
        kind=raw["kind"],
        say=tuple(str(text) for text in raw["say"]),
        do=do,
        reply=reply,
        state=raw.get("state") or {},
        before=tuple(
            Turn(turn["user"], tuple(turn.get("do") or ()), turn.get("said", ""))
            for turn in raw.get("before") or ()
        ),
    )


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
