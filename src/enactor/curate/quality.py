"""What a recorded request must be to become a row: small named rules, each with its reason.

A rule takes a draft and says what is wrong with it, or None. The first that objects, in the order of `RULES`,
is the reason that is counted.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from enactor.agent import nature
from enactor.agent.handlers import STATE_FIELDS
from enactor.curate.draft import Draft
from enactor.curate.lowering import lowered
from enactor.curate.rows import Action
from enactor.curate.said import numbers_left_out, unsaid_names, unsaid_numbers
from enactor.prompt import tool_call
from enactor.trace.values import Step, ToolResult
from enactor.world import TOOLS, CommandError

MAX_MESSAGE = 600
MAX_REPLY = 300
GOOD_RATING = 4
BAD_RATING = 2
EXAMPLES = 3
MOST_REASONS = 500

Rule = Callable[[Draft], str | None]

_SLOT = re.compile(
    r"<[a-z][\w \-]*>|\{[a-z_]+\}|\[(?:user|message|npc|item|name|location|insert)[^\]]*\]|\bYOUR_\w+"
    r"|\bTODO\b|\blorem ipsum\b",
    re.IGNORECASE,
)
_EMPTY_REQUESTS = frozenset({"execute command", "run command", "do something", "example", "command", "test"})
_EMPTY_WORDS = frozenset(
    [
        "null",
        "undefined",
        "nan",
        "n/a",
        "string",
        "item",
        "item_name",
        "npc",
        "npc_name",
        "name",
        "location",
        "x",
        "y",
        "z",
        "tool",
        "example",
        "arg",
        "args",
    ]
)
_PERSONAL = (
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)),
    ("a mention or an account's number", re.compile(r"<[@#]!?\d{5,}>|\b\d{15,}\b")),
    (
        "a password",
        re.compile(r"\b(?:password|passwd|passcode|api[_ -]?key|token)\s*(?:is|:|=)", re.IGNORECASE),
    ),
    ("a network address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    ("a telephone number", re.compile(r"(?<![\d(,])\+\d[\d ()-]{8,}\d")),
    ("a home folder", re.compile(r"(?:/home/|/Users/|C:\\Users\\)\w+")),
)
_SUMMARY = re.compile(r"^(?:This session is being continued|<command-|<system|Caveat: )", re.IGNORECASE)
_LATIN_SHARE = 0.8


def message_not_empty(draft: Draft) -> str | None:
    """There must be something to answer."""
    return None if re.search(r"\w", draft.message) else "the message is empty"


def message_of_a_player(draft: Draft) -> str | None:
    """Pasted output and summaries are nobody's request, and nobody types that long."""
    if _SUMMARY.match(draft.message.strip()):
        return "the message was written by a program"
    return (
        None if len(draft.message) <= MAX_MESSAGE else f"the message is longer than {MAX_MESSAGE} characters"
    )


def language(draft: Draft) -> str | None:
    """The phrasebook, the names and the base are English; other scripts are slips of a model."""
    for what, text in (("message", draft.message), ("reply", draft.reply)):
        letters = [c for c in text if c.isalpha()]
        if letters and sum(c < "\u0250" for c in letters) < _LATIN_SHARE * len(letters):
            return f"the {what} is in another script"
    return None


def not_personal(draft: Draft) -> str | None:
    """Nothing by which somebody could be found goes into weights."""
    texts = (draft.message, draft.reply, *(str(v) for a in draft.say for v in a.args.values()))
    for what, pattern in _PERSONAL:
        if any(pattern.search(text) for text in texts):
            return what
    return None


def not_placeholder(draft: Draft) -> str | None:
    """A template that nobody filled in teaches to write templates."""
    said = draft.message.strip().strip(".!").casefold()
    if said in _EMPTY_REQUESTS or _SLOT.search(draft.message):
        return "the message is a template"
    for action in draft.say:
        if any(value is None or value == "" for value in action.args.values()):
            return f"{action.tool} with an empty argument"
        line = str(action.args.get("command", ""))
        words = line.split()[1:]
        if _SLOT.search(line) or any(w.casefold() in _EMPTY_WORDS for w in words):
            return "an operand is a template"
        if words and words[0].casefold() == "none":
            return "the first operand is none"
    return None


