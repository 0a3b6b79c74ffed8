"""What a trainer is to learn from one row, before it takes any trainer's form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from enactor.curate.export.lowered import lowered_messages
from enactor.curate.export.unfit import Unfit
from enactor.curate.rows import Row
from enactor.prompt import SYSTEM
from enactor.trace.values import Message

Operands = Literal["said", "lowered"]
OPERANDS: tuple[Operands, ...] = get_args(Operands)


@dataclass(frozen=True, slots=True)
class Example:
    """After `prompt`, the system turn first, comes `chosen`: the one turn that is trained on. `rejected` is a
    turn that is liked less, where there is one, and `reason` says what is wrong with it."""

    prompt: tuple[Message, ...]
    chosen: Message
    rejected: Message | None = None
    reason: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation, the right answer last."""
        return (*self.prompt, self.chosen)


def from_row(row: Row, operands: Operands = "said") -> Example:
    """The row with its operands in the player's words, or `lowered` to what the plugin takes, then with the
    plan's state header. Raises `Unfit` for a row that has no lowered form."""
    messages = row.messages() if operands == "said" else lowered_messages(row)
    return Example(*_with_system(messages))


def from_pair(prompt: Sequence[Message], chosen: Message, rejected: Message, reason: str) -> Example:
    """A preference pair. Raises `Unfit` where both turns say the same, or one holds a call that could not be
    read: the forms have no place for it."""
    if (chosen.content, chosen.tool_calls) == (rejected.content, rejected.tool_calls):
        raise Unfit("both turns are the same")
    if any(call.parsed is None for turn in (chosen, rejected) for call in turn.tool_calls):
        raise Unfit("a call that could not be read")
    whole, chosen = _with_system([*prompt, chosen])
    return Example(whole, chosen, rejected, reason)


def _with_system(messages: list[Message]) -> tuple[tuple[Message, ...], Message]:
    if messages[0].role != "system":
        messages = [Message("system", SYSTEM), *messages]
    *prompt, answer = messages
    return tuple(prompt), answer
