"""Completion of verbs, tools and names in a line of corrected calls."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from enactor.world import (
    BARS,
    COMMANDS,
    CREATURES,
    FISH,
    FORMER_VERBS,
    ITEMS,
    OBJECTS,
    ORES,
    PLACES,
    SPELLS,
    TOOLS,
    TREES,
    GameState,
    Operand,
    nearest_verbs,
)
from enactor.world.catalogue import form_of
from enactor.world.declared import read_data
from enactor.world.menu import style_buttons
from enactor.world.operands import KEYS

LIMIT = 8
_DIRECTIONS = ["north", "north_east", "east", "south_east", "south", "south_west", "west", "north_west"]


@dataclass(frozen=True, slots=True)
class Option:
    """A word that can stand here. `detail` says what it is."""

    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The options for the word that begins at `start` of the line."""

    start: int
    options: tuple[Option, ...]


def complete(line: str, state: GameState) -> Completion:
    """What can stand at the end of `line` (the text before the cursor), best first; what is held or in sight
    goes before what is not."""
    start = max(line.rfind(" "), line.rfind(",") if line.lstrip().startswith("@") else -1) + 1
    word, before = line[start:], line[:start].split()
    if not before:
        return Completion(start, _tools(word) if word.startswith("@") else _verbs(word))
    head = before[0]
    if head == "@get_game_state":
        fields = TOOLS["get_game_state"].parameters["properties"]["fields"]["items"]["enum"]
        return Completion(start, _matching(word, [Option(field, "field") for field in fields]))
    spec = COMMANDS.get(head.upper())
    if spec is None:
        return Completion(start, ())
    at = len(before) - 1
    operands = dict.fromkeys((form[at].name, form[at].type) for form in spec.forms if at < len(form))
    meant = [form[at] for form in spec.forms if at < len(form)]
    options: dict[str, Option] = {}
    for name, type_ in operands:
        operand = next(o for o in meant if (o.name, o.type) == (name, type_))
        for text in _words(operand, state):
            options.setdefault(text, Option(text, name))
    return Completion(start, _matching(word, options.values()))


def _tools(word: str) -> tuple[Option, ...]:
    options = [Option(f"@{t.name}", t.summary) for t in TOOLS.values() if t.name != "send_command"]
    return _matching(word, options)


def _verbs(word: str) -> tuple[Option, ...]:
    options = [Option(spec.verb, spec.summary) for spec in COMMANDS.values()]
    found = list(_matching(word, options))
    if len(word) >= 3:
        meant = dict.fromkeys(
            (
                *(verb for was, verb in FORMER_VERBS.items() if was.startswith(word.upper())),
                *nearest_verbs(word),
            )
        )
        shown = {option.text for option in found}
        found += [Option(verb, COMMANDS[verb].summary) for verb in meant if verb not in shown]
    return tuple(found[:LIMIT])


def _matching(word: str, options: Iterable[Option]) -> tuple[Option, ...]:
    """Those that begin with the word, then those with a word in them that does, then those that hold it, then
    those that look like it."""
    key = _key(word).removeprefix("@")
    ranked: list[tuple[int, int, Option]] = []
    rest: list[Option] = []
    for place, option in enumerate(options):
        text = _key(option.text).removeprefix("@")
        rank = 0 if text.startswith(key) else 1 if f" {key}" in text else 2 if key in text else 3
        if rank < 3:
            ranked.append((rank, place, option))
        else:
            rest.append(option)
    found = [option for _, _, option in sorted(ranked, key=lambda row: row[:2])][:LIMIT]
    if len(found) < LIMIT and len(key) >= 3:
        found += _alike(key, rest, LIMIT - len(found))
    return tuple(found)


def _alike(key: str, options: list[Option], limit: int) -> list[Option]:
    from rapidfuzz import fuzz, process

    hits = process.extract(
        key, [_key(option.text) for option in options], scorer=fuzz.ratio, limit=limit, score_cutoff=70
    )
    return [options[at] for _, _, at in hits]


def _key(text: str) -> str:
    return text.replace("_", " ").casefold()


def _words(operand: Operand, state: GameState) -> tuple[str, ...]:
    vocabulary = _VOCABULARY.get(operand.type)
    found = vocabulary(state) if vocabulary is not None else ()
    own = (*operand.choices, *([str(operand.fill)] if operand.fill is not None else []))
    return (*own, *found)


def _forms(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form_of(name) for name in names if name))


def _held(state: GameState) -> tuple[str, ...]:
    return _forms(stack.name for stack in state.inventory or ())


def _items(state: GameState) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*_held(state), *_forms(state.bank or ()), *ITEMS)))


def _of_kind(*kinds: str) -> Callable[[GameState], tuple[str, ...]]:
    def words(state: GameState) -> tuple[str, ...]:
        every = [form for form, item in ITEMS.items() if item.kind in kinds]
        held = [form for form in _held(state) if form in every]
        return tuple(dict.fromkeys((*held, *every)))

    return words


@cache
def _menu() -> tuple[str, ...]:
    return tuple(action.replace(" ", "_") for action in read_data("menu.yaml")["actions"])


def _styles(state: GameState) -> tuple[str, ...]:
    return (*_forms(style_buttons(state) or ()), "attack", "strength", "defence", "shared", "ranged")


_VOCABULARY: Mapping[str, Callable[[GameState], tuple[str, ...]]] = {
    "npc": lambda state: tuple(dict.fromkeys((*_forms(state.npcs), *CREATURES))),
    "item": _items,
    "held": lambda state: _held(state) or _items(state),
    "banked": lambda state: _forms(state.bank or ()) or _items(state),
    "edible": _of_kind("food"),
    "food": _of_kind("food"),
    "raw": _of_kind("raw food"),
    "logs": _of_kind("logs"),
    "bones": _of_kind("bones"),
    "object": lambda state: tuple(dict.fromkeys((*_forms(state.objects), *OBJECTS))),
    "place": lambda state: tuple(PLACES),
    "spell": lambda state: tuple(SPELLS),
    "fish": lambda state: tuple(FISH),
    "tree": lambda state: tuple(TREES),
    "ore": lambda state: tuple(ORES),
    "bar": lambda state: tuple(BARS),
    "action": lambda state: _menu(),
    "style": _styles,
    "direction": lambda state: tuple(_DIRECTIONS),
    "distance": lambda state: ("a_bit", "far"),
    "quantity": lambda state: ("all", "half"),
    "key": lambda state: KEYS,
}
"""Operand type -> the words that can stand for it in a state, the likeliest first."""
