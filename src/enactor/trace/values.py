"""The record of one request as frozen values. No storage ids, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Json = Any  # what json.loads returns
Role = Literal["system", "user", "assistant", "tool"]
Origin = Literal["raw", "repaired", "forced", "direct", "recovered"]
Status = Literal["ok", "error", "needs_confirmation", "blocked"]
Outcome = Literal["executed", "described", "claimed", "asked", "answered", "refused", "failed"]
TaskType = Literal["simple_command", "loop_command", "multi_step", "status_query", "conversation"]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as it was emitted.

    `arguments` is the raw argument text (a JSON object in the hermes dialect); `parsed` is its value, or None
    with `parse_error` set when it could not be read. `origin` says who is to be credited: the strict parser
    (`raw`), the repair ladder, a grammar, the player who typed the command (`direct`), or the controller that
    made a failed step good (`recovered`).
    """

    tool: str
    arguments: str
    parsed: Mapping[str, Json] | None = None
    parse_error: str | None = None
    origin: Origin = "raw"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came back from a call: `content` is what the model sees, `lowered` the command line that the
    plugin got (None for tools other than `send_command` and for calls that were never dispatched)."""

    status: Status
    content: Mapping[str, Json]
    lowered: str | None = None
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """A call with its result."""

    call: ToolCall
    result: ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. Assistant turns keep their calls, tool turns their result text in
    `content`."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """One request from the player's words to the reply.

    `outputs` are the model's raw texts, one per model turn. `model_outcome` is the ledger's verdict on them
    before any repair, `outcome` after. `player` is a salted hash or empty.
    """

    message: str
    reply: str
    outcome: Outcome
    model_outcome: Outcome
    steps: tuple[Step, ...] = ()
    outputs: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    state_before: Mapping[str, Json] | None = None
    state_after: Mapping[str, Json] | None = None
    timestamp: str = ""
    source: str = "enactor"
    player: str = ""
    latency_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    meta: Mapping[str, Json] = field(default_factory=dict)
