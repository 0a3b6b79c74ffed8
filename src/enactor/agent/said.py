"""What the player said against what the model made of it, numbers above all.

A small model takes a number over from an earlier turn, or makes one up. Where the message has as many numbers
as the calls, they are put in as they were said; a count that nobody said and that the command can do without
is left out.

What was said: the player's message, and their earlier words where the message refers to them ("another", "the
same", "you didn't do it").
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from enactor.agent.speech_acts import refers
from enactor.prompt import tool_call
from enactor.trace.values import Message, ToolCall
from enactor.world import COMMANDS, Command, CommandError, Operand, parse, parse_count

_CHECKED = frozenset({"count", "quantity", "int", "distance"})
_COUNTING = re.compile(
    r"(?:(?P<before>[a-z']+)[,:]? )?(?<![\w.,/])(?P<number>\d[\d,]*k?)(?= (?P<after>[a-z]\S*(?: \S+){0,2}))"
)
# Words after which "2" and "4" are numbers, and not "to" and "for".
_TAKING_WORDS = "get make kill take buy sell drop withdraw eat cook grab catch smith cut then and first next"
_TAKING = frozenset(_TAKING_WORDS.split())
_COORDINATES = re.compile(r"(?<=\d{4}),(?=\d)")
_MEANT = frozenset({"camera"})  # families whose numbers stand for words: "zoom in"
_WORD = re.compile(r"[a-z0-9][\w,.'’-]*", re.IGNORECASE)
_ONE = re.compile(
    r"\b(?:a|an|one|1|1x|x1|single|once|only|just)\b"
    r"|\b(?:that|this|another)\b(?! (?:many|much|one|loop|grind|time|way))(?= [a-z])",
    re.IGNORECASE,
)
_NO_NUMBER = re.compile(
    r"\b(?:a|an|one|just)[ _]+(?:(?:kill|combat|big|new)[ _]*)?"
    r"(?:loop|grind|bit|while|lot|few|bunch|couple|kill|go|start|spot|session|break|sec|second|moment|minute)\b"
    r"|\bjust(?! (?:a|an|one|1)\b)|\b(?:that|this|which|the) one\b",
    re.IGNORECASE,
)
# "3222, 3218", "x=3222 y: 3218 plane 1"
_TILE = re.compile(
    r"\b(?:x\s*[=:]?\s*)?(\d{4})\b(?:\s*[,/]\s*|\s+)(?:and\s+)?(?:y\s*[=:]?\s*)?(\d{4,5})\b"
    r"(?:(?:\s*[,/]\s*|\s+)(?:(?:z|p|plane|level|floor)\s*[=:]?\s*)?([0-3])\b)?",
    re.IGNORECASE,
)


def numbers_in(texts: Iterable[str]) -> set[int]:
    """Every number in the texts, in digits or in words ("fifty", "a dozen", "2k")."""
    return {value for text in texts for value in _read(text)}


def numbers_of(command: Command) -> Iterator[int]:
    """A command's operands that are numbers. One is what "a" means, and what nobody has to say."""
    for kind, name, value in _typed(command):
        if kind in _CHECKED and name != "plane" and _whole(value) and int(value) != 1:
            yield int(value)


def numbers_as_said(
    calls: Sequence[ToolCall], message: str, history: Sequence[Message] = ()
) -> tuple[ToolCall, ...]:
    """The calls with the numbers of the message, in its order, where both have equally many and not the same:
    marked as repaired. Where the message leans on what came before and there is anything before, every number
    may stand. A number that no call has, and that stands before the name of one, is that call's count; a
    count that is no number is the message's only one, or none."""
    said = in_order(message)
    calls = [_counted_in_numbers(call, said) for call in _to_the_tile(calls, message)]
    places = [place for at, call in enumerate(calls) for place in _places(at, call)]
    meant = [number for _, _, number in places]
    if len(said) > len(meant):
        # What stands in a call anyway is a condition, or a time to wait.
        anywhere = Counter(int(digits) for call in calls for digits in re.findall(r"\d+", call.arguments))
        return _counted(calls, message, Counter(said) - (Counter(meant) | anywhere))
    if len(said) != len(meant) or set(said) == set(meant) or (history and refers(message)):
        return tuple(calls)
    mended = list(calls)
    for at, call in enumerate(calls):
        mine = [(place, old, new) for (of, place, old), new in zip(places, said, strict=True) if of == at]
        if any(old != new for _, old, new in mine):
            changed = _renumbered(call, [(place, new) for place, _, new in mine])
            mended[at] = replace(tool_call(call.tool, changed), origin="repaired")
    return tuple(mended)


