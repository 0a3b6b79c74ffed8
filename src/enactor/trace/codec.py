"""Traces to rows of the training log, and back.

A row has every key that other readers of the log expect; what they have no place for (raw arguments, history,
both outcomes) stands beside it under `enactor`, so that our own rows come back exactly. Rows of others lack
that part and are read as far as they go.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from enactor.trace.hashing import canonical_json, content_hash
from enactor.trace.ledger import NatureOf, declared_nature, judge, task_type
from enactor.trace.values import Json, Message, Step, ToolCall, ToolResult, Trace

SCHEMA = 1


class RowError(ValueError):
    """A row that is no trace: the record's mistake, for the caller to count by its message."""


def trace_hash(trace: Trace) -> str:
    """The identity of a trace: the hash of all its fields."""
    return content_hash(asdict(trace))


def to_row(trace: Trace, nature: NatureOf = declared_nature) -> dict[str, Json]:
    """The row of a trace, every key present. `id` is the content hash; `nature` decides the task type."""
    calls = [
        {
            "tool": step.call.tool,
            "args": None if step.call.parsed is None else dict(step.call.parsed),
            "result": dict(step.result.content),
            "latency_ms": step.result.latency_ms,
        }
        for step in trace.steps
    ]
    turns = sum(message.role == "user" for message in trace.history)
    return {
        "schema": SCHEMA,
        "id": trace_hash(trace),
        "timestamp": trace.timestamp,
        "source": trace.source,
        "input": {
            "user_message": trace.message,
            "task_type": task_type(trace.steps, nature),
            "game_state": _game_state(trace.state_before),
            "history_summary": f"{turns} prior messages" if turns else None,
        },
        "expected_actions": [{"tool": call["tool"], "args": call["args"]} for call in calls],
        "execution_trace": {
            "tool_calls": calls,
            "response": trace.reply,
            "state_after": _copy(trace.state_after),
        },
        "quality": {
            "success": trace.outcome in ("executed", "answered"),
            "had_errors": any(step.result.status != "ok" for step in trace.steps),
            "described_instead_of_executed": trace.outcome == "described",
            "human_rating": None,
        },
        "enactor": {
            "outcome": trace.outcome,
            "model_outcome": trace.model_outcome,
            "steps": [
                {
                    "arguments": step.call.arguments,
                    "parse_error": step.call.parse_error,
                    "origin": step.call.origin,
                    "status": step.result.status,
                    "lowered": step.result.lowered,
                }
                for step in trace.steps
            ],
            "outputs": list(trace.outputs),
            "history": [_message_row(message) for message in trace.history],
            "state_before": _copy(trace.state_before),
            "player": trace.player,
            "latency_ms": trace.latency_ms,
            "prompt_tokens": trace.prompt_tokens,
            "completion_tokens": trace.completion_tokens,
            "meta": dict(trace.meta),
        },
    }


def from_row(row: Mapping[str, Json], missing: Counter[str] | None = None) -> Trace:
    """The trace of a row. A missing key is taken as null and counted in `missing` by its dotted name; a row
    of another writer (no `enactor` part) is judged by the ledger. Raises RowError for a row without the
    player's message, of a wrong shape, or of a newer schema."""
    counts: Counter[str] = Counter() if missing is None else missing
    try:
        schema = row.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise RowError(f"schema {schema} is newer than {SCHEMA}")
        return _read(row, counts)
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise RowError(f"wrong shape: {error!r}") from error


