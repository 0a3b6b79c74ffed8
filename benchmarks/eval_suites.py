"""Draw the cases of the suites `core` and `novel` from the phrasebook again.

    python benchmarks/eval_suites.py [FOLDER]

Writes `core.jsonl` (phrasings that no training row is made of, a few of each family) and `novel.jsonl` (the
phrasings of the families that the suite holds out) to FOLDER, by default the package's own. Kept are cases
whose right calls succeed in the simulator, or are stopped there by a prerequisite that is missing. A changed
suite needs a new version: `python -m enactor.evaluate.versions`.
"""

import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

import enactor.evaluate
from enactor.curate import Funnel, make_row
from enactor.curate.certificate import family_of
from enactor.curate.rows import Action, Row
from enactor.curate.synthesize import tool_action
from enactor.evaluate import cases_of
from enactor.evaluate.score import play
from enactor.trace.values import Message
from enactor.world.phrasebook import Template, templates

CORE_EACH = 10
NOVEL = ("smithing", "camera")
NOVEL_EACH = 50
TRIES = 6


def line_of(action: Action) -> str:
    """An action as a suite's file writes it."""
    if action.tool == "send_command":
        return str(action.args["command"])
    words = [",".join(value) if isinstance(value, list) else str(value) for value in action.args.values()]
    return " ".join((f"@{action.tool}", *words))


def history(messages: tuple[Message, ...]) -> list[dict]:
    turns: list[dict] = []
    for message in messages:
        if message.role == "user":
            turns.append({"user": message.content})
        elif message.tool_calls:
            turns[-1]["do"] = [line_of(Action(c.tool, c.parsed or {})) for c in message.tool_calls]
        elif message.role == "assistant":
            turns[-1]["said"] = message.content
    return turns


def entry(row: Row, number: int) -> dict | None:
    """The row as an entry of a suite, or None where it is no clear case."""
    if row.say and not row.expect:
        return None
    if any("loops" in action.args for action in row.expect):
        return None  # a routine that changes nothing any more ends before its last round
    lines = [line_of(action) for action in row.expect]
    if any(tool_action(line) != a for line, a in zip(lines, row.expect, strict=True) if line[0] == "@"):
        return None
    [case] = cases_of([row])
    reference = play(case)
    if reference.status not in ("ok", "blocked", "needs_confirmation"):
        return None
    if reference.status == "blocked" and len(lines) > 1:
        return None
    found = {
        "id": f"{row.group}-{number}",
        "say": row.message,
        "do": lines,
        "state": dict(case.state),
        "family": row.family,
        "kind": row.kind,
        "template": row.template,
    }
    if reference.status != "ok":
        found["ends"] = reference.status
    if row.history:
        found["history"] = history(row.history)
    return found


def draw(chosen: Iterable[Template], count: int, rng: random.Random) -> list[dict]:
    left = sorted(chosen, key=lambda template: template.key)
    rng.shuffle(left)
    made: list[dict] = []
    blocked = 0
    for template in left:
        for _ in range(TRIES):
            row = make_row(template, rng, Funnel())
            found = row and entry(row, len(made) + 1)
            if found and ("ends" not in found or blocked < count // 5):
                blocked += "ends" in found
                made.append(found)
                break
        if len(made) == count:
            break
    return made


def write(path: Path, entries: list[dict]) -> None:
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), "utf-8")
    print(f"{path}: {len(entries)} cases, {sum('ends' in e for e in entries)} meant to be stopped")


def main(folder: Path) -> None:
    everything = templates()
    families = sorted({template.group.family for template in everything})
    core: list[dict] = []
    for family in families:
        held_out = [t for t in everything if t.held_out and t.group.family == family]
        core += draw(held_out, CORE_EACH, random.Random(f"core {family}"))
    write(folder / "core.jsonl", core)
    novel: list[dict] = []
    for family in NOVEL:
        wanted = [t for t in everything if t.group.do and not t.group.before and families_of(t) == {family}]
        novel += draw(wanted, NOVEL_EACH, random.Random(f"novel {family}"))
    write(folder / "novel.jsonl", novel)


def families_of(template: Template) -> set[str]:
    """The command families of a phrasing's calls."""
    lines = [line.split("{")[0].strip() for line in template.group.do]
    return {
        family_of(tool_action(line) if line[0] == "@" else Action("send_command", {"command": line}))
        for line in lines
    }


if __name__ == "__main__":
    shipped = Path(enactor.evaluate.__file__).parent / "suites"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped)
