"""Messages become model text: the prompt to decode from, and the training row with its loss mask.

Both come from one function, `_render`, and the chat template that ships in the GGUF says the same in jinja
(tests compare the three). ChatML with the tool turns of Qwen2.5: the results that follow each other stand in
one user turn, each in `<tool_response>`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enactor.errors import EnactorError
from enactor.prompt.dialects import DIALECTS, Dialect, inert_json, render_turn
from enactor.prompt.escape import escape
from enactor.prompt.state_line import user_content
from enactor.trace.values import Message
from enactor.world.state import GameState

SYSTEM = "You play Old School RuneScape for the player. Act by tool calls; without a call nothing happens."
END = "<|im_end|>"
STOP_TOKENS = (END, "<|endoftext|>")
MAX_HISTORY = 4

# The wording of Qwen2.5 and Hermes 2 Pro, which bases with tool training have seen.
TOOLS_HEAD = (
    "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"
)
TOOLS_TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a row. Token ids of a row are those of its segments one after another; `train` says whether
    the loss counts on them."""

    text: str
    train: bool


def system_with_tools(tools: Iterable[Mapping[str, Any]], system: str = SYSTEM) -> str:
    """The system turn with the full description of `tools` (OpenAI form), for bases that were not tuned."""
    lines = "".join("\n" + json.dumps(tool, ensure_ascii=False) for tool in tools)
    return f"{system}{TOOLS_HEAD}{lines}{TOOLS_TAIL}"


def render_prompt(
    message: str,
    state: GameState,
    history: Sequence[Message] = (),
    *,
    offered: Sequence[str] = (),
    system: str = SYSTEM,
    dialect: Dialect = DIALECTS["hermes"],
    pending: Sequence[Message] = (),
    max_history: int = MAX_HISTORY,
) -> str:
    """The text to decode from; ends with `<|im_start|>assistant\\n`.

    `history` holds the earlier turns with their calls and results, the last `max_history` turns of the player
    are kept, whole. `offered` names the commands that are offered. `pending` are the assistant and tool turns
    that came after `message` already.
    """
    messages = [
        Message("system", system),
        *recent(history, max_history),
        Message("user", user_content(message, state, offered)),
        *pending,
    ]
    return "".join(segment.text for segment in _render(messages, dialect, ())) + "<|im_start|>assistant\n"


def render_row(
    messages: Sequence[Message],
    *,
    dialect: Dialect = DIALECTS["hermes"],
    masked: Collection[int] = (),
) -> list[Segment]:
    """A whole conversation with its loss mask: what the assistant wrote and the `<|im_end|>` after it is
    trained.

    The assistant turns at the indexes in `masked` (into `messages`) are shown and not trained on: a mistake
    that the next turn corrects. `SYSTEM` is put in front where no system turn stands.
    """
    shift = 0
    if not messages or messages[0].role != "system":
        messages = [Message("system", SYSTEM), *messages]
        shift = 1
    merged: list[Segment] = []
    for segment in _render(messages, dialect, {index + shift for index in masked}):
        if merged and merged[-1].train == segment.train:
            merged[-1] = Segment(merged[-1].text + segment.text, segment.train)
        else:
            merged.append(segment)
    return merged


def chat_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The messages in OpenAI form, contents made inert: what `CHAT_TEMPLATE` renders to the text of
    `render_row` (hermes), and what the chat endpoints and the exports are given. Raises EnactorError for a
    call that has no name because it could not be read: it has no such form."""
    rows: list[dict[str, Any]] = []
    for message in messages:
        if any(not call.tool for call in message.tool_calls):
            raise EnactorError(
                "A call that could not be read has no chat form; leave its turn out of the export."
            )
        content = message.content if message.role == "system" else escape(message.content).strip()
        row: dict[str, Any] = {"role": message.role, "content": content}
        if message.tool_calls:
            row["tool_calls"] = [
                {"type": "function", "function": {"name": call.tool, "arguments": inert_json(call.arguments)}}
                for call in message.tool_calls
            ]
        rows.append(row)
    return rows


def recent(history: Sequence[Message], turns: int) -> list[Message]:
    """The last `turns` turns of a history, each from a player's message to the next; system turns are
    dropped."""
    spoken = [message for message in history if message.role != "system"]
    starts = [index for index, message in enumerate(spoken) if message.role == "user"]
    if turns <= 0 or not starts:
        return []
    return spoken[starts[max(0, len(starts) - turns)] :]


def _render(messages: Sequence[Message], dialect: Dialect, masked: Collection[int]) -> Iterator[Segment]:
    for index, message in enumerate(messages):
        match message.role:
            case "system":
                yield Segment(f"<|im_start|>system\n{message.content}{END}\n", False)
            case "user":
                yield Segment(f"<|im_start|>user\n{escape(message.content).strip()}{END}\n", False)
            case "assistant":
                turn = render_turn(escape(message.content), message.tool_calls, dialect)
                yield Segment("<|im_start|>assistant\n", False)
                yield Segment(turn + END, index not in masked)
                yield Segment("\n", False)
            case "tool":
                opens = index == 0 or messages[index - 1].role != "tool"
                closes = index + 1 == len(messages) or messages[index + 1].role != "tool"
                head = "<|im_start|>user" if opens else ""
                tail = f"{END}\n" if closes else ""
                body = escape(message.content).strip()
                yield Segment(f"{head}\n<tool_response>\n{body}\n</tool_response>{tail}", False)