def _to_the_tile(calls: Sequence[ToolCall], message: str) -> Sequence[ToolCall]:
    """One walk to the one tile that the message gives, where the calls are walks to pieces of it."""
    lines = [str((call.parsed or {}).get("command", "")).split() for call in calls]
    pieces = bool(lines) and all(
        words[:1] == ["GOTO"] and any(c.isdigit() for word in words[1:] for c in word) for words in lines
    )
    tiles = _TILE.findall(message) if pieces else []
    if len(tiles) != 1:
        return calls
    x, y, plane = tiles[0]
    if any(words[1:3] == [x, y] for words in lines):
        return calls
    line = " ".join(filter(None, ("GOTO", x, y, plane)))
    return (replace(tool_call("send_command", {"command": line}), origin="repaired"),)


def _counted_in_numbers(call: ToolCall, said: Sequence[int]) -> ToolCall:
    """The call with the message's only number in place of a last, optional count that is a word, or without
    it where the message has none."""
    words = str((call.parsed or {}).get("command", "")).split() if call.tool == "send_command" else []
    spec = COMMANDS.get(words[0].upper()) if words else None
    if spec is None or call.parsed is None or not 1 < len(words) <= len(spec.operands) + 1 or len(said) > 1:
        return call
    operand = spec.operands[len(words) - 2]
    if not operand.optional or operand.type != "count" or _count(words[-1]) is not None:
        return call
    try:
        line = parse(" ".join([*words[:-1], *map(str, said)])).render()
    except CommandError:
        return call
    return replace(tool_call(call.tool, {**call.parsed, "command": line}), origin="repaired")


def _counted(calls: Sequence[ToolCall], message: str, left: Counter[int]) -> tuple[ToolCall, ...]:
    """The calls with the numbers `left`, each as the count of the one whose name comes after it, where just
    one has room. Only digits count: "some" is no number to add, nor is "2" for "to"."""
    counted = list(calls)
    for found in _COUNTING.finditer(message.casefold()):
        number, after = _count(found["number"]), [word.strip(".,;:!?") for word in found["after"].split()]
        if number is None or not left[number]:
            continue
        if number in (2, 4) and not after[0].endswith("s"):
            if (found["before"] or "then") not in _TAKING:
                continue
            after = after[:1]
        more = [_with_count(call, number, {word[:3] for word in after}) for call in counted]
        if sum(call is not None for call in more) == 1:
            counted = [new or old for new, old in zip(more, counted, strict=True)]
            left[number] -= 1
    return tuple(counted)


def _with_count(call: ToolCall, number: int, after: Collection[str]) -> ToolCall | None:
    """The call with the number as its count, for "all" or where its form has room, if its name is among what
    follows."""
    if call.tool != "send_command" or call.parsed is None:
        return None
    try:
        command = parse(str(call.parsed.get("command", "")))
        said = command.operands[:-1] if command.operands[-1] == "all" else command.operands
        form = _form(Command(command.verb, (*said, number)))
        place = len(said)
        named = any(part[:3] in after for part in str(said[0]).casefold().split("_"))
        if not 0 < place < len(form) or form[place].type not in ("count", "quantity") or not named:
            return None
        longer = parse(Command(command.verb, (*said, number)).render())
    except (CommandError, IndexError):
        return None
    return replace(tool_call(call.tool, {**call.parsed, "command": longer.render()}), origin="repaired")


