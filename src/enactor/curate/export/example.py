"""What a trainer is to learn from one row, before it takes any trainer's form."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from enactor.curate.export.lowered import lowered_calls, lowered_messages
from enactor.curate.export.unfit import Unfit
from enactor.curate.rows import Row
from enactor.prompt import SYSTEM, tool_call
from enactor.trace.values import Message

if TYPE_CHECKING:
    from enactor.curate.pairs import Pair

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


def from_pair(pair: "Pair", operands: Operands = "said") -> Example:
    """The pair's row with the rejected turn beside it. Raises `Unfit` as `from_row` does, and where both
    turns come to the same once lowered."""
    right = from_row(pair.row, operands)
    calls = tuple(tool_call(a.tool, a.args) for a in pair.rejected.calls)
    if operands == "lowered":
        calls = lowered_calls(calls, pair.row)
    rejected = Message("assistant", pair.rejected.text, calls)
    if (right.chosen.content.strip(), right.chosen.tool_calls) == (rejected.content.strip(), calls):
        raise Unfit("both turns are the same")
    return Example(right.prompt, right.chosen, rejected, pair.reason)


def _with_system(messages: list[Message]) -> tuple[tuple[Message, ...], Message]:
    if messages[0].role != "system":
        messages = [Message("system", SYSTEM), *messages]
    *prompt, answer = messages
    return tuple(prompt), answer
