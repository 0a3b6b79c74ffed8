"""A parser without a model: the nearest phrasing of the phrasebook, and what stands in its slots.

The baseline that a tuned model has to beat. It knows the phrasings of the training split only, and aligns the
message with each of the likeliest word by word (Needleman and Wunsch 1970, J. Mol. Biol. 48, 443, with slots
that take one to six words). What the slots took becomes the operands, as said; the world lowers them. It sees
no state and no history.
"""

import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Unpack

from rapidfuzz import fuzz

from enactor.curate.certificate import family_of
from enactor.curate.rows import Action
from enactor.curate.slots import SINGULAR
from enactor.curate.synthesize import tool_action
from enactor.models.engine import Completion, EngineError, Options
from enactor.prompt import DIALECTS, tool_call
from enactor.trace.values import ToolCall
from enactor.world import (
    CommandError,
    parse,
    parse_count,
    parse_direction,
    parse_distance,
    resolve_item,
    resolve_npc,
    resolve_object,
    resolve_place,
    resolve_spell,
)
from enactor.world.phrasebook import Template, choices, slots, templates

CANDIDATES = 60
SLOT_WORDS = 6
NO_MATCH = 0.34
"""Mean cost of a word from which nothing is near: then it says that it did not understand."""

_WORD = re.compile(r"\{[a-z_]+?\d*\}|[\w'%./,-]*[\w'%]")
_SLOT = re.compile(r"\{([a-z_]+?)(\d*)\}")
_JOINT = re.compile(r"[,;.]\s+|\b(?:and then|then|after that|and)\b", re.IGNORECASE)
_ITEMS = frozenset(
    ("item", "held", "food", "raw", "bones", "ore", "fish", "logs", "bar", "gear", "shop_item")
)
_RESOLVE: dict[str, Callable[[str], object]] = {
    "npc": resolve_npc,
    "place": resolve_place,
    "object": resolve_object,
    "spell": resolve_spell,
    **dict.fromkeys(_ITEMS, resolve_item),
}
_NUMBERS = frozenset(("n", "qty", "pct", "level", "x", "y", "s", "m", "plane"))
_SLOT_COST = 0.08  # of a word in a slot
_STRAY_COST = 0.8  # of a word in a slot that is none of its kind
_WRONG_SLOT = 1.5  # added where a slot's words name nothing of its kind


