"""LLaMA-Factory's ShareGPT data: calls and results in turns of their own, and `dataset_info.json`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import PurePath

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools, with_tools
from enactor.curate.export.unfit import Unfit
from enactor.prompt import escape
from enactor.trace.values import Message

# How its own converter joins the results of parallel calls; its templates put the outer tags around them.
_BETWEEN = "\n</tool_response>\n<tool_response>\n"
_ASKING = ("human", "observation")
DONE = "Done."


class LlamaFactory:
    """`{"conversations": [{"from", "value"}], "system", "tools"}`.

    Roles: human, observation, gpt, function_call. It wants turns of asking (human, observation) and of
    answering (gpt, function_call) by turns. Where a player speaks right after a result, a gpt turn "Done."
    is put between them: our prompts have none there. It has no flag for the single turn: train with
    `mask_history: true`, which trains on the last one alone.
    """

    operands: Operands = "said"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`. `tools` is JSON text. A turn with text and calls has no place here."""
        system, *spoken = example.messages
        turns: list[Line] = []
        for _, group in groupby(spoken, key=_kind):
            for turn in _turns(list(group)):
                if turns and turns[-1]["from"] in _ASKING and turn["from"] in _ASKING:
                    turns.append({"from": "gpt", "value": DONE})
                turns.append(turn)
        # Its loader wants every column that `dataset_info.json` names, so `tools` is there, empty at least.
        line = {"conversations": turns, "system": system.content, "tools": ""}
        yield with_tools(line, tools, as_text=True)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """`dataset_info.json`, with a data set `enactor_NAME` for each file."""
        columns = {"messages": "conversations", "system": "system", "tools": "tools"}
        info = {
            f"enactor_{PurePath(name).stem}": {
                "file_name": name,
                "formatting": "sharegpt",
                "columns": columns,
                "tags": {
                    "role_tag": "from",
                    "content_tag": "value",
                    "user_tag": "human",
                    "assistant_tag": "gpt",
                    "observation_tag": "observation",
                    "function_tag": "function_call",
                    "system_tag": "system",
                },
            }
            for name in files
        }
        return {"dataset_info.json": json.dumps(info, indent=2) + "\n"}


def _kind(message: Message) -> str:
    return message.role


def _turns(group: Sequence[Message]) -> list[Line]:
    """The turns of messages of one role that follow each other."""
    match group[0].role:
        case "tool":
            return [{"from": "observation", "value": _BETWEEN.join(escape(m.content).strip() for m in group)}]
        case "assistant":
            return [_answer(message) for message in group]
        case _:
            return [{"from": "human", "value": escape(message.content).strip()} for message in group]


def _answer(message: Message) -> Line:
    if not message.tool_calls:
        return {"from": "gpt", "value": escape(message.content).strip()}
    if message.content.strip():
        raise Unfit("text beside calls")
    calls = [{"name": call.tool, "arguments": call.parsed} for call in message.tool_calls]
    value = calls if len(calls) > 1 else calls[0]
    return {"from": "function_call", "value": json.dumps(value, ensure_ascii=False)}
