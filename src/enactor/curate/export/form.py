"""What every trainer's form has in common."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.unfit import Unfit
from enactor.prompt import chat_messages
from enactor.trace.values import Message

Tools = Sequence[Mapping[str, Any]]
Line = dict[str, Any]


class Form(Protocol):
    """One trainer's form: examples become lines of JSON, and files stand beside them.

    `operands` and `tools` say what the form holds where the user does not: operands in the player's words or
    lowered, the descriptions of the tools on each line or not.
    """

    @property
    def operands(self) -> Operands: ...

    @property
    def tools(self) -> bool: ...

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """The lines of one example, with the descriptions of `tools` where there are any. Raises `Unfit`
        where the form has no place for it."""
        ...

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Name -> text of what stands beside the data `files`: what the trainer needs to find and read
        them."""
        ...


def chat(messages: Sequence[Message]) -> list[Line]:
    """The messages in OpenAI form, contents inert, arguments as JSON text: across Arrow, objects with other
    keys in each row would be filled up with nulls."""
    return chat_messages(messages)


def rejected(example: Example) -> Message:
    """The turn that is liked less. Raises `Unfit` for an example without one."""
    if example.rejected is None:
        raise Unfit("no rejected turn: this form takes preference pairs")
    return example.rejected


def with_tools(line: Line, tools: Tools, *, as_text: bool = False) -> Line:
    """The line with a column `tools` where there are any, as JSON text where the trainer wants that."""
    if not tools:
        return line
    value = json.dumps(list(tools), ensure_ascii=False) if as_text else list(tools)
    return {**line, "tools": value}
