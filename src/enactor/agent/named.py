"""Names that nothing bears, put right from the player's words.

A small model slips while it copies a name ("ss_couthes" for "thessalias clotjes"), takes a verb into it
("goto_keldagrimm"), or writes one that nobody said. The nearest words of the message that do name something
stand in its place; a pronoun is what an earlier call was about. A name that is copied well stays, known or
not. What no word of the player is like is asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rapidfuzz import fuzz, process

from enactor.prompt import tool_call
from enactor.trace.values import Message, ToolCall
from enactor.world import COMMANDS, Command, CommandError, GameState, lower, parse

COPIED = 55.0
"""Likeness, of 100, from which words of the message that name something are what a name was copied from."""
SAID = 62.0
"""Likeness from which somebody said the name, whatever it is."""
MAX_NAME_WORDS = 4
MAX_WORDS = 60
_WORD = re.compile(r"[\w'’()/&+-]+")
_PRONOUNS = frozenset(
    (
        *("it", "its", "them", "em", "those", "these", "that", "this", "one", "ones", "some", "something"),
        *("thing", "things", "stuff", "item", "items", "npc", "object", "monster", "same", "there"),
    )
)
_VERBS = (
    *(
        "go",
        "goto",
        "walk",
        "run",
        "travel",
        "head",
        "get",
        "take",
        "grab",
        "bring",
        "choose",
        "pick",
        "select",
    ),
    *(
        "kill",
        "attack",
        "fight",
        "slay",
        "buy",
        "sell",
        "withdraw",
        "deposit",
        "eat",
        "drop",
        "wear",
        "wield",
    ),
    *("equip", "use", "mine", "chop", "fish", "cook", "open", "find"),
)
_SPELT = 80.0
_ITEMS = frozenset({"item", "held", "banked", "food", "edible", "raw", "bones", "logs"})
_CALLED = {
    **dict.fromkeys(_ITEMS, "item"), "npc": "creature or person", "object": "object", "place": "place",
    "fish": "fish", "tree": "tree", "ore": "ore", "spell": "spell", "bar": "bar",
}  # fmt: skip


def names_as_said(
    call: ToolCall, message: str, history: Sequence[Message], state: GameState
) -> tuple[ToolCall, str | None]:
    """The call with its unknown names as the player said them, marked as repaired; and what has to be asked,
    where a name is nobody's."""
    if call.tool != "send_command" or call.parsed is None:
        return call, None
    try:
        command = parse(str(call.parsed.get("command", "")))
    except CommandError:
        return call, None
    mended = command
    for _ in command.operands:
        place = _unknown(mended, state)
        if place is None:
            break
        better = _better(mended, place, message, history, state)
        if better is None:
            return call, _question(mended, place, message, history)
        mended = better
    if mended is command:
        return call, None
    args = {**call.parsed, "command": mended.render()}
    return replace(tool_call(call.tool, args), origin="repaired"), None


def _unknown(command: Command, state: GameState) -> int | None:
    """Which operand is a name that means nothing, or several things, in this state."""
    try:
        lower(command, state)
    except CommandError as error:
        place = error.operand
        return place if place is not None and _type(command, place) in _CALLED else None
    return None


def _type(command: Command, place: int) -> str:
    if command.verb == "GOTO":
        return "place"
    form = next((f for f in COMMANDS[command.verb].forms if len(f) >= len(command.operands)), ())
    return form[place].type if place < len(form) else ""


def _better(
    command: Command, place: int, message: str, history: Sequence[Message], state: GameState
) -> Command | None:
    said = _plain(str(command.operands[place]))
    alike = sorted(
        ((fuzz.ratio(said, _plain(words)), words) for words in dict.fromkeys(_phrases(message))),
        key=lambda found: -found[0],
    )
    if said in _PRONOUNS:
        likely = list(_earlier(_type(command, place), history))
    elif alike and alike[0][0] == 100.0:  # as the player wrote it, who may know more than the tables
        likely = [rest for verb, _, rest in [said.partition(" ")] if rest and _asks(verb)]
    else:
        likely = [words for likeness, words in alike if likeness >= COPIED]
    for words in likely:
        other = _with(command, place, words)
        if other is not None and _unknown(other, state) != place:
            return other
    return None


def _asks(word: str) -> bool:
    """Whether the word asks for something to be done, and is no part of a name."""
    return process.extractOne(word, _VERBS, scorer=fuzz.ratio, score_cutoff=_SPELT) is not None


def _with(command: Command, place: int, words: str) -> Command | None:
    operands = list(command.operands)
    operands[place] = words
    try:
        return parse(Command(command.verb, tuple(operands)).render())
    except CommandError:
        return None


def _phrases(message: str) -> Iterator[str]:
    """Runs of words of the message, the longest first, as operands are written."""
    words = _WORD.findall(message)[:MAX_WORDS]
    for size in range(MAX_NAME_WORDS, 0, -1):
        for at in range(len(words) - size + 1):
            yield "_".join(words[at : at + size])


def _earlier(kind: str, history: Sequence[Message]) -> Iterator[str]:
    """Operands of the kind in earlier calls, the latest first."""
    for turn in reversed(history):
        for call in reversed(turn.tool_calls):
            try:
                command = parse(str((call.parsed or {}).get("command", "")))
            except CommandError:
                continue
            for place, value in enumerate(command.operands):
                other = _type(command, place)
                if other == kind or {other, kind} <= _ITEMS:
                    yield str(value)


def _question(command: Command, place: int, message: str, history: Sequence[Message]) -> str | None:
    """What to ask where nobody said such a name; None where somebody did, and the world does not know it."""
    said = _plain(str(command.operands[place]))
    heard = [message, *(turn.content for turn in history if turn.role == "user")]
    like = max((fuzz.ratio(said, _plain(w)) for text in heard for w in _phrases(text)), default=0.0)
    if said not in _PRONOUNS and like >= SAID:
        return None
    return f"Which {_CALLED[_type(command, place)]} do you mean?"


def _plain(words: str) -> str:
    return " ".join(words.casefold().replace("_", " ").split())
