"""A case: a request in a state, and the calls that are right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.curate.rows import Action, Row
from enactor.trace import content_hash
from enactor.trace.values import Message


@dataclass(frozen=True, slots=True)
class Case:
    """`expect` empty means that no call is right. `state` is a case state; `history` as the model sees it."""

    id: str
    message: str
    state: Mapping[str, Any]
    expect: tuple[Action, ...] = ()
    history: tuple[Message, ...] = ()
    family: str = ""
    kind: str = ""


def cases_of(rows: Iterable[Row]) -> list[Case]:
    """Rows whose right calls are known by their canonical names, as cases."""
    return [
        Case(
            id=content_hash({"message": row.message, "state": row.state, "group": row.group}),
            message=row.message,
            state={k: v for k, v in row.state.items() if k != "active_loop"},  # a start state runs nothing
            expect=row.expect,
            history=row.history,
            family=row.family,
            kind=row.kind,
        )
        for row in rows
        if row.expect or not (row.say or row.failed)
    ]


def suite_hash(cases: Sequence[Case]) -> str:
    """Identity of a list of cases in order."""
    return content_hash([[c.id, [[a.tool, a.args] for a in c.expect]] for c in cases])
