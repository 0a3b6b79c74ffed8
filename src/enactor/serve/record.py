"""A trace as the doors show it to programs."""

from typing import Any

from enactor.trace import Step, Trace


def call_record(step: Step) -> dict[str, Any]:
    """`{"tool", "args", "origin", "status"}`; the command in `args` is the lowered one where there is one. A
    call that the controller made to mend a failed step is `repaired` here, for the form knows four origins,
    and has `"recovered": true` besides."""
    args = dict(step.call.parsed or {})
    if step.call.tool == "send_command" and step.result.lowered is not None:
        args["command"] = step.result.lowered
    recovered = step.call.origin == "recovered"
    return {
        "tool": step.call.tool,
        "args": args,
        "origin": "repaired" if recovered else step.call.origin,
        "status": step.result.status,
        **({"recovered": True} if recovered else {}),
    }


def trace_record(trace: Trace) -> dict[str, Any]:
    """What one request came to: `calls` (all of them, reads too, in order), `reply`, `outcome`, `latency_ms`,
    `prompt_tokens`, `completion_tokens`."""
    return {
        "calls": [call_record(step) for step in trace.steps],
        "reply": trace.reply,
        "outcome": trace.outcome,
        "latency_ms": round(trace.latency_ms, 3),
        "prompt_tokens": trace.prompt_tokens,
        "completion_tokens": trace.completion_tokens,
    }
