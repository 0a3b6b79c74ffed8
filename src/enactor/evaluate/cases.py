"""A case: a request in a state, and the calls that are right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.curate.rows import Action, Row
from enactor.trace import content_hash
from enactor.trace.values import Message, Status


@dataclass(frozen=True, slots=True)
class Case:
    """`expect` empty means that no call is right. `state` is a case state; `history` as the model sees it.

    `accept` are other lists of calls that are as right. `ends` is how the last right call is answered: `ok`,
    or what the gate or the game is meant to say to it. Cases with one `group` say the same in other words.
    `template` is the key of the phrasing that the case was made from, empty for one written by hand.
    """

    id: str
    message: str
    state: Mapping[str, Any]
    expect: tuple[Action, ...] = ()
    history: tuple[Message, ...] = ()
    family: str = ""
    kind: str = ""
    accept: tuple[tuple[Action, ...], ...] = ()
    ends: Status = "ok"
    group: str = ""
    tags: tuple[str, ...] = ()
    template: str = ""

    @property
    def answers(self) -> tuple[tuple[Action, ...], ...]:
        """Every list of calls that is right, the preferred one first."""
        return (self.expect, *self.accept)


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
            template=row.template,
        )
        for row in rows
        if row.expect or not (row.say or row.failed)
    ]


def suite_hash(cases: Sequence[Case]) -> str:
    """Identity of a list of cases in order: all that a policy is shown and judged by."""
    return content_hash([_identity(case) for case in cases])


def _identity(case: Case) -> list[Any]:
    return [
        case.id,
        case.message,
        dict(case.state),
        [[m.role, m.content, [[c.tool, c.arguments] for c in m.tool_calls]] for m in case.history],
        [[[a.tool, dict(a.args)] for a in answer] for answer in case.answers],
        case.ends,
        case.group,
    ]
