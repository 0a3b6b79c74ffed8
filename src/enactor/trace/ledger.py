"""The ledger: one outcome for every turn, decided against what was really dispatched.

What was dispatched decides first, then what parses as a call in the text, and phrases only where no acting
call was made. The order of the rules and their reasons: `docs/ledger.md`. The phrases and shapes are data
(`data/ledger.yaml`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from enactor.trace.rules import LISTED, Rules, ledger_data
from enactor.trace.rules import rules as compiled
from enactor.trace.values import Outcome, Step, TaskType

Nature = Literal["read", "act", "loop"]
NatureOf = Callable[[Step], Nature]

_TRAINING_BLOCK = re.compile(r"<tool_call>.*?</tool_call>", re.DOTALL)
_FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_MARKUP = re.compile(r"\*\*|__|^#+\s*", re.MULTILINE)
_LONGEST = 1000
"""Characters of a sentence that are judged: what is longer is no prose."""
_CALL_NAME = ("name", "tool", "function", "tool_name", "action")
_CALL_ARGS = ("arguments", "args", "parameters", "input", "params", "command", "action_input", "tool_input")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`model_outcome` is what the model did by itself, `outcome` what the turn came to after repair.
    `evidence` names each rule that decided and the words or the call it decided on, model's first."""

    model_outcome: Outcome
    outcome: Outcome
    evidence: tuple[str, ...]


def declared_nature(step: Step) -> Nature:
    """What a call does by the ledger's own lists: enough for records from elsewhere. The controller passes a
    function made from the declared commands instead. A verb that ends in `_LOOP` loops."""
    tools, verbs, prefixes = _reads()
    if step.call.tool != "send_command":
        return "read" if step.call.tool in tools else "act"
    verb = _verb(step)
    if verb in verbs or verb.startswith(prefixes):
        return "read"
    return "loop" if verb.endswith("_LOOP") else "act"


@cache
def _reads() -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
    """What only looks: tools, verbs, and what such a verb begins with."""
    data = ledger_data()
    return frozenset(data["reads"]), frozenset(data["read_verbs"]), tuple(data["read_prefixes"])


def task_type(steps: Sequence[Step], nature: NatureOf = declared_nature) -> TaskType:
    """The training log's task type, from the calls that were made: any loop is a `loop_command`, several
    acting calls are `multi_step`, one is a `simple_command`, reads alone a `status_query`, none a
    `conversation`. A loop among other acting calls is `multi_step`."""
    natures = [nature(step) for step in steps]
    acting = [n for n in natures if n != "read"]
    if len(acting) > 1:
        return "multi_step"
    if acting:
        return "loop_command" if acting[0] == "loop" else "simple_command"
    return "status_query" if natures else "conversation"


def judge(
    message: str,
    outputs: Sequence[str],
    steps: Sequence[Step],
    reply: str,
    *,
    nature: NatureOf = declared_nature,
    verbs: Iterable[str] = (),
) -> Verdict:
    """Judge one turn.

    `outputs` are the model's raw texts (empty where a record does not keep them: then the reply stands in),
    `steps` the calls in order with their results, `reply` what the player read. `verbs` adds declared verbs
    to the ledger's own list. Pure; never raises for what a model wrote.
    """
    rules = compiled(tuple(sorted(set(verbs))))
    text = "\n".join(outputs) if outputs else reply
    own = [
        step
        for step in steps
        if step.call.origin not in ("repaired", "recovered") and step.call.parse_error is None
    ]
    if own:
        text = _TRAINING_BLOCK.sub("", text)
    model, why_model = _judge(message, text, own, rules, nature)
    if len(own) == len(steps):
        return Verdict(model, model, why_model)
    outcome, why = _judge(message, _TRAINING_BLOCK.sub("", text), steps, rules, nature)
    if outcome == "answered" and model in ("described", "claimed"):
        outcome = model  # the repaired call only looked: the act that was described is still undone
    return Verdict(model, outcome, (*why_model, *why))


def _judge(
    message: str, text: str, steps: Sequence[Step], rules: Rules, nature: NatureOf
) -> tuple[Outcome, tuple[str, ...]]:
    acting = [step for step in steps if nature(step) != "read"]
    reads = [step for step in steps if nature(step) == "read"]
    if acting:
        evidence = tuple(f"call: {_named(step)} {step.result.status}" for step in acting)
        if any(step.result.status == "ok" for step in acting):
            return "executed", evidence
        if all(step.result.status == "needs_confirmation" for step in acting):
            return "asked", evidence
        return "failed", evidence
    looked = [step for step in reads if step.result.status == "ok"]
    outcome, why = _judge_text(message, text, bool(looked), rules)
    evidence = (*(f"call: {_named(step)} {step.result.status}" for step in reads), why)
    if outcome in ("answered", "refused") and reads and not looked:
        return "failed", evidence
    if outcome == "failed" and looked and why == "text: empty":
        return "answered", evidence
    return outcome, evidence


def _judge_text(message: str, text: str, looked: bool, rules: Rules) -> tuple[Outcome, str]:
    """The verdict on a turn in which nothing acted. `looked`: a read succeeded in it."""
    text, message = text.replace("’", "'"), message.replace("’", "'")
    if not text.strip():
        return "failed", "text: empty"
    asked_something = rules.first("question", message) is not None
    seeking = rules.first("looking", message) is not None
    if (why := rules.first("notices", text)) is not None:
        return ("failed" if asked_something and looked else "described"), why
    marker = rules.first("markers", text)
    bare = rules.without_markers(text)
    if (why := _call_in(bare, message, rules)) is not None:
        return "described", why
    if marker is not None:
        return "claimed", marker
    statements, questions = _sentences(bare, rules)
    if (
        not (looked and seeking and not asked_something)
        and (why := rules.only("done", statements)) is not None
    ):
        return "claimed", why
    if looked and not statements and questions:
        return "asked", f"asks.bare: {questions[0][:60]!r}"
    if (why := rules.first("errors", "\n".join(statements))) is not None:
        return ("failed" if looked else "refused"), why
    if looked and (asked_something or (seeking and rules.first("acting", message) is None)):
        return "answered", "text: after a look"
    return _judge_prose(bare, message, statements, questions, asked_something, looked, rules)


