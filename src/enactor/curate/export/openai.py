"""OpenAI's chat form with tools, as its fine-tuning and its compatible servers take it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools, chat, with_tools
from enactor.curate.export.unfit import Unfit


class OpenAI:
    """`{"messages", "tools", "parallel_tool_calls"}`. Calls have ids, unique in their line, that the results
    repeat; assistants' turns have `weight`, 1 for the last and 0 for those before."""

    operands: Operands = "said"
    tools = True

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`."""
        messages = chat(example.messages)
        waiting: deque[str] = deque()
        made = 0
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                message["weight"] = int(index == len(messages) - 1)
                for call in message.get("tool_calls", ()):
                    made += 1
                    call["id"] = f"call_{made}"
                    waiting.append(call["id"])
                if message.get("tool_calls") and not message["content"]:
                    message["content"] = None
            elif message["role"] == "tool":
                if not waiting:
                    raise Unfit("a result without a call")
                message["tool_call_id"] = waiting.popleft()
        line = with_tools({"messages": messages}, tools)
        yield {**line, "parallel_tool_calls": True} if tools else line

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing."""
        return {}