@dataclass(frozen=True, slots=True)
class _Phrasing:
    template: Template
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Alignment:
    cost: float
    fills: tuple[tuple[str, str], ...]  # the slot as it is written, and its words


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one request was taken for; `cost` is the mean of its words."""

    cost: float
    calls: tuple[ToolCall, ...] = ()
    text: str = ""


class RuleParser:
    """An index over phrasings. `leave_out` are command families whose phrasings it does not get."""

    def __init__(self, found: Iterable[Template] | None = None, leave_out: Collection[str] = ()) -> None:
        chosen = [t for t in templates() if not t.held_out] if found is None else list(found)
        self._phrasings = [
            _Phrasing(template, tuple(_WORD.findall(text.casefold())))
            for template in chosen
            if not template.group.before and not leave_out_of(template, leave_out)
            for text in choices(template.text)
        ]
        self._at: dict[str, list[int]] = defaultdict(list)
        for index, phrasing in enumerate(self._phrasings):
            for word in set(phrasing.words):
                if not word.startswith("{"):
                    self._at[word].append(index)
        self._slotted = [i for i, p in enumerate(self._phrasings) if all(w.startswith("{") for w in p.words)]

    def calls(self, message: str) -> tuple[tuple[ToolCall, ...], str]:
        """The calls of the nearest phrasing whose slots can be filled, or what it says where it calls
        nothing. A message is taken as several requests where its clauses are nearer to phrasings than the
        whole is."""
        whole = self._read(message)
        clauses = [clause for clause in _JOINT.split(message) if clause.strip()]
        if len(clauses) > 1:
            parts = [self._read(clause) for clause in clauses]
            if all(part.calls for part in parts) and max(part.cost for part in parts) < whole.cost:
                return tuple(call for part in parts for call in part.calls), ""
        return whole.calls, whole.text

    def _read(self, message: str) -> _Reading:
        """One request, by the nearest phrasing."""
        words = tuple(_WORD.findall(message.casefold()))
        if not words:
            return _Reading(math.inf)
        found = []
        for index in self._likely(words):
            phrasing = self._phrasings[index]
            aligned = _align(words, phrasing.words)
            found.append((aligned.cost / len(words) + _misfit(aligned), index, aligned))
        for cost, index, aligned in sorted(found, key=lambda one: one[:2])[:10]:
            if cost > NO_MATCH:
                break
            group = self._phrasings[index].template.group
            if group.reply:
                return _Reading(cost, (), group.reply[0])
            try:
                return _Reading(cost, tuple(_call(line, dict(aligned.fills)) for line in group.do))
            except CommandError:
                continue
        return _Reading(math.inf, (), "I did not understand that.")

    def _likely(self, words: Sequence[str]) -> list[int]:
        """The phrasings that share the rarest words with the message."""
        score: Counter[int] = Counter()
        for word in set(words):
            where = self._at.get(word, ())
            weight = math.log(1 + len(self._phrasings) / (1 + len(where)))
            for index in where:
                score[index] += weight  # type: ignore[assignment]
        for index in score:
            score[index] /= math.sqrt(len(self._phrasings[index].words))  # type: ignore[assignment]
        best = sorted(score, key=lambda index: (-score[index], index))[:CANDIDATES]
        return [*best, *self._slotted[:5]]


class RuleEngine:
    """The parser behind the engine's protocol: it reads the player's words out of the prompt, and writes its
    calls as a model does."""

    def __init__(self, parser: RuleParser, *, name: str = "rules") -> None:
        self._parser = parser
        self._name = name
        self._closed = False

    @property
    def name(self) -> str:
        return self._name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Under a grammar, for which it has no use, the text is empty."""
        if self._closed:
            raise EngineError(f"engine {self._name} is closed: make a new one")
        if options.get("grammar"):
            return Completion("")
        started = time.perf_counter()
        calls, text = self._parser.calls(player_words(prompt))
        written = DIALECTS["hermes"].render_calls(calls) if calls else text
        return Completion(written, seconds=time.perf_counter() - started)

    def cancel(self) -> None:
        """Nothing is ever under way for long."""

    def close(self) -> None:
        self._closed = True


def player_words(prompt: str) -> str:
    """The player's last message in a rendered prompt, without the lines about the game before it."""
    turn = prompt.rpartition("<|im_start|>user\n")[2].partition("<|im_end|>")[0]
    lines = turn.split("\n")
    if lines and lines[0].startswith("[") and lines[0].endswith("]"):
        lines = lines[1:]
    if len(lines) > 1 and lines[0].startswith("[") and lines[0].endswith("]"):
        lines = lines[1:]
    return "\n".join(lines)


def leave_out_of(template: Template, families: Collection[str]) -> bool:
    """Whether a phrasing calls anything of these command families."""
    if not families:
        return False
    lines = [line.split("{")[0] for line in template.group.do]
    actions = [
        tool_action(line) if line.startswith("@") else Action("send_command", {"command": line})
        for line in lines
    ]
    return any(family_of(action) in families for action in actions)


