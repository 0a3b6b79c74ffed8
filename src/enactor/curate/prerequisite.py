"""Rows of missing prerequisites: the call is made, the gate blocks it, the answer says what is missing.

The call and its result are the toolbox's own, in a state from which something was taken away; the answer is
the one that the controller composes from that result.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from enactor.agent import Toolbox, compose
from enactor.curate.rows import Row
from enactor.curate.synthesize import Funnel, make_row
from enactor.prompt import step_messages, tool_call
from enactor.sim import Simulator
from enactor.trace.values import Step
from enactor.world import COMMANDS, CommandError, GameState, check_needs, lower, parse
from enactor.world.phrasebook import Template
from enactor.world.state import read_stack

_TRIES = 400  # draws in a row that give nothing before it is given up
# Needs that the gate judges by the state; what stands near is the game's to judge.
_JUDGED = frozenset({"item", "by", "runes", "level", "space", "bank", "in_bank", "food", "dialogue"})


def prerequisite_rows(by_kind: Mapping[str, Sequence[Template]], rng: random.Random) -> Iterator[Row]:
    """Rows without end, or none where no request can be blocked. Verbs are drawn alike."""
    pool: dict[str, list[Template]] = {}
    for kind in ("simple", "loop", "multi"):
        for template in by_kind.get(kind, ()):
            verb = _needy(template)
            if verb:
                pool.setdefault(verb, []).append(template)
    verbs = sorted(pool)
    tries = _TRIES if verbs else 0
    while tries:
        row = make_row(rng.choice(pool[rng.choice(verbs)]), rng, Funnel())
        found = row and blocked(row)
        tries = _TRIES if found else tries - 1
        if found:
            yield found


def blocked(row: Row) -> Row | None:
    """The row with its calls blocked for something missing, and the answer that says so; None where nothing
    can be taken away that the gate would miss."""
    state = next((s for s in _poorer(row.state) if _lacks(row, s)), None)
    if state is None:
        return None
    toolbox = Toolbox(Simulator(seed=0, start=state))
    calls = [tool_call(action.tool, action.args) for action in row.say]
    result = toolbox.call(calls[0])
    if result.status != "blocked":
        return None
    steps = (Step(calls[0], result), *(Step(call, toolbox.skip(call)) for call in calls[1:]))
    if "open" in row.message.lower() and "an open bank" in compose(steps[:1]):
        return None  # the player says that the bank is open, and the state that it is not
    return replace(
        row,
        state=state,
        say=(),
        expect=(),
        reply=compose(steps),
        failed=step_messages(steps),
        meta={**row.meta, "blocked": True},
    )


def _needy(template: Template) -> str | None:
    """The verb of the first call, where it needs something that the gate looks at."""
    verb = template.group.do[0].split()[0] if template.group.do else ""
    spec = COMMANDS.get(verb)
    return verb if spec and any(need.kind in _JUDGED for need in spec.needs) else None


def _poorer(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The state as it is, then without one thing held after another, then with nothing held or worn."""
    yield dict(state)
    held = list(state.get("inventory", ()))
    for name in dict.fromkeys(read_stack(text).name for text in held):
        yield {**state, "inventory": [text for text in held if read_stack(text).name != name]}
    yield {**state, "inventory": [], "equipment": {}}


def _lacks(row: Row, state: Mapping[str, Any]) -> bool:
    """Whether the first call needs something that the state shows to be missing."""
    now = GameState.from_case(state)
    try:
        return bool(check_needs(lower(parse(str(row.say[0].args["command"])), now), now))
    except CommandError:
        return False
