"""ShareGPT in the form of NousResearch's hermes-function-calling data: calls and results as tagged text."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools, with_tools
from enactor.prompt import DIALECTS, escape, render_turn
from enactor.trace.values import Message

_FROM = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}


class Hermes:
    """`{"conversations": [{"from", "value"}], "tools"}`; roles system, human, gpt, tool. The results that
    follow each other stand in one turn."""

    operands: Operands = "said"
    tools = True

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`. `tools` is JSON text, as in that data."""
        turns = []
        for role, group in groupby(example.messages, key=lambda message: message.role):
            if role == "tool":
                turns.append({"from": "tool", "value": "\n".join(map(_result, group))})
            else:
                turns += [{"from": _FROM[role], "value": _value(message)} for message in group]
        yield with_tools({"conversations": turns}, tools, as_text=True)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing."""
        return {}


def _result(message: Message) -> str:
    return f"<tool_response>\n{escape(message.content).strip()}\n</tool_response>"


def _value(message: Message) -> str:
    if message.role == "system":
        return message.content
    return render_turn(escape(message.content), message.tool_calls, DIALECTS["hermes"])
