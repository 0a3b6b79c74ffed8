"""Wrong answers whose right one is known are relabelled, not dropped.

Each rule is tried where a quality rule objects (`CURES`). It answers only when exactly one answer is left,
and the answer must parse, and lower in the recorded state, before it counts.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rapidfuzz import fuzz

from enactor.agent import shapes
from enactor.curate.draft import Draft, seconds_between
from enactor.curate.lowering import lowered
from enactor.curate.near import plain_text
from enactor.curate.quality import FINAL, RULES, Objection, examine
from enactor.curate.rows import Action
from enactor.curate.said import said_numbers, unsaid_names
from enactor.prompt import DIALECTS
from enactor.trace.values import ToolCall
from enactor.world import (
    COMMANDS,
    TOOLS,
    Command,
    CommandError,
    GameState,
    nearest_verbs,
    parse,
    preferred,
    resolve_place,
)
from enactor.world.menu import trained_by

RETRY_SECONDS = 900.0
RETRY_TURNS = 8
SAME_REQUEST = 80.0
NEAR_TILES = 15

Cure = Callable[[Draft], Sequence[Action] | None]

_PREFIX = re.compile(r"^(?:mcp__[\w-]+?__|functions?\.|tools?\.)")
_WRAPPING = " \t\r\n`'\"*"
_OPENED = {")": "(", "]": "[", "}": "{"}
_PROTEST = re.compile(
    r"\b(?:didn'?t|did not|never|not (?:execut|send|work)|again|c'?mon|come on|send (?:it|the command)|do it|"
    r"try again|real (?:command|life)|genuine|actually|execute (?:it|the|send))",
    re.IGNORECASE,
)


def one_reading(line: str) -> str | None:
    """The one valid command that an invalid line can be read as, in the form that is written; None when there
    is none, or more than one. A valid line is its own reading."""
    line = line.strip(_WRAPPING)
    while line[-1:] in tuple(")]}") and line.count(_OPENED[line[-1]]) < line.count(line[-1]):
        line = line[:-1].rstrip(_WRAPPING)  # the end of a call that was written around the command
    valid = _valid(line)
    if valid is not None:
        return valid
    head, _, rest = re.sub(r"[(),=]+", " ", line).strip().partition(" ")
    if not head:
        return None
    rest = " ".join(rest.split())
    without_keys = " ".join(word.partition("=")[2] or word for word in line.partition(" ")[2].split())
    found: dict[str, str] = {}
    for verb in nearest_verbs(head):
        for operands in dict.fromkeys((rest, without_keys)):
            reading = _valid(f"{verb} {operands}".strip())
            if reading is not None:
                found.setdefault(preferred(reading).casefold(), reading)
    return next(iter(found.values())) if len(found) == 1 else None


def read_call(action: Action) -> Sequence[Action] | None:
    """A call in another shape as calls of ours: a server's prefix on the tool, the verb in the tool's place,
    the command under another key, several commands in one line."""
    tool = _PREFIX.sub("", action.tool.strip())
    args = dict(action.args)
    if tool in TOOLS and tool != "send_command":
        return [Action(tool, _known_arguments(tool, args))]
    texts = [str(value) for value in args.values() if isinstance(value, str | int) and str(value).strip()]
    if tool == "send_command":
        named = args.get("command") or args.get("cmd") or (texts[0] if len(texts) == 1 else None)
        if not isinstance(named, str):
            return None
        lines = [part for part in re.split(r"\s*(?:;|&&|\n)\s*", named.strip(_WRAPPING)) if part]
    elif tool.upper() in COMMANDS or nearest_verbs(tool):
        lines = [" ".join((tool.upper(), *texts))]
    else:
        return None
    readings = [one_reading(line) for line in lines]
    if not readings or None in readings:
        return None
    return [Action("send_command", {"command": line}) for line in readings]


def invalid_call(draft: Draft) -> Sequence[Action] | None:
    """Every invalid call by its one valid reading; the valid ones as they are."""
    said: list[Action] = []
    for action in draft.say:
        read = read_call(action)
        if read is None:
            return None
        said += read
    return said


def described_call(draft: Draft) -> Sequence[Action] | None:
    """A call that was written in another dialect or as text, where it is the only one in the text and its
    names are the player's."""
    found: set[str] = set()
    for text in draft.trace.outputs or (draft.trace.reply,):
        for call in _calls_in(text):
            read = read_call(Action(call.tool, dict(call.parsed or {})))
            if read is None:
                return None
            found.add(json.dumps([[a.tool, dict(a.args)] for a in read], sort_keys=True))
    if len(found) != 1:
        return None
    said = [Action(tool, args) for tool, args in json.loads(found.pop())]
    return None if unsaid_names(replace(draft, say=tuple(said))) else said


