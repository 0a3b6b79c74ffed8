"""From what was found to a row of the store: judged by the ledger, with its origin and its success."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from enactor.ingest.found import Ready, Turn
from enactor.ingest.said import what_was_said
from enactor.trace import Feedback, Trace, canonical_json, declared_nature, judge, to_row, trace_hash
from enactor.trace.values import Json, Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """A line for the store. `origin` is set only where the row itself may not hold it."""

    identity: str
    timestamp: str
    line: bytes
    feedback: Feedback | None = None
    origin: Mapping[str, Json] | None = None


def finish(found: Turn | Ready, file: str, kind: str, player: str = "") -> Row:
    """The row of what stands in `file`. `player` is the salted hash of the person."""
    origin = {"file": file, "hash": found.identity, "kind": kind, "line": found.line}
    if isinstance(found, Ready):
        if found.own:
            noted = {"trace": found.identity, **origin}
            return Row(found.identity, found.trace.timestamp, line_of(found.trace), found.feedback, noted)
        trace = replace(found.trace, meta={**found.trace.meta, "origin": origin})
        about = found.feedback and replace(found.feedback, trace=trace_hash(trace))
        return Row(found.identity, trace.timestamp, line_of(trace), about)
    return Row(found.identity, found.timestamp, line_of(trace_of(found, origin, player)))


def trace_of(turn: Turn, origin: Mapping[str, Json], player: str = "") -> Trace:
    """The judged trace of a turn. `meta.success` is what results and the next words say: true, false, or
    null where the record has nothing to tell it by; `meta.success_by` names the evidence."""
    verdict = judge(turn.message, (), turn.steps, turn.reply)
    success, why = succeeded(turn, verdict.outcome)
    return Trace(
        message=turn.message,
        reply=turn.reply,
        outcome=verdict.outcome,
        model_outcome=verdict.model_outcome,
        steps=turn.steps,
        history=turn.history,
        timestamp=turn.timestamp,
        source=turn.source,
        player=player,
        meta={**turn.meta, "origin": origin, "success": success, "success_by": why},
    )


def succeeded(turn: Turn, outcome: Outcome) -> tuple[bool | None, str]:
    """Whether a turn of that outcome did what was asked, and by what evidence.

    A person's denial wins over everything, then what the results say: the last acting call must have been
    taken, and nothing was cut short. A person's praise cannot make a success of a turn that did nothing.
    """
    said = None
    if turn.said_next is not None:
        said = what_was_said(turn.message, turn.said_next, turn.seconds_later)
    if outcome not in ("executed", "answered"):
        return False, f"outcome: {outcome}"
    if said is not None and said[0] == "disputed":
        return False, f"next words: {said[1]}"
    acting = [step for step in turn.steps if declared_nature(step) != "read"]
    if acting and acting[-1].result.status != "ok":
        return False, "results: the last call failed"
    if turn.interrupted:
        return False, "interrupted"
    if turn.meta.get("result_unknown"):
        return None, "results: not recorded"
    if said is not None:
        return True, f"next words: {said[1]}"
    if not turn.steps:
        return None, "no call"
    return True, "results"


def line_of(trace: Trace) -> bytes:
    """The row as a line. Where the evidence of success was weighed, the row says what came of it."""
    row: dict[str, Any] = to_row(trace)
    if "success_by" in trace.meta:
        row["quality"]["success"] = trace.meta["success"]
    return (canonical_json(row) + "\n").encode("utf-8", "backslashreplace")
