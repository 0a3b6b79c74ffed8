"""Whether the operands of an answer were said: by the player now, or earlier in the conversation."""

import re
from collections.abc import Iterator

from rapidfuzz import fuzz

from enactor.agent.said import numbers_in, numbers_of
from enactor.agent.speech_acts import refers
from enactor.curate.draft import Draft
from enactor.curate.near import plain_text
from enactor.curate.rows import Action
from enactor.world import COMMANDS, CommandError, parse

CLOSE = 75.0
"""rapidfuzz's partial ratio from which a name counts as said: plurals and slips of the finger pass."""

_NAMES = frozenset({"npc", "item", "held", "banked", "edible", "object", "place", "spell", "style", "food"})
_NOT_NAMED = frozenset({"none", "any", "food", "all", "best"})


def unsaid_names(draft: Draft) -> list[str]:
    """Names in the commands that are not in the player's words."""
    words = said_words(draft)
    return [
        name for action in draft.say for name in _names(action) if fuzz.partial_ratio(name, words) < CLOSE
    ]


def said_words(draft: Draft) -> str:
    """What the player said of this request, in plain form."""
    return plain_text(" ".join(_texts(draft)).replace("_", " "))


def _names(action: Action) -> Iterator[str]:
    try:
        command = parse(str(action.args.get("command", "")))
    except CommandError:
        return
    spec = COMMANDS[command.verb]
    form = next((f for f in spec.forms if len(f) >= len(command.operands)), spec.operands)
    for operand, value in zip(form, command.operands, strict=False):
        name = str(value).replace("_", " ").casefold()
        if operand.type in _NAMES and name not in _NOT_NAMED and not name.isdigit():
            yield name


def unsaid_numbers(draft: Draft) -> list[str]:
    """Numbers in the commands that stand neither in the player's words, as digits or in words ("fifty", "a
    dozen"), nor in what the player said before, where the message refers to it."""
    said: set[int] | None = None
    unsaid = []
    for action in draft.say:
        for value in _numbers(str(action.args.get("command", ""))):
            if said is None:
                said = said_numbers(draft)
            if value not in said:
                unsaid.append(str(value))
    return unsaid


def said_numbers(draft: Draft) -> set[int]:
    """Every number that the player said of this request."""
    return numbers_in(_texts(draft))


def numbers_left_out(draft: Draft) -> list[str]:
    """Numbers in digits that the message has and no call: a part of the request that was not done."""
    used = set(re.findall(r"\d+", " ".join(str(v) for action in draft.say for v in action.args.values())))
    for action in draft.say:
        used |= {str(value) for value in _numbers(str(action.args.get("command", "")))}
    return [n for n in re.findall(r"\d+", draft.message.replace(",", "")) if n not in used and n != "1"]


def _texts(draft: Draft) -> list[str]:
    """The words that an operand may come from: the message, and what was said before it where the message
    refers to that, or the turn before was a fake, so that its request is still open."""
    if draft.after_fake or refers(draft.message):
        return [*(m.content for m in draft.history if m.role == "user"), draft.message]
    return [draft.message]


def _numbers(line: str) -> Iterator[int]:
    try:
        yield from numbers_of(parse(line))
    except CommandError:
        return
