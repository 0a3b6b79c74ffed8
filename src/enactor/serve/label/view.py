"""What the page gets to see, as objects that JSON can hold.

Texts of players, models and the game lose what would steer a terminal or turn the reading direction; the page
sets them as text, never as markup.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from enactor.curate.rows import Action
from enactor.serve.label.calls import Line, emitted, write_calls
from enactor.serve.label.labels import Label, Labels
from enactor.serve.label.queue import Entry, Sign
from enactor.serve.label.rows import state_of
from enactor.serve.plain import plain
from enactor.trace import Trace, canonical_json, judge
from enactor.trace.values import Message, Step, ToolCall
from enactor.world import COMMANDS, GameState

SUGGESTED_TAGS = (
    "wrong verb",
    "wrong operand",
    "not asked for",
    "should have asked",
    "game's fault",
    "unclear",
)
_LONG = 4000


def show_entry(entry: Entry, signs: list[Sign], labels: Labels, annotator: str) -> dict[str, Any]:
    """An entry of the queue, with what the annotator said of it."""
    mine = labels.by(annotator, entry.id)
    return {
        "id": entry.id,
        "message": plain(" ".join(entry.message.split()))[:200],
        "outcome": entry.outcome,
        "timestamp": entry.timestamp[:19].replace("T", " "),
        "signs": show_signs(signs),
        "labelled": mine is not None,
        "rating": mine.rating if mine else None,
        "fulfilled": mine.fulfilled if mine else None,
    }


def show_trace(trace: Trace) -> dict[str, Any]:
    """What the page shows of a trace. `calls` is the text that a correction begins with: what was decided at
    first, without the second try after an error."""
    decided = trace.meta.get("decided")
    first = trace.steps[:decided] if isinstance(decided, int) else trace.steps
    verdict = judge(trace.message, trace.outputs, trace.steps, trace.reply, verbs=COMMANDS)
    return {
        "message": plain(trace.message),
        "timestamp": trace.timestamp[:19].replace("T", " "),
        "source": plain(trace.source),
        "state": _state(state_of(trace)),
        "history": [_turn(message) for message in trace.history],
        "steps": [_step(step) for step in trace.steps],
        "outputs": [plain(text)[:_LONG] for text in trace.outputs],
        "reply": plain(trace.reply)[:_LONG],
        "outcome": trace.outcome,
        "model_outcome": trace.model_outcome,
        "evidence": [plain(line) for line in verdict.evidence],
        "calls": write_calls(emitted(first)),
    }


def _step(step: Step) -> dict[str, Any]:
    error = step.result.content.get("error")
    return {
        "written": plain(_written(step.call))[:_LONG],
        "lowered": plain(step.result.lowered or ""),
        "origin": step.call.origin,
        "status": step.result.status,
        "parse_error": plain(step.call.parse_error or ""),
        "error": plain(str(error)) if error else "",
        "result": plain(canonical_json(step.result.content))[:_LONG],
    }


def _written(call: ToolCall) -> str:
    if call.parsed is None:
        return f"{call.tool}({call.arguments})"
    return write_calls([Action(call.tool, call.parsed)])


def _turn(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "text": plain(message.content)[:_LONG],
        "calls": [plain(_written(call))[:_LONG] for call in message.tool_calls],
    }


def _state(state: GameState) -> list[dict[str, str]]:
    """What is known of the player: `name`, `text`, and where that is long, `short` to stand for it."""
    rows: list[tuple[str, object]] = []
    if state.health is not None:
        rows.append(("health", f"{state.health[0]} of {state.health[1]}"))
    if state.location is not None:
        rows.append(("location", ", ".join(map(str, state.location))))
    if state.in_combat:
        rows.append(("fighting", state.in_combat))
    if state.active_loop:
        rows.append(("doing", state.active_loop))
    if state.equipment:
        rows.append(("wears", ", ".join(map(str, state.equipment.values()))))
    if state.inventory is not None:
        counts: Counter[str] = Counter()
        for stack in state.inventory:
            counts[stack.name] += stack.quantity
        held = ", ".join(name if n == 1 else f"{name} ×{n}" for name, n in counts.items())
        rows.append((f"holds {len(state.inventory)} of 28", held or "nothing"))
    if state.bank:
        banked = [name if n == 1 else f"{name} ×{n}" for name, n in state.bank.items()]
        rows.append(("in the bank", ", ".join(banked)))
    if not state.client_running:
        rows.append(("client", "off"))
    short = {"in the bank": f"{len(state.bank or ())} kinds of items"}
    return [
        {"name": name, "text": plain(str(text))[:_LONG], "short": short.get(name, "")} for name, text in rows
    ]


def show_signs(signs: Iterable[Sign]) -> list[dict[str, str]]:
    """Name and sentence of each."""
    return [{"name": sign.name, "text": sign.text} for sign in signs]


def show_label(label: Label) -> dict[str, Any]:
    """A label as the page takes it back."""
    return {
        "annotator": plain(label.annotator),
        "rating": label.rating,
        "fulfilled": label.fulfilled,
        "calls": None if label.calls is None else plain(write_calls(label.calls)),
        "reply": plain(label.reply),
        "tags": [plain(tag) for tag in label.tags],
        "note": plain(label.note),
        "timestamp": label.timestamp[:19].replace("T", " "),
    }


def show_line(line: Line) -> dict[str, Any]:
    """A judged line of a correction."""
    return {
        "text": line.text,
        "ok": line.action is not None,
        "error": line.error,
        "nearest": line.nearest,
        "candidates": list(line.candidates),
        "lowered": line.lowered,
        "warning": line.warning,
        "notes": list(line.notes),
    }


def show_known_tags(labels: Labels) -> list[str]:
    """The tags in use, the most frequent first, then those that are suggested."""
    used = Counter(tag for of in labels.of.values() for label in of.values() for tag in label.tags)
    return list(dict.fromkeys((*(tag for tag, _ in used.most_common(20)), *SUGGESTED_TAGS)))
