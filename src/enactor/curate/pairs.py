"""Preference pairs: the right answer to a request, and a wrong one with what is wrong about it.

Wrong answers come from three places: rules on the right one (`rejected.py`), what recorded turns did before
they were mended (logs), and what a model says when it is sampled. A pair stands only if its rejected answer
is wrong: a text that the ledger judges as its reason says, or calls that lower to something else.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from enactor.curate.draft import Draft
from enactor.curate.files import replaced_together
from enactor.curate.relabel import RETRY
from enactor.curate.rows import Action, Row
from enactor.models.engine import Engine
from enactor.prompt import DIALECTS, SYSTEM, Dialect, escape, render_row, render_turn, tool_call
from enactor.trace import canonical_json, content_hash, judge
from enactor.trace.values import Message
from enactor.world import COMMANDS, CommandError, GameState, lower, parse, preferred

Reason = Literal[
    "described",
    "claimed",
    "wrong verb",
    "wrong operand",
    "unrequested action",
    "call where none was due",
    "left out",
    "no call",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
SCHEMA = 1

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An assistant's turn: text, or calls."""

    text: str = ""
    calls: tuple[Action, ...] = ()

    def render(self, dialect: Dialect) -> str:
        """As the model would write it."""
        return render_turn(escape(self.text), (tool_call(a.tool, a.args) for a in self.calls), dialect)


@dataclass(frozen=True, slots=True)
class Pair:
    """`row` is the request with its right answer; `origin` is `template`, `log` or `sampled`."""

    row: Row
    rejected: Answer
    reason: Reason
    origin: str

    @property
    def chosen(self) -> Answer:
        return Answer(self.row.reply, self.row.say)

    def texts(self, dialect: Dialect = DIALECTS["hermes"]) -> tuple[str, str, str]:
        """(prompt, chosen, rejected) as text: the prompt ends where the assistant's turn begins."""
        prompt = _prompt(self.row.messages()[:-1], dialect)
        return prompt, self.chosen.render(dialect), self.rejected.render(dialect)

    def to_json(self) -> dict[str, Any]:
        """The object that stands on the pair's line: the row, and what is rejected."""
        rejected = {
            "text": self.rejected.text,
            "calls": [{"tool": a.tool, "args": dict(a.args)} for a in self.rejected.calls],
        }
        return {
            "schema": SCHEMA,
            "reason": self.reason,
            "origin": self.origin,
            "row": self.row.to_json(),
            "rejected": rejected,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pair":
        """The inverse of `to_json`. Raises KeyError on a missing field."""
        rejected = data["rejected"]
        calls = tuple(Action(a["tool"], a["args"]) for a in rejected["calls"])
        return cls(
            Row.from_json(data["row"]), Answer(rejected["text"], calls), data["reason"], data["origin"]
        )


def log_pairs(finished: Iterable[tuple[Draft, Row]]) -> Iterator[Pair]:
    """Pairs from mended turns: what was recorded against what it should have been."""
    for draft, row in finished:
        if not draft.fixed:
            continue
        recorded = draft.trace
        text = recorded.outputs[0] if recorded.outputs else recorded.reply
        if recorded.outcome in ("described", "claimed") and text.strip():
            if RETRY in draft.fixed or recorded.outcome == "described":
                yield Pair(row, Answer(text), recorded.outcome, "log")
            continue
        calls = tuple(
            Action(step.call.tool, dict(step.call.parsed or {}))
            for step in recorded.steps
            if step.call.parsed is not None
        )
        reason = compare(row, calls)
        if calls and reason is not None:
            yield Pair(row, Answer(calls=calls), reason, "log")


def sampled_pairs(
    engine: Engine,
    rows: Iterable[Row],
    *,
    samples: int = 1,
    temperature: float = 0.7,
    seed: int = 0,
    dialect: Dialect = DIALECTS["hermes"],
    system: str = SYSTEM,
    max_tokens: int = 192,
) -> Iterator[Pair]:
    """Pairs from what a model says to the rows: its wrong answers, each different one once, and none that was
    cut off after `max_tokens`: it might have become right. `system` is the turn that tells the model of its
    tools; the pair itself is rendered with the tuned models' own. Raises what the engine raises."""
    for number, row in enumerate(rows):
        prompt = _prompt([Message("system", system), *row.messages()[:-1]], dialect)
        seen: set[str] = set()
        for sample in range(samples):
            done = engine.complete(
                prompt,
                max_tokens=max_tokens,
                temperature=temperature,
                seed=seed + number * samples + sample,
            )
            text = done.text
            if text in seen or not done.stopped:
                continue
            seen.add(text)
            turn = dialect.parse(text)
            readable = turn.well_formed and bool(turn.calls)
            calls = tuple(Action(c.tool, dict(c.parsed or {})) for c in turn.calls) if readable else ()
            reason = compare(row, calls) if readable else judge_text(row, text)
            if reason is not None:
                yield Pair(row, Answer(calls=calls) if readable else Answer(text), reason, "sampled")


def compare(row: Row, calls: Sequence[Action]) -> Reason | None:
    """What is wrong with calls as an answer to the row; None when they come to the same."""
    if not row.say:
        return "call where none was due"
    state = GameState.from_case(row.state)
    right, made = _lowered(row.expect or row.say, state), _lowered(calls, state)
    if made == right or made == _lowered(row.say, state):
        return None
    if len(made) > len(right) and all(line in made for line in right):
        return "unrequested action"
    if len(made) < len(right) and all(line in right for line in made):
        return "left out"
    heads = [[line.split()[0] for line in lines] for lines in (right, made)]
    return "wrong operand" if heads[0] == heads[1] else "wrong verb"


def write_pairs(path: Path, pairs: Iterable[Pair]) -> tuple[str, Counter[str]]:
    """Write the pairs, each once; returns the content hash of the lines in order, and the counts by
    `reason` and by `origin: reason`. The file appears whole; raises `EnactorError` where it cannot be
    written."""
    lines: list[str] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for pair in pairs:
        line = canonical_json(pair.to_json())
        if (key := content_hash(line)) in seen:
            continue
        seen.add(key)
        lines.append(line)
        counts[pair.reason] += 1
        counts[f"{pair.origin}: {pair.reason}"] += 1
    with replaced_together() as beside:
        beside(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return content_hash(lines), counts


def _prompt(messages: Sequence[Message], dialect: Dialect) -> str:
    segments = render_row(messages, dialect=dialect)
    return "".join(segment.text for segment in segments) + "<|im_start|>assistant\n"


def judge_text(row: Row, text: str) -> Reason | None:
    """What is wrong with a text in the place of the row's answer."""
    outcome = judge(row.message, [text], (), text, verbs=COMMANDS).outcome
    if outcome in ("described", "claimed"):
        return outcome
    return "no call" if row.say else None


def _lowered(calls: Sequence[Action], state: GameState) -> Lines:
    """Calls as comparable lines; one that does not lower as it is."""
    lines = []
    for action in calls:
        if action.tool != "send_command":
            lines.append(f"@{action.tool} {canonical_json(dict(action.args))}")
            continue
        line = str(action.args.get("command", ""))
        try:
            line = preferred(lower(parse(line), state).render())
        except CommandError:
            line = line or "nothing"
        lines.append(line)
    return tuple(lines)
