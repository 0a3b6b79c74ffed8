"""Records for the page: what is shown of a trace, and texts without what turns the reading direction."""

from collections.abc import Mapping
from typing import Any

from enactor.serve.plain import plain
from enactor.serve.record import trace_record
from enactor.trace import Trace


def shown(trace: Trace) -> dict[str, Any]:
    """What the page shows of a trace on a click: calls with results, the model's texts, the ledger."""
    from enactor.serve.label.view import show_trace

    whole = show_trace(trace)
    return {key: whole[key] for key in ("steps", "outputs", "outcome", "model_outcome", "evidence", "calls")}


def compared(trace: Trace, *, blind: bool) -> dict[str, Any]:
    """One side of a comparison; a blind one without what could tell the model."""
    record = cleaned(trace_record(trace))
    if blind:
        for telling in ("latency_ms", "prompt_tokens", "completion_tokens"):
            del record[telling]
    return {"record": record, "detail": None if blind else shown(trace)}


def cleaned(value: Any) -> Any:
    """The value with every text in it `plain`."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {cleaned(key): cleaned(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(part) for part in value]
    return value