def _renumbered(call: ToolCall, changes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The call's arguments with other numbers: which operand, and what it becomes."""
    if call.tool != "send_command":
        return {**(call.parsed or {}), "loops": changes[0][1]}
    command = parse(str((call.parsed or {})["command"]))
    operands = list(command.operands)
    for place, new in changes:
        operands[place] = str(new)
    return {**(call.parsed or {}), "command": Command(command.verb, tuple(operands)).render()}


def in_order(message: str) -> list[int]:
    """The numbers of a message in order, in digits or words; "a", "one" and zero are none."""
    spaced = _COORDINATES.sub(" ", message.casefold())
    words = [word.strip(".,'’") for word in _WORD.findall(spaced)]
    found: list[int] = []
    at = 0
    while at < len(words):
        for size in (3, 2, 1):
            value = _count("_".join(words[at : at + size])) if at + size <= len(words) else None
            if value is not None:
                if value > 1:
                    found.append(value)
                break
        at += size
    return found


def _places(at: int, call: ToolCall) -> Iterator[tuple[int, int, int]]:
    """The numbers in a call: which call, which operand, and what it means."""
    if call.tool == "run_routine" and isinstance(loops := (call.parsed or {}).get("loops"), int):
        yield at, 0, loops
    if call.tool != "send_command" or call.parsed is None:
        return
    try:
        command = parse(str(call.parsed.get("command", "")))
    except CommandError:
        return
    if COMMANDS[command.verb].family in _MEANT:
        return
    for place, (kind, name, value) in enumerate(_typed(command)):
        number = _count(value) if kind in _CHECKED and name != "plane" else None
        if number is not None and number != 1:
            yield at, place, number


def _count(text: str) -> int | None:
    try:
        value = parse_count(text)
    except CommandError:
        return None
    return value if isinstance(value, int) else None


def leave_out_unsaid(call: ToolCall, message: str, history: Sequence[Message] = ()) -> ToolCall:
    """The call without a last, optional number that nobody said, marked as repaired; else the call as it is.
    Where the message leans on what came before, or names nothing of the call, and there is anything before,
    every number may stand."""
    if call.tool != "send_command" or call.parsed is None or (history and refers(message)):
        return call
    try:
        command = parse(str(call.parsed.get("command", "")))
        operands = list(_typed(command))
        if not operands or COMMANDS[command.verb].family in _MEANT:
            return call
        if history and not _names(command, message):
            return call
        if not _may_go(command) or _said(operands[-1][2], message):
            return call
        shorter = parse(Command(command.verb, command.operands[:-1]).render())
    except CommandError:
        return call
    return replace(tool_call(call.tool, {**call.parsed, "command": shorter.render()}), origin="repaired")


def _names(command: Command, message: str) -> bool:
    """Whether the message has a word that begins as one of the command's first operand does."""
    said = {word[:3] for word in _WORD.findall(message.casefold())}
    return any(
        word[:3] in said for word in _WORD.findall(str(command.operands[0]).casefold().replace("_", " "))
    )


def _may_go(command: Command) -> bool:
    """Whether the last operand is a number that its form can do without."""
    form = _form(command)
    last = form[len(command.operands) - 1]
    ground = last.name == "plane" and str(command.operands[-1]) == "0"
    return last.optional and last.type in _CHECKED and not ground


def _said(value: str, message: str) -> bool:
    number = _count(value)
    if number == 1:
        return _ONE.search(_NO_NUMBER.sub(" ", message)) is not None
    return number is None or number in numbers_in([message])


def _typed(command: Command) -> Iterator[tuple[str, str, str]]:
    for operand, value in zip(_form(command), command.operands, strict=False):
        yield operand.type, operand.name, str(value)


def _form(command: Command) -> Sequence[Operand]:
    spec = COMMANDS[command.verb]
    return next((f for f in spec.forms if len(f) >= len(command.operands)), spec.operands)


def _whole(value: str) -> bool:
    return value.lstrip("-").isdigit()


def _read(text: str) -> Iterator[int]:
    for digits in re.findall(r"\d+", text.replace(",", "")):
        yield int(digits)
    words = _WORD.findall(text.casefold())
    for size in (1, 2, 3):
        for at in range(len(words) - size + 1):
            if (value := _count("_".join(words[at : at + size]))) is not None:
                yield value
