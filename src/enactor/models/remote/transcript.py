"""A rendered prompt read back into the messages that a chat endpoint takes.

`prompt.render_prompt` escapes whatever a player or the game wrote, so its marks are structure and nothing
else, and reading them back loses nothing (a property test compares with `prompt.chat_messages`). This keeps
the protocol at one argument: the controller hands every engine the same prompt.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from enactor.models.engine import EngineError
from enactor.prompt import END, Dialect
from enactor.prompt.dialects import inert_json
from enactor.trace.values import ToolCall

_HEAD = re.compile(r"<\|im_start\|>(system|user|assistant)\n")
_LAST = "<|im_start|>assistant\n"
_RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)

Chat = list[dict[str, Any]]


def read_prompt(prompt: str, dialect: Dialect, *, signature: str | None = None) -> Chat:
    """Messages in OpenAI form, raw argument strings kept; `signature` goes beside each call (see `Preset`).

    An earlier call that could not be read has no form there: it is left out with its result. Raises
    `EngineError` for a text that `render_prompt` did not write.
    """
    chat: Chat = []
    waiting: list[str | None] = []  # ids of the calls whose results come next; None for one left out
    made = 0
    for role, content in _turns(prompt):
        if role == "user" and content.startswith("<tool_response>"):
            for index, result in enumerate(_RESULT.findall(content)):
                name = waiting[index] if index < len(waiting) else None
                if name is not None:
                    chat.append({"role": "tool", "tool_call_id": name, "content": result})
        elif role == "assistant":
            turn = dialect.parse(content)
            waiting = []
            calls = []
            for call in turn.calls:
                if call.parse_error is not None:
                    waiting.append(None)
                    continue
                # Nine letters and digits: Mistral's templates take no other form.
                waiting.append(f"call{made:05d}")
                calls.append(_wire(call, f"call{made:05d}", signature))
                made += 1
            if calls:
                chat.append({"role": role, "content": turn.text or None, "tool_calls": calls})
            elif turn.text:
                chat.append({"role": role, "content": turn.text})
        else:
            chat.append({"role": role, "content": content})
    return chat


def _turns(prompt: str) -> Iterator[tuple[str, str]]:
    at = 0
    while (head := _HEAD.match(prompt, at)) is not None:
        if head.end() == len(prompt) and prompt.endswith(_LAST):
            return
        end = prompt.find(END + "\n", head.end())
        if end < 0:
            break
        yield head[1], prompt[head.end() : end]
        at = end + len(END) + 1
    raise EngineError(
        "a remote engine takes prompts as `render_prompt` writes them, and this one is not: "
        f"{prompt[at:][:60]!r}"
    )


def _wire(call: ToolCall, name: str, signature: str | None) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "id": name,
        "type": "function",
        "function": {"name": call.tool, "arguments": call.arguments},
    }
    if signature is not None:
        wire["extra_content"] = {"google": {"thought_signature": signature}}
    return wire


def read_call(name: str, arguments: Any, dialect: Dialect) -> ToolCall:
    """A structured call as the value that the dialect's strict parser would have made of it; `arguments` is
    the raw string, kept as it came (some servers send the object itself, or nothing for no arguments)."""
    if isinstance(arguments, Mapping):
        raw = json.dumps(arguments, ensure_ascii=False)
    else:
        raw = "" if arguments is None else str(arguments)
    if not name:
        return ToolCall("", raw, None, "the call has no name")
    # Written down and read again, so that one place says what is well-formed.
    body = inert_json(raw.strip() or "{}")
    turn = dialect.parse(dialect.render_calls((ToolCall(name, body),)))
    call = turn.calls[0] if len(turn.calls) == 1 else None
    if call is None or call.tool != name:
        return ToolCall(name, raw, None, "the arguments are no JSON object")
    return ToolCall(name, raw, call.parsed, call.parse_error)