def place_said(draft: Draft) -> Sequence[Action] | None:
    """Coordinates that nobody said, where the words name one place at or near them, or the direction in which
    they lie: the words take their place."""
    said: list[Action] = []
    for action in draft.say:
        words = str(action.args.get("command", "")).split()
        if len(words) < 3 or words[0].upper() != "GOTO" or not all(w.isdigit() for w in words[1:3]):
            said.append(action)
            continue
        target = _place_words(draft, int(words[1]), int(words[2]))
        if target is None:
            return None
        said.append(Action(action.tool, {"command": f"GOTO {target}"}))
    return said if said != list(draft.say) else None


def style_said(draft: Draft) -> Sequence[Action] | None:
    """A combat style that nobody said, where one word of the message means it on every weapon: that word."""
    said: list[Action] = []
    for action in draft.say:
        verb, _, style = str(action.args.get("command", "")).partition(" ")
        unsaid = unsaid_names(replace(draft, say=(action,)))
        if verb != "SWITCH_COMBAT_STYLE" or style.casefold() not in unsaid:
            said.append(action)
            continue
        words = dict.fromkeys(re.findall(r"[a-z]+", draft.message.casefold()))
        found = [word for word in words if trained_by(word) == {style.casefold()}]
        if len(found) != 1:
            return None
        said.append(Action(action.tool, {**action.args, "command": f"{verb} {found[0]}"}))
    return said if said != list(draft.say) else None


def operand_left_out(draft: Draft) -> Sequence[Action] | None:
    """What nobody said goes, where the command does without: an optional last number (the request set no
    limit), and the food of a fight."""
    numbers, names = said_numbers(draft), set(unsaid_names(draft))
    said: list[Action] = []
    for action in draft.say:
        try:
            command = parse(str(action.args.get("command", "")))
        except CommandError:
            said.append(action)
            continue
        form, operands = COMMANDS[command.verb].operands, list(command.operands)
        if 0 < len(operands) <= len(form):
            last, value = form[len(operands) - 1], str(operands[-1])
            counts = last.type in ("count", "quantity")
            if counts and last.optional and value.isdigit() and int(value) not in numbers:
                operands.pop()
        for index, operand in enumerate(form[: len(operands)]):
            if operand.type == "food" and str(operands[index]).replace("_", " ").casefold() in names:
                operands[index] = "none"
        line = Command(command.verb, tuple(operands)).render()
        said.append(Action(action.tool, {**action.args, "command": line}))
    return said if said != list(draft.say) else None


CURES: Mapping[str, Mapping[str, Cure]] = {
    "executed": {"call written as text": described_call},
    "grammatical command": {"invalid call with one reading": invalid_call},
    "operands were said": {
        "place for coordinates": place_said,
        "style by its button": style_said,
        "operand that nobody said": operand_left_out,
    },
}
"""Quality rule -> the relabelling rules that can answer it, in order."""
RETRY = "fake with its retry"


def mend(
    draft: Draft, rules: Iterable[str] = tuple(RULES), cures: Iterable[str] | None = None
) -> tuple[Draft, Objection | None]:
    """The draft, relabelled as far as the rules reach, and the objection that is left. `cures` names the
    relabelling rules that may be used (all without)."""
    rules = tuple(rules)
    allowed = None if cures is None else set(cures)
    for _ in range(4):
        objection = examine(draft, rules)
        if objection is None or objection.rule in FINAL:
            return draft, objection
        for name, cure in CURES.get(objection.rule, {}).items():
            if name in draft.fixed or (allowed is not None and name not in allowed):
                continue
            said = cure(draft)
            if said and admissible(said, draft.state):
                draft = draft.answered(said, name, _unchanged(draft, said))
                break
        else:
            return draft, objection
    return draft, examine(draft, rules)


def with_retry(fake: Draft, later: Sequence[Draft]) -> Draft | None:
    """The fake with the calls of its first successful retry among the turns that followed it in the same
    conversation (oldest first, already mended), or None. A retry is the same request again, or a protest."""
    earlier = [m.content for m in fake.history if m.role == "user"] if fake.protest else []
    asked = [*earlier, fake.message]  # a protest asks for what was asked before
    for turn in later[:RETRY_TURNS]:
        gap = seconds_between(fake.trace, turn.trace)
        if turn.conversation != fake.conversation or (gap is not None and gap > RETRY_SECONDS):
            return None
        same = any(same_request(text, turn.message) for text in asked)
        if turn.trace.outcome == "executed" and turn.say and (same or protests(turn.message)):
            if examine(turn) is not None:
                return None
            return fake.answered(turn.say, RETRY, turn.steps)
        if not same and not protests(turn.message):
            return None  # the player went on to something else
    return None


