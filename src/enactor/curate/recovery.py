"""Rows of recovery: a request whose first try the simulator really refused, and the calls that mend it.

The first try is the phrasebook's own answer, run in a state where it fails; the mend is a rule on what is
missing, kept only if the simulator then carries it out.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from enactor.agent import Toolbox
from enactor.curate.rows import Action, Row
from enactor.curate.synthesize import Funnel, make_row
from enactor.prompt import step_messages, tool_call
from enactor.sim import Simulator
from enactor.trace.values import Message, Step
from enactor.world.phrasebook import Template

_TRIES = 400  # draws in a row that give nothing before it is given up


def recovery_rows(by_kind: Mapping[str, Sequence[Template]], rng: random.Random) -> Iterator[Row]:
    """Rows without end, or none where no request can fail and be mended."""
    pool = [t for kind in ("simple", "loop", "multi") for t in by_kind.get(kind, ()) if _can_fail(t)]
    tries = _TRIES if pool else 0
    while tries:
        row = make_row(rng.choice(pool), rng, Funnel())
        mended = row and mend(row)
        tries = _TRIES if mended else tries - 1
        if mended:
            yield mended


def mend(row: Row) -> Row | None:
    """The row with its failed first try and the calls that put it right, or None when the first try works or
    no rule mends it."""
    toolbox = Toolbox(Simulator(seed=0, start=row.state))
    steps: list[Step] = []
    for index, action in enumerate(row.say):
        call = tool_call(action.tool, action.args)
        result = toolbox.settle(call, toolbox.call(call))
        steps.append(Step(call, result))
        if result.status != "ok":
            if result.status != "error" or not result.content.get("dispatched"):
                return None
            rest = row.say[index:]
            fix = _fix(str(result.lowered).split()[0], str(result.content.get("error", "")), rest[0])
            if not fix or not _works(toolbox, (*fix, *rest)):
                return None
            steps += [Step(c, toolbox.skip(c)) for c in (tool_call(a.tool, a.args) for a in rest[1:])]
            failed: tuple[Message, ...] = step_messages(tuple(steps))
            return replace(
                row,
                say=(*fix, *rest),
                expect=(),
                failed=failed,
                meta={**row.meta, "recovery": True},
            )
    return None


def _can_fail(template: Template) -> bool:
    return any(line.split()[0] in _FALLIBLE for line in template.group.do)


_FALLIBLE = frozenset(
    {"BANK_OPEN", "KILL_LOOP", "ATTACK_NPC", "COOK_ALL", "CHOP_TREE", "MINE_ORE", "FISH", "GE_OPEN", "GE_BUY"}
)


def _fix(verb: str, error: str, action: Action) -> tuple[Action, ...]:
    """What to do before the same call is tried again: go to where it can be done, or close what is in the
    way."""
    words = str(action.args.get("command", "")).split()
    if verb == "GOTO":
        return (_send("BANK_CLOSE"),) if "bank" in error.lower() else (_send("CLOSE_INTERFACE"),)
    place = _WHERE.get(verb)
    if place is None and verb in ("KILL_LOOP", "ATTACK_NPC") and len(words) > 1:
        place = words[1]
    return (_send(f"GOTO {place}"),) if place else ()


_WHERE = {
    "BANK_OPEN": "bank",
    "COOK_ALL": "range",
    "GE_OPEN": "grand_exchange",
    "GE_BUY": "grand_exchange",
    "CHOP_TREE": "trees",
    "FISH": "fishing_spot",
    "MINE_ORE": "mine",
}


def _send(command: str) -> Action:
    return Action("send_command", {"command": command})


def _works(toolbox: Toolbox, actions: Sequence[Action]) -> bool:
    for action in actions:
        call = tool_call(action.tool, action.args)
        if toolbox.settle(call, toolbox.call(call)).status != "ok":
            return False
    return True
