"""A message of several tasks, read one task after another.

A small model writes one or two calls well, and loses the thread in a list. Each clause by itself is a request
like any other, with the clauses before it as earlier turns.
"""

import re
from collections.abc import Iterator, Sequence

from enactor.prompt import step_messages
from enactor.trace.values import Message, Step, ToolCall, ToolResult
from enactor.world import TOOLS, CommandError, GameState, lower, offers, parse
from enactor.world.cards import REPLY
from enactor.world.joints import BETWEEN, BULLET, MAYBE

MAX_CLAUSES = 8
SURE = 0.7
"""The likelihood of an offered command from which a clause is taken for a task of its own."""
_BESIDE = 0.3  # likelihood from which the second one is no alternative of the first, but goes with it
_REORDERED = re.compile(r"\b(?:first|before (?:that|you|u))\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"^\s*(?:when|once|if|after|until|till?|as soon|before|whenever|every)\b", re.IGNORECASE
)


def clauses(message: str) -> tuple[str, ...]:
    """The tasks of a message, in order; the message alone where it is one, or not surely several.

    What surely ends a clause ("then", a line, a semicolon) cuts; a comma or an "and" where the offers are
    sure of a command on both sides. A message with a condition, with a later part that comes first, or with
    one that asks for no command, is left whole.
    """
    if _CONDITION.match(message):
        return (message,)
    firm = [BULLET.sub("", part).strip(" ,.") for part in BETWEEN.split(message)]
    parts = [clause for part in firm if part for clause in _apart(part)]
    likeliest = [_likeliest(part)[0] for part in parts]
    if not 1 < len(parts) <= MAX_CLAUSES or REPLY in likeliest or "defer" in likeliest:
        return (message,)
    return (message,) if any(map(_REORDERED.search, parts[1:])) else tuple(parts)


def _apart(text: str) -> Iterator[str]:
    cuts = [match.span() for match in MAYBE.finditer(text)]
    ends = [*(at for at, _ in cuts[1:]), len(text)]
    start = 0
    for (left, right), following in zip(cuts, ends, strict=False):
        if _two_tasks(text[start:left], text[right:following]):
            yield text[start:left].strip()
            start = right
    yield text[start:].strip()


def _two_tasks(one: str, other: str) -> bool:
    """Whether the offers are sure of a command for each; two of one tool are one ("levels and xp")."""
    first, second = sure_of(one), sure_of(other)
    return bool(first) and bool(second) and not (first == second and first <= TOOLS.keys())


def sure_of(part: str) -> frozenset[str]:
    """The commands that one clause surely asks for: the one or two that the offers together are sure of."""
    shares = offers().by_name(part)
    first, second = sorted(shares, key=lambda name: -shares[name])[:2]
    if shares[first] >= SURE:
        return frozenset({first} - {REPLY})
    both = shares[first] + shares[second] >= SURE and shares[second] >= _BESIDE
    return frozenset({first, second}) if both and REPLY not in (first, second) else frozenset()


def _likeliest(text: str) -> tuple[str, float]:
    shares = offers().by_name(text)
    name = max(shares, key=lambda known: shares[known])
    return name, shares[name]


def opened_once(calls: Sequence[ToolCall], *, is_open: bool = False) -> tuple[ToolCall, ...]:
    """The calls without a BANK_OPEN where the bank `is_open` or an earlier one left it so; each clause opens
    it anew. One that stands alone stays."""
    kept: list[ToolCall] = []
    for call in calls:
        verb = str((call.parsed or {}).get("command", "")).partition(" ")[0].upper()
        if verb == "BANK_OPEN" and is_open:
            continue
        is_open = verb.startswith("BANK_") and verb != "BANK_CLOSE" and (is_open or verb == "BANK_OPEN")
        kept.append(call)
    return tuple(kept or calls)


def assumed(calls: Sequence[ToolCall], state: GameState) -> tuple[Message, ...]:
    """Calls as an earlier turn in which all went well, their results as the plugin would echo them."""
    return step_messages(tuple(Step(call, ToolResult("ok", {}, lowered_line(call, state))) for call in calls))


def lowered_line(call: ToolCall, state: GameState) -> str | None:
    """A call's command as the plugin would get it, or as it stands where it cannot be lowered; None for one
    of another tool."""
    if call.tool != "send_command" or call.parsed is None:
        return None
    line = str(call.parsed.get("command") or "")
    try:
        return lower(parse(line), state).render()
    except CommandError:
        return line