def executed(draft: Draft) -> str | None:
    """A call that was only described or claimed is the very mistake that is to be unlearnt."""
    outcome = draft.trace.outcome
    if outcome in ("described", "claimed") and not draft.fixed:
        return f"the turn was {outcome}"
    return None


def grammatical(draft: Draft) -> str | None:
    """Every call must be one that the tools and the plugin take, and every name one that the world knows."""
    for action in draft.say:
        if (problem := _call_problem(action, draft.state)) is not None:
            return problem
    return None


def fulfilled(draft: Draft) -> str | None:
    """The results, or a person, must show that this was right. A call that the gate blocked for something
    missing was right; where no call was made only a person can tell."""
    if draft.rating is not None and draft.rating <= BAD_RATING:
        return "a person rated it as not fulfilled"
    if draft.rating is not None and draft.rating >= GOOD_RATING:
        return None
    if not draft.say:
        return "no call, and nobody said that none was due"
    if draft.fixed and not draft.steps:
        return None  # what a rule answered was checked by the rule
    if draft.trace.meta.get("result_unknown"):
        return "the record keeps no results"
    acting = [step for step in draft.steps if nature(step) != "read"]
    if any(step.result.status == "error" for step in acting or draft.steps):
        return "a call failed"
    return None if acting else _unanswered(draft)


def _unanswered(draft: Draft) -> str | None:
    """What is wrong with a turn that only looked: the request was another, or the look was elsewhere."""
    if draft.trace.outcome not in ("answered", "executed"):
        return "only looked, and did not answer"
    if any(action.tool not in ("get_game_state", "get_screenshot", "get_logs") for action in draft.say):
        return None
    looks = [action for action in draft.say if action.tool == "get_game_state"]
    shown = {field for action in looks for field in action.args.get("fields") or STATE_FIELDS}
    for pattern, fields in _ASKED:
        if pattern.search(draft.message) and not shown & fields:
            return "looked at something else than was asked"
    return None


_ASKED = (
    (re.compile(r"\b(?:levels?|lvls?|stats?|skills?|xp|exp|experiences?)\b", re.I), {"skills"}),
    (re.compile(r"\b(?:hp|health|hitpoints)\b", re.I), {"health", "skills"}),
    (re.compile(r"\b(?:inventory|inv|holding|carrying|items?)\b", re.I), {"inventory", "inventory_full"}),
    (re.compile(r"\b(?:where|location|position|coord\w*)\b", re.I), {"location"}),
)


def no_error(draft: Draft) -> str | None:
    """A result that carries an error although it counts as done, or an answer cut off in the record."""
    for step in draft.steps:
        if step.result.status == "ok" and step.result.content.get("error"):
            return "a result carries an error"
    return None


def concise_reply(draft: Draft) -> str | None:
    """Where text is trained it is what a player wants to read: short. Replies to calls are composed by the
    controller and are not trained."""
    if draft.say:
        return None
    if not draft.reply.strip():
        return "the reply is empty"
    if len(draft.reply) > MAX_REPLY:
        return f"the reply is longer than {MAX_REPLY} characters"
    return "the reply is a list or code" if re.search(r"```|^\s*(?:[-*]|\d+\.) ", draft.reply, re.M) else None


def asked_for(draft: Draft) -> str | None:
    """What nobody said was remembered or made up: coordinates, counts, a food from an earlier day."""
    unsaid = [*unsaid_numbers(draft), *unsaid_names(draft)]
    return f"nobody said {unsaid[0]}" if unsaid else None


def nothing_left_out(draft: Draft) -> str | None:
    """A number that was said and is in no call: the count was dropped, or the part that it belongs to."""
    acting = any(_acts(action) for action in draft.say)
    left = numbers_left_out(draft) if acting else []
    return f"{left[0]} was said and is in no call" if left else None