def protests(message: str) -> bool:
    """Whether the player says that nothing was done, or demands that it be done in earnest."""
    return _PROTEST.search(message) is not None


def same_request(one: str, other: str) -> bool:
    """Whether two messages ask for the same, but for case, order and filling words. Numbers must agree."""
    numbers = [set(re.findall(r"\d+", text)) for text in (one, other)]
    if numbers[0] and numbers[1] and numbers[0] != numbers[1]:
        return False
    texts = [plain_text(text.replace("_", " ")) for text in (one, other)]
    return fuzz.token_sort_ratio(*texts) >= SAME_REQUEST or (
        min(len(t.split()) for t in texts) >= 2 and fuzz.token_set_ratio(*texts) >= 95
    )


def admissible(said: Iterable[Action], state: Mapping[str, Any]) -> bool:
    """Whether every call is one of ours, and every command lowers in the state."""
    try:
        expected(said, state)
    except CommandError:
        return False
    return all(action.tool in TOOLS for action in said)


def expected(said: Iterable[Action], state: Mapping[str, Any]) -> list[Action]:
    """The calls with canonical names, as they lower in the state. Raises CommandError."""
    return [
        Action(a.tool, {"command": lowered(str(a.args["command"]), state).render()})
        if a.tool == "send_command"
        else a
        for a in said
    ]


def _valid(line: str) -> str | None:
    """The line as it is written in rows, if it is valid: a combat style in lower case, as it is said."""
    try:
        command = parse(line)
    except CommandError:
        return None
    form = COMMANDS[command.verb].operands
    operands = tuple(
        value.casefold() if operand.type == "style" and isinstance(value, str) else value
        for operand, value in zip(form, command.operands, strict=False)
    )
    if len(operands) == len(command.operands):
        command = Command(command.verb, operands)
    return command.render()


def _known_arguments(tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the tool declares them: what is empty left out, lists that were written as text read."""
    kept = {}
    for key, value in args.items():
        if value is None or value == "":
            continue
        wanted = TOOLS[tool].parameters["properties"].get(key, {}).get("type")
        if wanted == "array" and isinstance(value, str):
            value = re.findall(r"[\w ]+", value)
        if wanted == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        kept[key] = value
    return kept


def _calls_in(text: str) -> Sequence[ToolCall]:
    for dialect in DIALECTS.values():
        calls = [call for call in dialect.parse(text).calls if call.parsed is not None]
        if calls:
            return calls
    return shapes(text)


def _place_words(draft: Draft, x: int, y: int) -> str | None:
    """The words of the message that name a place near the tile, or the direction to it."""
    words = [word.strip(".,!?").casefold() for word in draft.message.split()]
    near = GameState.from_case(draft.state).location
    found: dict[str, str] = {}  # name -> the fewest words for it
    for size in (4, 3, 2, 1):
        for at in range(len(words) - size + 1):
            phrase = "_".join(words[at : at + size])
            if size == 1 and len(phrase) < 4:
                continue
            try:
                match = resolve_place(phrase, near)
            except CommandError:
                continue
            if match.score >= 90 and match.tile and _apart(match.tile, x, y) <= NEAR_TILES:
                found[match.name] = phrase
    if found:
        longest = max(found.values(), key=lambda phrase: (phrase.count("_"), len(phrase)))
        return longest if all(phrase in longest for phrase in found.values()) else None
    if near is None:
        return None
    step = tuple((d > 0) - (d < 0) for d in (x - near[0], y - near[1]))
    named = [word for word in words if word in _COMPASS]
    return named[0] if len(named) == 1 and _COMPASS[named[0]] == step else None


_COMPASS = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}


def _apart(tile: Sequence[int], x: int, y: int) -> int:
    return max(abs(tile[0] - x), abs(tile[1] - y))


def _unchanged(draft: Draft, said: Sequence[Action]) -> list[Any]:
    """The steps whose calls are still in the answer, so that their results still count."""
    kept = [(a.tool, json.dumps(dict(a.args), sort_keys=True)) for a in said]
    return [
        step
        for step, action in zip(draft.steps, draft.say, strict=False)
        if (action.tool, json.dumps(dict(action.args), sort_keys=True)) in kept
    ]
