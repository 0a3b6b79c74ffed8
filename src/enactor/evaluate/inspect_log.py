"""A run in the log format of Inspect (inspect.aisi.org.uk, JSON, version 2), so that its viewer opens it.

Written without the package: the form is plain, and a test reads it back with Inspect's own reader where that
is installed. One file a policy; a sample's epoch is the trial and one.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enactor.evaluate.folder import RunFolder, slug
from enactor.evaluate.metrics import Figure, figures
from enactor.evaluate.plays import Play
from enactor.trace import content_hash

SCORER = "enactor"


def write_logs(folder: RunFolder, names: Sequence[str]) -> list[Path]:
    """Write `inspect/TIME_SUITE_POLICY.json` for each policy; the paths."""
    target = folder.path / "inspect"
    target.mkdir(exist_ok=True)
    written = []
    for name in names:
        began = str(folder.head["started"])
        stamp = began.replace(":", "-")
        path = target / f"{stamp}_{slug(folder.head['suite'])}_{slug(name).replace('_', '-')}.json"
        made = log(folder.head, name, folder.plays(name))
        text = json.dumps(made, ensure_ascii=False, default=str) + "\n"
        path.write_bytes(text.encode("utf-8", "replace"))  # Inspect's reader takes no lone surrogates
        written.append(path)
    return written


def log(head: Mapping[str, Any], policy: str, plays: Sequence[Play]) -> dict[str, Any]:
    """The log as one JSON object."""
    identity = content_hash([head["hash"], policy, head["policies"].get(policy), head["started"]])[3:25]
    trials = 1 + max((play.trial for play in plays), default=0)
    items = sorted({play.item for play in plays})
    usage = _usage(plays)
    source = head.get("source")
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": identity,
            "run_id": content_hash([head["hash"], head["started"]])[3:25],
            "created": head["started"],
            "task": f"enactor/{head['suite']}",
            "task_id": content_hash(head["hash"])[3:25],
            "task_version": head["version"],
            "task_attribs": {},
            "task_args": {"suite": head["suite"], "hash": head["hash"]},
            "dataset": {
                "name": head["suite"],
                "samples": len(items),
                "sample_ids": items,
                "shuffled": False,
            },
            "model": f"enactor/{policy}",
            "model_args": head["policies"].get(policy, {}),
            "config": {"epochs": trials},
            "packages": {"enactor": head["enactor"]},
            "revision": {"type": "git", "origin": "", "commit": source["commit"]} if source else None,
            "metadata": {"world": head["world"], "standing": head["standings"].get(policy, "uncertified")},
        },
        "plan": {"name": "plan", "steps": [{"solver": "enactor/controller", "params": {}}]},
        "results": {
            "total_samples": len(plays),
            "completed_samples": len(plays),
            "scores": [_results(figures(plays))],
        },
        "stats": {
            "started_at": head["started"],
            "completed_at": head["started"],
            "model_usage": {f"enactor/{policy}": usage},
        },
        "samples": [_sample(play, policy) for play in plays],
    }


def _results(found: Mapping[str, Figure]) -> dict[str, Any]:
    metrics = {
        key: {
            "name": key,
            "value": one.value,
            "params": {},
            "metadata": {"low": one.low, "high": one.high, "n": one.n},
        }
        for key, one in found.items()
    }
    return {"name": "passed", "scorer": SCORER, "params": {}, "metrics": metrics}


def _sample(play: Play, policy: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [_message(play, "input", "user", play.message)]
    calls = [_call(play, number, step) for number, step in enumerate(play.steps)]
    texts = [str(one["text"]) for one in play.asked]
    first = _message(play, "answer", "assistant", texts[0] if texts else "")
    messages.append({**first, "source": "generate", **({"tool_calls": calls} if calls else {})})
    for call, step in zip(calls, play.steps, strict=True):
        told = json.dumps({"status": step["status"], **step["said"]}, ensure_ascii=False, default=str)
        messages.append(
            {
                **_message(play, f"result-{call['id']}", "tool", told),
                "tool_call_id": call["id"],
                "function": call["function"],
            }
        )
    messages.append(_message(play, "reply", "assistant", play.reply))
    choice = {"message": messages[-1], "stop_reason": "stop"}
    score = {
        "value": "C" if play.passed else "I",
        "answer": "; ".join(play.got) or "no call",
        "explanation": _explained(play),
        "metadata": {"progress": play.progress, "logprob": play.logprob, **dict(play.score or {})},
    }
    return {
        "id": play.item,
        "epoch": play.trial + 1,
        "input": play.message,
        "target": list(play.expected) or ["no call"],
        "messages": messages,
        "output": {
            "model": f"enactor/{policy}",
            "choices": [choice],
            "completion": play.reply,
            "usage": _usage([play]),
            "time": play.latency_ms / 1000,
        },
        "scores": {"passed": score},
        "metadata": {
            "task": play.task,
            "family": play.family,
            "kind": play.kind,
            "group": play.group,
            "tags": list(play.tags),
            "state": play.state,
            "state_after": play.state_after,
            "asked": [{key: one[key] for key in one if key != "tokens"} for one in play.asked],
        },
        "model_usage": {f"enactor/{policy}": _usage([play])},
        "total_time": play.latency_ms / 1000,
    }


def _message(play: Play, part: str, role: str, content: str) -> dict[str, Any]:
    return {"id": f"{play.item}-{play.trial}-{part}", "role": role, "content": content}


def _call(play: Play, number: int, step: Mapping[str, Any]) -> dict[str, Any]:
    call = {"id": f"{play.item}-{play.trial}-{number}", "function": step["tool"] or "unreadable"}
    try:
        arguments = json.loads(step["arguments"])
    except ValueError as error:
        return {**call, "arguments": {}, "parse_error": str(error), "type": "function"}
    return {**call, "arguments": arguments if isinstance(arguments, dict) else {}, "type": "function"}


def _explained(play: Play) -> str:
    told = [f"outcome {play.outcome}; expected {'; '.join(play.expected) or 'no call'}"]
    if play.open:
        told.append(f"does not hold: {'; '.join(play.open)}")
    if play.broken:
        told.append(f"forbidden, and held: {'; '.join(play.broken)}")
    return ". ".join(told)


def _usage(plays: Sequence[Play]) -> dict[str, int]:
    read = sum(play.prompt_tokens for play in plays)
    written = sum(play.completion_tokens for play in plays)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