RULES: Mapping[str, Rule] = {
    "message not empty": message_not_empty,
    "message of a player": message_of_a_player,
    "language": language,
    "not personal": not_personal,
    "executed": executed,
    "not placeholder": not_placeholder,
    "grammatical command": grammatical,
    "fulfilled by result": fulfilled,
    "no error": no_error,
    "concise reply": concise_reply,
    "operands were said": asked_for,
    "nothing left out": nothing_left_out,
}
FINAL = frozenset({"message not empty", "message of a player", "language", "not personal"})
"""Rules about the message: no other answer can help."""


@dataclass(frozen=True, slots=True)
class Objection:
    """The rule that objects, and what it says."""

    rule: str
    reason: str


def examine(draft: Draft, rules: Iterable[str] = tuple(RULES)) -> Objection | None:
    """The first objection in the order of `RULES`, of the rules that are named."""
    wanted = set(rules)
    for name, rule in RULES.items():
        if name in wanted and (reason := rule(draft)) is not None:
            return Objection(name, reason)
    return None


@dataclass(slots=True)
class FilterReport:
    """What came in, what was kept, mended, and removed by which rule; three examples for each. An example of
    a personal message shows its hash only."""

    read: int = 0
    kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def keep(self, draft: Draft) -> None:
        self.kept += 1
        for rule in draft.fixed:
            self.mended[rule] += 1
            self._example(f"mended: {rule}", draft, "")

    def remove(self, draft: Draft, objection: Objection) -> None:
        self.removed[objection.rule] += 1
        reason = f"{objection.rule}: {re.sub(r'[0-9]+', 'n', objection.reason)[:60]}"
        self.reasons[reason if reason in self.reasons or len(self.reasons) < MOST_REASONS else "others"] += 1
        self._example(objection.rule, draft, objection.reason)

    def to_json(self) -> dict[str, Any]:
        """For the manifest: counts by rule, by rule and reason, and the examples."""
        return {
            "read": self.read,
            "kept": self.kept,
            "removed": dict(sorted(self.removed.items())),
            "reasons": dict(self.reasons.most_common(40)),
            "mended": dict(sorted(self.mended.items())),
            "examples": {name: self.examples[name] for name in sorted(self.examples)},
        }

    def _example(self, name: str, draft: Draft, reason: str) -> None:
        shown = self.examples.setdefault(name, [])
        if len(shown) >= EXAMPLES:
            return
        hidden = name == "not personal"
        shown.append(
            {
                "trace": draft.id,
                "message": "" if hidden else draft.message[:120],
                "calls": [] if hidden else [_line(action)[:120] for action in draft.say],
                "reason": reason,
            }
        )


def _call_problem(action: Action, state: Mapping[str, Any]) -> str | None:
    spec = TOOLS.get(action.tool)
    if spec is None:
        return f"no tool {action.tool[:40]}"
    known = set(spec.parameters["properties"])
    if unknown := sorted(set(action.args) - known):
        return f"{action.tool} takes no {unknown[0][:40]}"
    if missing := [name for name in spec.parameters["required"] if name not in action.args]:
        return f"{action.tool} without {missing[0]}"
    if action.tool == "get_game_state":
        fields = action.args.get("fields")
        if fields is not None and not (
            isinstance(fields, list) and all(isinstance(f, str) and f in STATE_FIELDS for f in fields)
        ):
            return "get_game_state with fields that do not exist"
    if "command" in action.args:
        try:
            lowered(str(action.args["command"]), state)
        except CommandError as error:
            return re.sub(r"'[^']*'", "…", error.message)
    return None


def _acts(action: Action) -> bool:
    return nature(Step(tool_call(action.tool, action.args), ToolResult("ok", {}))) != "read"


def _line(action: Action) -> str:
    rest = " ".join(str(v) for v in action.args.values())
    return rest if action.tool == "send_command" and rest else f"@{action.tool} {rest}"
