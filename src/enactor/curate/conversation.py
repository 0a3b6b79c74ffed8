"""Rows in the middle of a conversation: earlier turns that have nothing to do with the request.

Most requests come after others. A model that has seen a history only where it matters takes every history for
the matter, and repeats the calls in it.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from enactor.agent import Toolbox
from enactor.curate.rows import Row
from enactor.prompt import step_messages, tool_call
from enactor.sim import Simulator
from enactor.trace.values import Message, Step, ToolResult
from enactor.world import CommandError, GameState, lower, parse

SHARE = 0.4  # of the rows that may have earlier turns
_TURNS = (1, 1, 1, 2, 2, 3)
_REMEMBERED = 256  # rows of all kinds that an earlier turn is drawn from
_PLAYED = 0.25  # of the earlier turns; the rest went well
# A history decides these: it is theirs already, or it would answer what is missing.
_DECIDED = frozenset({"followup", "correction", "protest", "ask"})


def converse(rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """The rows in the same order, a share of them with other rows' turns before."""
    pool = [row for row in rows if not row.history and not row.failed]
    return [_amid(row, pool, rng, SHARE) for row in rows]


class Conversations:
    """The same for rows that come one after another: the turns before are those of rows that came before."""

    def __init__(self, share: float, rng: random.Random) -> None:
        self._share = share
        self._rng = rng
        self._pool: list[Row] = []

    def amid(self, row: Row) -> Row:
        """The row, or the row in the middle of a conversation."""
        found = _amid(row, self._pool, self._rng, self._share)
        if not row.history and not row.failed:
            if len(self._pool) < _REMEMBERED:
                self._pool.append(row)
            else:
                self._pool[self._rng.randrange(_REMEMBERED)] = row
        return found


def _amid(row: Row, pool: Sequence[Row], rng: random.Random, share: float) -> Row:
    if row.history or row.failed or row.kind in _DECIDED or len(pool) < 2 or rng.random() >= share:
        return row
    others = [other for other in rng.sample(pool, min(rng.choice(_TURNS), len(pool))) if other is not row]
    return replace(row, history=tuple(message for other in others for message in _turn(other, rng)))


def _turn(row: Row, rng: random.Random) -> tuple[Message, ...]:
    """A row as an earlier turn: its words, and its calls with results, or its reply."""
    words = Message("user", row.message)
    if not row.say:
        return (words, Message("assistant", row.reply))
    return (words, *step_messages(_played(row) if rng.random() < _PLAYED else _went_well(row)))


def _played(row: Row) -> tuple[Step, ...]:
    """With the results that the simulator gives in the row's own state, up to the first failure."""
    toolbox = Toolbox(Simulator(seed=0, start=row.state))
    steps: list[Step] = []
    for action in row.say:
        call = tool_call(action.tool, action.args)
        if steps and steps[-1].result.status != "ok":
            steps.append(Step(call, toolbox.skip(call)))
        else:
            steps.append(Step(call, toolbox.call(call)))
    return tuple(steps)


def _went_well(row: Row) -> tuple[Step, ...]:
    state = GameState.from_case(row.state)
    steps = []
    for action in row.say:
        lowered = None
        if action.tool == "send_command":
            line = str(action.args["command"])
            try:
                lowered = lower(parse(line), state).render()
            except CommandError:
                lowered = line
        steps.append(Step(tool_call(action.tool, action.args), ToolResult("ok", {}, lowered)))
    return tuple(steps)