def _judge_prose(
    text: str,
    message: str,
    statements: list[str],
    questions: list[str],
    asked_something: bool,
    looked: bool,
    rules: Rules,
) -> tuple[Outcome, str]:
    """The verdict on prose that answers no question from a look at the game."""
    groups = ["claims"] if asked_something else ["claims", "reports"]
    if not asked_something and not looked:
        groups.append("states")
    for group in groups:
        if (why := rules.claim(group, statements)) is not None:
            return "claimed", why
    if (why := rules.first("unclear", text) or rules.first("asks", "\n".join(questions))) is not None:
        return "asked", why
    forbids = rules.first("forbids", message) is not None
    request = not (asked_something or forbids) and rules.first("chat", message) is None
    said = "\n".join(statements)
    if not forbids:
        if (why := rules.first("refusals", said)) is not None:
            return "refused", why
        if request and (why := rules.first("offers", "\n".join(questions))) is not None:
            return "asked", why
        if request and (why := rules.first("absences", said)) is not None:
            return "refused", why
    if not forbids and (why := rules.claim("promises", statements)) is not None:
        return "claimed", why
    if not asked_something and (why := rules.first("asks", said)) is not None:
        return "asked", why
    if questions and not statements:
        return "asked", f"asks.bare: {questions[0][:60]!r}"
    if text.rstrip(" )*_\"'").endswith("?") and (why := rules.demand(questions[-1:])) is not None:
        return "asked", why
    pretended = rules.claim("hints", statements) or rules.pretence(statements)
    if request and not looked and pretended is not None:
        return "claimed", pretended
    return "answered", "text: neither call, claim, question nor refusal"


def _call_in(text: str, message: str, rules: Rules) -> str | None:
    """Why the text holds a call, or None."""
    if (found := _json_call(text, rules)) is not None:
        return f"shapes.json: {found[:80]!r}"
    text = _FENCE.sub("", text)
    for shape in rules.shapes:
        if not shape.soft and (match := shape.pattern.search(text)) is not None:
            return f"shapes.{shape.name}: {match[0].strip()[:80]!r}"
    if rules.first("asks_about_commands", message) is not None:
        return None
    asked_something = rules.first("question", message) is not None
    explaining = False
    for line in text.split("\n"):
        listed = bool(re.match(r"^\s*(?:[-*•>`]|\d+[.)]|\s{2,}\S|$)", line))
        here = rules.first("explains", line) is not None
        explaining = here or (explaining and (listed or not line.strip()))
        for shape in rules.shapes:
            if not shape.soft or explaining:
                continue
            if (match := shape.pattern.search(line)) is None:
                continue
            if shape.request and (asked_something or _undone(line, match, rules)):
                continue
            if shape.told and (rules.claim("claims", [line]) or rules.claim("reports", [line])):
                continue
            return f"shapes.{shape.name}: {match[0].strip()[:80]!r}"
        explaining = explaining or line.rstrip().endswith("like:")
    return None


def _undone(line: str, command: re.Match[str], rules: Rules) -> bool:
    around = (line[: command.start()], line[command.end() :])
    return any(rules.first("undone", part) is not None for part in around)


def _json_call(text: str, rules: Rules) -> str | None:
    """The first JSON object in the text that is a call: a name with arguments, or a lone command of a
    verb."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict) and _is_call(value, rules):
            return text[at:end]
        at = text.find("{", at + 1)
    return None


def _is_call(value: Mapping[str, Any], rules: Rules) -> bool:
    if isinstance(value.get("function"), dict):
        value = value["function"]
    named = any(isinstance(value.get(key), str) and value[key] for key in _CALL_NAME)
    if any(isinstance(inner, str) and rules.verb.match(inner) for inner in value.values()):
        return True
    if any(rules.tool.fullmatch(key) and isinstance(inner, dict | str) for key, inner in value.items()):
        return True
    return named and any(key in value for key in _CALL_ARGS)


def _sentences(text: str, rules: Rules) -> tuple[list[str], list[str]]:
    """Statements and questions, markup taken off. An item of a list is one of either; a courtesy behind the
    last comma ("…, what next?") is a question of its own."""
    lines = [line.strip() for line in _MARKUP.sub("", text).split("\n")]
    parts = [part for line in lines for part in ([line] if LISTED.match(line) else _SENTENCE.split(line))]
    spoken = [part[:_LONGEST] for part in parts if re.search(r"\w", part)]
    statements = [part for part in spoken if not part.endswith("?")]
    questions = [part for part in spoken if part.endswith("?")]
    for question in questions:
        said, comma, tag = question.rpartition(",")
        if comma and rules.first("courtesies", tag) is not None:
            statements.append(said)
    return statements, questions


def _verb(step: Step) -> str:
    command = step.result.lowered or (step.call.parsed or {}).get("command")
    words = str(command or "").split()
    return words[0].upper() if words else ""


def _named(step: Step) -> str:
    return f"{step.call.tool or 'unreadable'} {_verb(step)}".strip()
