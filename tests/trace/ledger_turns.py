"""Labelled turns for the ledger, made up and real, and the table of how well it does on them.

The made-up turns are split by their hash: on the `tuned` side the rules may be corrected, the `held` side is
only counted. Real turns are read where `../shared/real` is; their labels are kept by content hash without the
text.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from enactor.trace.hashing import content_hash
from enactor.trace.ledger import judge
from enactor.trace.values import OUTCOMES, Outcome, Step, ToolCall, ToolResult

HERE = Path(__file__).parent
REAL = Path(__file__).parents[3] / "shared" / "real"
Side = Literal["tuned", "held"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn and its label. `model` is the outcome before repair; None where nobody can say."""

    key: str
    message: str
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    reply: str
    want: Outcome
    model: Outcome | None

    @property
    def side(self) -> Side:
        return "held" if int(self.key.removeprefix("h1:"), 16) % 2 else "tuned"


@dataclass(slots=True)
class Table:
    """Counts of (label, verdict), and the turns on which they differ."""

    pairs: Counter[tuple[Outcome, Outcome]] = field(default_factory=Counter)
    misses: list[tuple[Turn, Outcome, str]] = field(default_factory=list)

    def right(self, outcome: Outcome) -> int:
        return self.pairs[outcome, outcome]

    def said(self, outcome: Outcome) -> int:
        return sum(n for (_, verdict), n in self.pairs.items() if verdict == outcome)

    def labelled(self, outcome: Outcome) -> int:
        return sum(n for (want, _), n in self.pairs.items() if want == outcome)

    def precision(self, outcome: Outcome) -> float:
        return self.right(outcome) / self.said(outcome) if self.said(outcome) else 1.0

    def recall(self, outcome: Outcome) -> float:
        return self.right(outcome) / self.labelled(outcome) if self.labelled(outcome) else 1.0

    def lines(self) -> list[str]:
        """A Markdown table."""
        lines = ["| outcome | precision | recall | errors |", "|---|---|---|---|"]
        for outcome in OUTCOMES:
            right, said, labelled = self.right(outcome), self.said(outcome), self.labelled(outcome)
            lines.append(
                f"| {outcome} | {self.precision(outcome):.3f} ({right}/{said}) "
                f"| {self.recall(outcome):.3f} ({right}/{labelled}) | {said - right + labelled - right} |"
            )
        total = self.pairs.total()
        return [*lines, f"| all | {total - len(self.misses)} of {total} right | | {len(self.misses)} |"]


def step(tool: str, command: str | None, status: Any = "ok", origin: Any = "raw") -> Step:
    arguments = {} if command is None else {"command": command}
    return Step(ToolCall(tool, json.dumps(arguments), arguments, origin=origin), ToolResult(status, {}))


def made_up(name: str = "ledger_turns.yaml") -> list[Turn]:
    """The turns of a file of cases."""
    cases: list[dict[str, Any]] = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return [
        Turn(
            content_hash([case["m"], case.get("s", []), case["t"]]),
            case["m"],
            (case["t"],) if case["t"] else (),
            tuple(step(*entry) for entry in case.get("s", [])),
            case["t"],
            case["want"],
            case.get("model", case["want"]),
        )
        for case in cases
    ]


def real() -> list[Turn]:
    """The distinct labelled turns of the real records; empty where they are not."""
    labels: dict[str, Outcome] = json.loads((HERE / "ledger_labels.json").read_text(encoding="utf-8"))
    turns = {turn.key: turn for turn in _recorded(labels)}
    return list(turns.values())


def table(turns: Iterable[Turn]) -> Table:
    """Judge the turns."""
    done = Table()
    for turn in turns:
        verdict = judge(turn.message, turn.outputs, turn.steps, turn.reply)
        checks: Sequence[tuple[Outcome, Outcome]] = [(turn.want, verdict.outcome)]
        if turn.model not in (None, turn.want):
            checks = [*checks, (turn.model, verdict.model_outcome)]
        for want, got in checks:
            done.pairs[want, got] += 1
            if want != got:
                done.misses.append((turn, got, " ; ".join(verdict.evidence)))
    return done


def _recorded(labels: dict[str, Outcome]) -> Iterator[Turn]:
    for path in sorted(REAL.glob("conversations_*.jsonl")):
        turns: dict[str, list[dict[str, Any]]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            turns.setdefault(row["request_id"], []).append(row)
        for rows in turns.values():
            message = next((row["message"] for row in rows if row["type"] == "request"), None)
            if message is None:
                continue
            steps = []
            for row in rows:
                if row["type"] == "tool_call":
                    result = row["result"] if isinstance(row["result"], dict) else {}
                    bad = "error" in result or result.get("success") is False or result.get("found") is False
                    call = ToolCall(row["tool"], json.dumps(row["arguments"]), row["arguments"])
                    steps.append(Step(call, ToolResult("error" if bad else "ok", result)))
            reply = next((row["response"] for row in rows if row["type"] == "response"), "")
            key = content_hash([message, [[s.call.tool, s.call.arguments] for s in steps], reply])
            if key in labels:
                yield Turn(key, message, (), tuple(steps), reply, labels[key], None)
