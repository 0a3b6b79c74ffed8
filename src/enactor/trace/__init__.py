"""The record of a request: pure values, their rows on disk, the append-only store, and the ledger's verdict.

In: `Trace` values from the controller or an importer. Out: rows in the training-log format, content hashes,
and for every turn one outcome with its evidence (`judge`).
"""

from enactor.trace.codec import from_row, to_row, trace_hash
from enactor.trace.hashing import canonical_json, content_hash
from enactor.trace.ledger import Nature, Verdict, declared_nature, judge, task_type
from enactor.trace.migrations import SCHEMA, RowError
from enactor.trace.store import Feedback, OpenReport, ReadReport, TraceStore, with_player
from enactor.trace.values import OUTCOMES, Message, Outcome, Step, TaskType, ToolCall, ToolResult, Trace

__all__ = [
    "OUTCOMES",
    "SCHEMA",
    "Feedback",
    "Message",
    "Nature",
    "OpenReport",
    "Outcome",
    "ReadReport",
    "RowError",
    "Step",
    "TaskType",
    "ToolCall",
    "ToolResult",
    "Trace",
    "TraceStore",
    "Verdict",
    "canonical_json",
    "content_hash",
    "declared_nature",
    "from_row",
    "judge",
    "task_type",
    "to_row",
    "trace_hash",
    "with_player",
]
