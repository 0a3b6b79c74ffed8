"""The right-click menus and the buttons of the combat tab: which entry is meant by a word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rapidfuzz import fuzz, process

from enactor.world.declared import read_data
from enactor.world.spec import CommandError
from enactor.world.state import GameState

_CLOSE = 84.0
_SKILLS = ("attack", "strength", "defence", "shared", "ranged", "rapid", "long", "magic")


def _key(text: str) -> str:
    return " ".join(text.casefold().replace("_", " ").replace("-", " ").split())


@cache
def _actions() -> Mapping[str, str]:
    table: dict[str, str] = {}
    for action, words in read_data("menu.yaml")["actions"].items():
        for word in (action, *words):
            table[_key(word)] = action.replace(" ", "_")
    return table


def menu_action(word: str) -> str | None:
    """The menu entry in the game's spelling (`talk_to` -> `Talk-to`), None when it is none that we know."""
    table = _actions()
    key = _key(word)
    if key in table:
        return table[key]
    hit = process.extractOne(key, table.keys(), scorer=fuzz.ratio, score_cutoff=_CLOSE)
    return table[hit[0]] if hit else None


def weapon_kind(weapon: str | None) -> str | None:
    """The kind of a weapon (`Iron scimitar` -> `slash_sword`), `unarmed` for "", None when unknown."""
    styles = read_data("styles.yaml")
    if not weapon:
        return "unarmed" if weapon == "" else None
    name = f" {_key(weapon.split('(')[0])}"
    endings = [e for e in styles["endings"] if name.endswith(f" {e}")]
    return styles["endings"][max(endings, key=len)] if endings else None


def style_buttons(state: GameState) -> Mapping[str, str] | None:
    """Label -> what it trains, for the weapon in hand; None when the weapon or its kind is not known."""
    if state.equipment is None:
        return None
    kind = weapon_kind(state.weapon or "")
    return None if kind is None else read_data("styles.yaml")["kinds"][kind]


def trained_by(word: str) -> set[str]:
    """What a word for a combat style (lower case) trains on some weapon: as a button, or as it is said."""
    styles = read_data("styles.yaml")
    buttons = [button for kind in styles["kinds"].values() for button in kind.items()]
    named = {skill for label, skill in buttons if label.casefold() == word}
    return named | {skill for skill, words in styles["words"].items() if word in words}


def resolve_style(word: str, state: GameState) -> str:
    """The label of the button that a word means for the weapon in hand.

    A label of that weapon stays as it is. A skill or a stance goes through the table. With the weapon
    unknown, a label that some weapon has, and a skill, pass through in the plugin's spelling for the game to
    judge. Raises `CommandError` with the labels of the weapon when the word fits none.
    """
    buttons = style_buttons(state)
    labels = {_key(label): label for label in (buttons if buttons is not None else _all_labels())}
    key = _key(word)
    if key in labels:
        return labels[key]
    skills = _skills_meant(key)
    if buttons is None and skills:
        return skills[0].capitalize()
    for skill in skills:
        for label, trains in (buttons or {}).items():
            if trains == skill:
                return label
    if hit := process.extractOne(key, list(labels), scorer=fuzz.ratio, score_cutoff=_CLOSE):
        return labels[hit[0]]
    if buttons is None:
        raise CommandError(f"{word!r} is no combat style", candidates=tuple(labels.values()))
    weapon = state.weapon or "bare hands"
    raise CommandError(
        f"{weapon}: no combat style {word.replace('_', ' ')!r}; it has {', '.join(buttons)}",
        candidates=tuple(buttons),
    )


def _skills_meant(key: str) -> tuple[str, ...]:
    words = read_data("styles.yaml")["words"]
    meant = tuple(skill for skill in _SKILLS if key in words[skill])
    if meant or len(key) < 5:
        return meant
    close = {w: s for s in reversed(_SKILLS) for w in words[s]}
    hit = process.extractOne(key, list(close), scorer=fuzz.ratio, score_cutoff=_CLOSE)
    return tuple(s for s in _SKILLS if hit[0] in words[s]) if hit else ()


@cache
def _all_labels() -> tuple[str, ...]:
    kinds = read_data("styles.yaml")["kinds"].values()
    return tuple(dict.fromkeys(label for buttons in kinds for label in buttons))
