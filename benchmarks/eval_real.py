"""A player's recorded requests as a folder of cases for `enactor eval real`.

    python benchmarks/eval_real.py ../shared/real /tmp/real-cases
    enactor eval real --cases /tmp/real-cases --policy default --policy rules

Takes the requests of `benchmarks/real.py` whose right calls stand in `data/real_labels.json`, but those where
a tool with any arguments is right, which a case cannot say. The folder holds what the player wrote: keep it
out of the repository.
"""

import json
import sys
from pathlib import Path

from real import STATE, cases


def entry(case: dict, accept: list[list[str]]) -> dict | None:
    """The request as an entry of a suite; None where a label has no arguments to compare."""
    if any(c[0] == "@" and " " not in c and c not in WHOLE for calls in accept for c in calls):
        return None
    turns: list[dict] = []
    for turn in case["history"]:
        if turn["role"] == "user":
            turns.append({"user": turn["content"]})
        elif turn.get("tool_calls"):
            turns[-1]["do"] = [line(call) for call in turn["tool_calls"]]
        else:
            turns[-1]["said"] = turn["content"]
    made = {"id": case["id"], "say": case["message"], "do": accept[0], "state": STATE, "tags": [case["day"]]}
    return {**made, **({"or": accept[1:]} if accept[1:] else {}), **({"history": turns} if turns else {})}


WHOLE = ("@check_health", "@start_runelite", "@restart_runelite", "@list_routines")
"""Tools that take no arguments that matter."""


def line(call: dict) -> str:
    if call["tool"] == "send_command":
        return str(call["args"].get("command", ""))
    values = [",".join(v) if isinstance(v, list) else str(v) for v in call["args"].values()]
    return " ".join((f"@{call['tool']}", *values))


def main(folder: str, out: str) -> None:
    labels = json.loads((Path(__file__).parent / "data/real_labels.json").read_text("utf-8"))
    found = cases(Path(folder))
    entries = [entry(case, labels[key]["accept"]) for key, case in found.items() if key in labels]
    kept = [one for one in entries if one]
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in kept)
    (target / "cases.jsonl").write_text(text, "utf-8")
    print(f"{len(kept)} of {len(found)} distinct requests written to {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
