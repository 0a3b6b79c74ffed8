"""Traces to rows of the training log, and back.

A row has every key that other readers of the log expect; what they have no place for (raw arguments, history,
both outcomes) stands beside it under `enactor`, so that our own rows come back exactly. Rows of others lack
that part and are read as far as they go.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args

from enactor.trace.hashing import content_hash
from enactor.trace.ledger import NatureOf, declared_nature, task_type
from enactor.trace.migrations import SCHEMA, RowError, up_to_date
from enactor.trace.values import (
    OUTCOMES,
    Json,
    Message,
    Origin,
    Status,
    Step,
    ToolCall,
    ToolResult,
    Trace,
)

T = TypeVar("T")
ORIGINS: tuple[Origin, ...] = get_args(Origin)
STATUSES: tuple[Status, ...] = get_args(Status)


def trace_hash(trace: Trace) -> str:
    """The identity of a trace: the hash of all its fields."""
    return content_hash(_fields(trace))


def _fields(value: Any) -> Any:
    """What `dataclasses.asdict` gives, without its copies of what is plain already."""
    if isinstance(value, tuple):
        return [_fields(item) for item in value]
    names = _NAMES.get(type(value))
    if names is None:
        names = tuple(field.name for field in fields(value)) if is_dataclass(value) else ()
        _NAMES[type(value)] = names
    return {name: _fields(getattr(value, name)) for name in names} if names else value


_NAMES: dict[type, tuple[str, ...]] = {}  # of each type met: its fields, none for what is no dataclass


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
    """The trace of a row of any version up to `SCHEMA`. A missing key is taken as null and counted in
    `missing` by its dotted name; a row of another writer (no `enactor` part) is judged by the ledger. Raises
    RowError for a row without the player's message, of a wrong shape, or of a newer schema."""
    try:
        if missing is not None:
            _count_missing(row, missing)
        return _read(up_to_date(row))
    except (TypeError, KeyError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, RowError):
            raise
        raise RowError(f"wrong shape: {error!r}") from error


_KEYS = {
    "": ("id", "timestamp", "source", "input", "expected_actions", "execution_trace", "quality"),
    "input": ("user_message", "task_type", "game_state", "history_summary"),
    "execution_trace": ("tool_calls", "response", "state_after"),
    "quality": ("success", "had_errors", "described_instead_of_executed", "human_rating"),
}


def _count_missing(row: Mapping[str, Json], counts: Counter[str]) -> None:
    for name, keys in _KEYS.items():
        part = row if not name else row.get(name) or {}
        counts.update(f"{name}.{key}" if name else key for key in keys if key not in part)


def _read(row: Mapping[str, Json]) -> Trace:
    """The trace of a row of the newest version."""
    given, run, ours = (row.get(key) or {} for key in ("input", "execution_trace", "enactor"))
    message, reply = given.get("user_message"), run.get("response") or ""
    if not isinstance(message, str):
        raise RowError("no message of the player")
    if not isinstance(reply, str):
        raise RowError("the response is no text")
    calls = run.get("tool_calls") or []
    if len(ours["steps"]) != len(calls):
        raise RowError("the calls and their details differ in number")
    return Trace(
        message=message,
        reply=reply,
        outcome=_one_of(OUTCOMES, ours["outcome"]),
        model_outcome=_one_of(OUTCOMES, ours["model_outcome"]),
        steps=tuple(_step(call, detail) for call, detail in zip(calls, ours["steps"], strict=True)),
        outputs=tuple(ours["outputs"]),
        history=tuple(_message(entry) for entry in ours["history"]),
        state_before=ours["state_before"],
        state_after=run.get("state_after"),
        timestamp=str(row.get("timestamp") or ""),
        source=str(row.get("source") or ""),
        player=ours["player"],
        latency_ms=ours["latency_ms"],
        prompt_tokens=ours["prompt_tokens"],
        completion_tokens=ours["completion_tokens"],
        meta=ours["meta"],
    )


def _one_of(known: Sequence[T], value: Json) -> T:
    if value not in known:
        raise RowError(f"wrong shape: {str(value)[:40]!r} is none of {', '.join(map(str, known))}")
    return known[known.index(value)]


def _step(call: Mapping[str, Json], detail: Mapping[str, Json]) -> Step:
    return Step(
        ToolCall(
            call["tool"],
            detail["arguments"],
            call["args"],
            detail["parse_error"],
            _one_of(ORIGINS, detail["origin"]),
        ),
        ToolResult(
            _one_of(STATUSES, detail["status"]), call["result"], detail["lowered"], call["latency_ms"]
        ),
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
