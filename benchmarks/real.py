"""The requests that a real player wrote, by one model or more: outcomes, and what was right.

    python benchmarks/real.py ../shared/real [model ...]

Reads bot conversations (`conversations_*.jsonl`), takes each distinct message once with the turn before it
as history, and runs `enactor predict` on it. What is right was labelled by hand and stands in
`data/real_labels.json` by content hash; an entry lists the acceptable lists of calls (a tool alone stands for
any arguments). Prints no player's text.
"""

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from enactor.agent.deferred import commands_of
from enactor.agent.later import plain_form
from enactor.evaluate import Rate
from enactor.serve.opening import open_engine, system_turn
from enactor.serve.predict import Predictor, predict_file
from enactor.settings import load_settings
from enactor.trace import content_hash
from enactor.world import CommandError, GameState, preferred

STATE = {
    "location": [3204, 3176, 0],
    "health": [35, 35],
    "inventory": ["Cowhide", "Cowhide", "Cowhide", "Raw beef", "Cowhide", "Tuna", "Tuna", "Tuna", "Tuna"],
    "equipment": {"weapon": "Iron scimitar"},
    "skills": {"attack": 39, "strength": 38, "defence": 20, "hitpoints": 35},
}
OUTCOMES = ("executed", "described", "claimed", "asked", "answered", "refused", "failed")


def cases(folder: Path) -> dict[str, dict]:
    """Distinct messages as cases, by content hash, in the order of the files."""
    found: dict[str, dict] = {}
    for path in sorted(folder.glob("conversations_*.jsonl")):
        before: list[dict] = []
        requests: dict[str, dict] = {}
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            request = requests.get(row["request_id"])
            if row["type"] == "request":
                requests[row["request_id"]] = {"said": row["message"], "calls": [], "reply": ""}
                key = content_hash(row["message"])
                case = {"id": key, "message": row["message"], "history": list(before), "state": STATE}
                found.setdefault(key, {**case, "day": path.stem.rpartition("_")[2]})
            elif request and row["type"] == "tool_call":
                request["calls"].append({"tool": row["tool"], "args": row["arguments"]})
            elif request and row["type"] == "response":
                before = [{"role": "user", "content": request["said"]}]
                answer = {"role": "assistant", "content": (row["response"] or "").strip() or "Done."}
                before.append({**answer, "tool_calls": request["calls"]} if request["calls"] else answer)
    return found


def is_right(calls: list[dict], accept: list[list[str]]) -> bool:
    """Whether the calls that were decided on, without those that mended a failed step, are one of the
    acceptable lists."""
    calls = [call for call in calls if not call.get("recovered")]
    return any(len(calls) == len(wanted) and all(map(_same, calls, wanted)) for wanted in accept)


def _same(call: dict, wanted: str) -> bool:
    if not wanted.startswith("@"):
        return call["tool"] == "send_command" and preferred(str(call["args"].get("command"))) == preferred(
            wanted
        )
    tool, _, field = wanted[1:].partition(" ")
    if tool == "defer":
        condition, _, command = field.partition(" do ")
        return call["tool"] == tool and _later(call["args"]) == _later(
            {"condition": condition, "command": command}
        )
    return call["tool"] == tool and (not field or field in (call["args"].get("fields") or [field]))


def _later(args: dict) -> dict:
    """What is kept for later, names lowered; as it stands where it cannot be read."""
    plain = plain_form(args)
    try:
        lines = commands_of(str(args.get("command") or ""), GameState.from_case(STATE))
    except CommandError:
        return plain
    return {**plain, "command": "; ".join(lines)}


def shown(calls: list[dict]) -> str:
    """Calls without anything that the player wrote but names and numbers."""
    return "; ".join(
        str(c["args"].get("command"))
        if c["tool"] == "send_command"
        else f"@{c['tool']} {c['args'].get('fields', '')}"
        for c in calls
    )


def main(folder: str, *models: str) -> None:
    labels = json.loads((Path(__file__).parent / "data/real_labels.json").read_text("utf-8"))
    found = cases(Path(folder))
    print(f"{len(found)} distinct requests, {sum(key in labels for key in found)} labelled")
    for model in models or ("base", "default"):
        settings = load_settings({"model": model})
        with tempfile.TemporaryDirectory() as scratch, open_engine(settings, slots=1) as engine:
            file, out = Path(scratch) / "cases.jsonl", Path(scratch) / "predictions.jsonl"
            rows = [{k: v for k, v in case.items() if k != "day"} for case in found.values()]
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            summary = predict_file(Predictor(engine, system_turn(model)), file, out, slots=1)
            predictions = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        print(f"\n{model}: first dispatch {summary['first_dispatch_ms']}, peak {summary['peak_rss_mb']} MB")
        for day in sorted({case["day"] for case in found.values()}):
            mine = [p for p in predictions if found[p["id"]]["day"] == day]
            counts = Counter(p["outcome"] for p in mine)
            right = [is_right(p["calls"], labels[p["id"]]["accept"]) for p in mine if p["id"] in labels]
            line = ", ".join(f"{name} {counts[name]}" for name in OUTCOMES if counts[name])
            share = Rate(sum(right), len(right))
            print(f"  {day}: {len(mine)} requests: {line}; wholly right {share} of {share.n}")
        for p in predictions:
            if p["id"] in labels and not is_right(p["calls"], labels[p["id"]]["accept"]):
                wanted = " or ".join("; ".join(w) or "no call" for w in labels[p["id"]]["accept"])
                print(
                    f"    {p['id'][:12]} {p['outcome']}: {shown(p['calls']) or 'no call'} | wanted {wanted}"
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