def _read(row: Mapping[str, Json], counts: Counter[str]) -> Trace:
    given = _get(row, "input", counts) or {}
    run = _get(row, "execution_trace", counts) or {}
    quality = _get(row, "quality", counts) or {}
    message = _get(given, "user_message", counts, "input")
    if not isinstance(message, str):
        raise RowError("no message of the player")
    for part, keys, name in (
        (row, ("id", "timestamp", "source", "expected_actions"), ""),
        (given, ("task_type", "game_state", "history_summary"), "input"),
        (run, ("tool_calls", "response", "state_after"), "execution_trace"),
        (quality, ("success", "had_errors", "described_instead_of_executed", "human_rating"), "quality"),
    ):
        for key in keys:
            _get(part, key, counts, name)
    ours = row.get("enactor")
    calls = run.get("tool_calls") or []
    reply = run.get("response") or ""
    common: dict[str, Any] = {
        "message": message,
        "reply": reply,
        "state_after": run.get("state_after"),
        "timestamp": row.get("timestamp") or "",
        "source": row.get("source") or "",
    }
    if ours is None:
        steps = tuple(_foreign_step(call) for call in calls)
        verdict = judge(message, (), steps, reply)
        return Trace(
            **common,
            steps=steps,
            outcome=verdict.outcome,
            model_outcome=verdict.model_outcome,
            state_before=given.get("game_state"),
        )
    if len(ours["steps"]) != len(calls):
        raise RowError("the calls and their details differ in number")
    return Trace(
        **common,
        outcome=ours["outcome"],
        model_outcome=ours["model_outcome"],
        steps=tuple(_step(call, detail) for call, detail in zip(calls, ours["steps"], strict=True)),
        outputs=tuple(ours["outputs"]),
        history=tuple(_message(entry) for entry in ours["history"]),
        state_before=ours["state_before"],
        player=ours["player"],
        latency_ms=ours["latency_ms"],
        prompt_tokens=ours["prompt_tokens"],
        completion_tokens=ours["completion_tokens"],
        meta=ours["meta"],
    )


def _get(part: Mapping[str, Json], key: str, counts: Counter[str], prefix: str = "") -> Json:
    if key not in part:
        counts[f"{prefix}.{key}" if prefix else key] += 1
    return part.get(key)


def _step(call: Mapping[str, Json], detail: Mapping[str, Json]) -> Step:
    return Step(
        ToolCall(call["tool"], detail["arguments"], call["args"], detail["parse_error"], detail["origin"]),
        ToolResult(detail["status"], call["result"], detail["lowered"], call["latency_ms"]),
    )


def _foreign_step(call: Mapping[str, Json]) -> Step:
    args = call.get("args") or {}
    result = call.get("result")
    content = result if isinstance(result, Mapping) else {"value": result}
    bad = bool(content.get("error")) or content.get("success") is False or content.get("found") is False
    return Step(
        ToolCall(call["tool"], canonical_json(args), args),
        ToolResult("error" if bad else "ok", content, None, call.get("latency_ms") or 0.0),
    )


def _message_row(message: Message) -> dict[str, Json]:
    calls = [asdict(call) for call in message.tool_calls]
    return {"role": message.role, "content": message.content, "tool_calls": calls}


def _message(entry: Mapping[str, Json]) -> Message:
    return Message(entry["role"], entry["content"], tuple(ToolCall(**call) for call in entry["tool_calls"]))


def _copy(state: Mapping[str, Json] | None) -> dict[str, Json] | None:
    return None if state is None else dict(state)


def _game_state(state: Mapping[str, Json] | None) -> dict[str, Json] | None:
    """The log's short form of a state, from the plugin's shape or a case's; what is unknown is null."""
    if state is None:
        return None
    player = state.get("player")
    if not isinstance(player, Mapping):
        held = state.get("inventory")
        used = (
            len(held)
            if isinstance(held, Sequence) and not isinstance(held, str)
            else state.get("inventory_used")
        )
        return {"location": state.get("location"), "health": state.get("health"), "inventory_used": used}
    at, health, items = (player.get(key) for key in ("location", "health", "inventory"))
    slots = items.get("items") if isinstance(items, Mapping) else None
    return {
        "location": [at.get("x"), at.get("y"), at.get("plane", 0)] if isinstance(at, Mapping) else None,
        "health": [health.get("current"), health.get("max")] if isinstance(health, Mapping) else None,
        "inventory_used": sum(bool(slot) for slot in slots) if isinstance(slots, Sequence) else None,
    }
