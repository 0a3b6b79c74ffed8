"""Rows of older schema versions, brought up to date when they are read. Files are never rewritten for it.

A new version is one more function at the end of `MIGRATIONS`; those before it stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from enactor.trace.hashing import canonical_json
from enactor.trace.ledger import judge
from enactor.trace.values import Json, Step, ToolCall, ToolResult

Row = dict[str, Json]
Migration = Callable[[Row], Row]


class RowError(ValueError):
    """A row that is no trace: the record's mistake, for the caller to count by its message."""


def version_of(row: Mapping[str, Json], newest: int) -> int:
    """The schema version of a row: 0 where another program wrote it (it then has no `enactor` part).
    Raises RowError for a version that is none, or newer than `newest`."""
    version = row.get("schema", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise RowError("the schema version is no number")
    if version > newest:
        raise RowError(f"schema {version} is newer than {newest}")
    return version if "enactor" in row else 0


def up_to_date(row: Mapping[str, Json], migrations: Sequence[Migration] | None = None) -> Row:
    """The row in the newest version: migration n makes version n + 1 of version n. The given row is left as
    it is. Raises RowError as `version_of` and the migrations do."""
    chain = MIGRATIONS if migrations is None else migrations
    version, current = version_of(row, len(chain)), dict(row)
    for migration in chain[version:]:
        current = migration(current)
    return {**current, "schema": len(chain)}


def _from_another_writer(row: Row) -> Row:
    """Version 0, the log of the program that this one replaces: no schema, no `enactor` part, results of any
    form, no verdict but its own guess. The ledger judges it anew."""
    given = _part(row, "input")
    run = _part(row, "execution_trace")
    message = given.get("user_message")
    if not isinstance(message, str):
        raise RowError("no message of the player")
    calls = [_call_with_all_keys(call) for call in run.get("tool_calls") or ()]
    steps = tuple(_step(call) for call in calls)
    reply = run.get("response") or ""
    if not isinstance(reply, str):
        raise RowError("the response is no text")
    verdict = judge(message, (), steps, reply)
    return {
        **row,
        "input": {**given, "user_message": message},
        "execution_trace": {**run, "tool_calls": calls, "response": reply},
        "enactor": {
            "outcome": verdict.outcome,
            "model_outcome": verdict.model_outcome,
            "steps": [
                {
                    "arguments": step.call.arguments,
                    "parse_error": None,
                    "origin": "raw",
                    "status": step.result.status,
                    "lowered": None,
                }
                for step in steps
            ],
            "outputs": [],
            "history": [],
            "state_before": given.get("game_state"),
            "player": "",
            "latency_ms": 0.0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "meta": {},
        },
    }


MIGRATIONS: tuple[Migration, ...] = (_from_another_writer,)
"""Append only: the n-th makes version n + 1 of version n."""

SCHEMA = len(MIGRATIONS)
"""The version that is written."""


def _part(row: Row, key: str) -> Row:
    part = row.get(key) or {}
    if not isinstance(part, dict):
        raise RowError(f"wrong shape: {key} is no object")
    return part


def _call_with_all_keys(call: Any) -> Row:
    if not isinstance(call, dict) or not isinstance(call.get("tool"), str):
        raise RowError("wrong shape: a call without its tool")
    args, result = call.get("args") or {}, call.get("result")
    return {
        "tool": call["tool"],
        "args": args if isinstance(args, dict) else {"value": args},
        "result": result if isinstance(result, dict) else {"value": result},
        "latency_ms": call.get("latency_ms") or 0.0,
    }


def _step(call: Row) -> Step:
    result = call["result"]
    bad = bool(result.get("error")) or result.get("success") is False or result.get("found") is False
    return Step(
        ToolCall(call["tool"], canonical_json(call["args"]), call["args"]),
        ToolResult("error" if bad else "ok", result, None, call["latency_ms"]),
    )