def _align(words: Sequence[str], pattern: Sequence[str]) -> _Alignment:
    """The cheapest way to lay the pattern over the words. A word of either side without a partner costs 1 (a
    filler like "please" less), a slot's words next to nothing."""
    rows, columns = len(words) + 1, len(pattern) + 1
    cost = [[math.inf] * columns for _ in range(rows)]
    came: list[list[tuple[int, int]]] = [[(0, 0)] * columns for _ in range(rows)]
    cost[0][0] = 0.0
    for j in range(columns):
        slot = j > 0 and pattern[j - 1].startswith("{")
        takes = [_taken(word, _kind(pattern[j - 1])) for word in words] if slot else []
        for i in range(rows):
            best, where = cost[i][j], came[i][j]
            if i and cost[i - 1][j] + _skip(words[i - 1]) < best:
                best, where = cost[i - 1][j] + _skip(words[i - 1]), (i - 1, j)
            if j and not slot:
                if cost[i][j - 1] + _skip(pattern[j - 1]) < best:
                    best, where = cost[i][j - 1] + _skip(pattern[j - 1]), (i, j - 1)
                if i and (near := cost[i - 1][j - 1] + _differ(words[i - 1], pattern[j - 1])) < best:
                    best, where = near, (i - 1, j - 1)
            elif j:
                taken = 0.0
                for back in range(1, min(i, SLOT_WORDS) + 1):
                    taken += takes[i - back]
                    if cost[i - back][j - 1] + taken < best:
                        best, where = cost[i - back][j - 1] + taken, (i - back, j - 1)
            cost[i][j], came[i][j] = best, where
    fills: list[tuple[str, str]] = []
    i, j = rows - 1, columns - 1
    while (i, j) != (0, 0) and cost[i][j] < math.inf:
        before = came[i][j]
        if before[1] < j and pattern[j - 1].startswith("{"):
            fills.append((pattern[j - 1], " ".join(words[before[0] : i])))
        i, j = before
    return _Alignment(cost[-1][-1], tuple(reversed(fills)))


_FILLER_WORDS = (
    "please pls plz the a an my some to go and then can could you u now bro mate man yo hey ok okay just for "
    "me up lets let's i want wanna need"
)
_FILLERS = frozenset(_FILLER_WORDS.split())


@cache
def _taken(word: str, kind: str) -> float:
    """What a slot pays for a word: more for a number among names, for another word among numbers, and for
    the words that join or soften."""
    if kind == "text" or kind == "action":
        return _SLOT_COST
    number = _is_count(word)
    stray = word in _FILLERS or word == "all" if kind not in _NUMBERS else not number
    if kind not in _NUMBERS and kind not in ("dist", "s", "m") and number and word not in ("a", "an"):
        stray = True
    return _STRAY_COST if stray else _SLOT_COST


def _is_count(word: str) -> bool:
    try:
        parse_count(word)
    except CommandError:
        return False
    return True


def _skip(word: str) -> float:
    return 0.15 if word in _FILLERS else 1.0


@lru_cache(maxsize=50_000)
def _differ(one: str, other: str) -> float:
    """0 for one word, up to 0.4 for a slip of the finger, more than leaving both out for another word."""
    if one == other:
        return 0.0
    near = fuzz.ratio(one, other) / 100
    return 1.2 * (1 - near) + 0.05 if near >= 0.7 and min(len(one), len(other)) > 2 else 2.5


def _misfit(aligned: _Alignment) -> float:
    """What is added to the mean cost for slots whose words name nothing of their kind."""
    return sum(_WRONG_SLOT for slot, said in aligned.fills if not _names(_kind(slot), said))


def _kind(slot: str) -> str:
    match = _SLOT.fullmatch(slot)
    name = match[1] if match else ""
    return SINGULAR.get(name, name)


@cache
def _names(kind: str, said: str) -> bool:
    """Whether the words can stand in a slot of the kind."""
    word = "_".join(said.split())
    try:
        if kind in _RESOLVE:
            _RESOLVE[kind](word)
        elif kind in _NUMBERS:
            return isinstance(parse_count(word), int)
        elif kind == "dir":
            parse_direction(word)
        elif kind == "dist":
            parse_distance(word)
    except CommandError as error:
        return bool(error.candidates) and kind in _ITEMS  # an item held may decide which is meant
    return True


def _call(line: str, fills: Mapping[str, str]) -> ToolCall:
    """A line of the phrasebook with the slots' words put in. Raises `CommandError` for what is no command."""
    said = {(_kind(slot), _SLOT.fullmatch(slot)[2]): words for slot, words in fills.items()}  # type: ignore[index]
    for name, index in slots(line):
        words = said.get((SINGULAR.get(name, name), index))
        if words is None:
            raise CommandError(f"nothing was said for {name}")
        put = words if line.startswith("@") else "_".join(words.split())
        line = line.replace(f"{{{name}{index}}}", put, 1)
    if line.startswith("@"):
        action = tool_action(line)
        return tool_call(action.tool, action.args)
    parse(line)
    return tool_call("send_command", {"command": line})
