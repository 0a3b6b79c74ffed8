"""Chats in the OpenAI form: one JSON object a line with `messages`, and `tools` where they were declared.

Each message of the user begins a turn; what came before it is its history, calls included. `tool_calls`
hold their arguments as text; results are messages of the role `tool`, found by `tool_call_id`. The older
`function_call` with the role `function` is read as well, so is a line that is the list of messages itself,
and logs of requests (`request` or `body`) that keep the answer beside the messages (`response` or `choices`).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from enactor.ingest.found import Found, Refused, Turn
from enactor.ingest.game import game_tool
from enactor.ingest.lines import Lines, Unreadable, decode
from enactor.ingest.steps import UNANSWERED, make_call, make_step
from enactor.trace import Message, Step, ToolCall, content_hash
from enactor.trace.values import Role

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


class Chats:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        return _is_chat(row) or (isinstance(row, dict) and isinstance(_messages(row), list))

    def read(self, lines: Lines) -> Iterator[Found]:
        for number, line in lines:
            try:
                value = decode(line)
                row = {"messages": value} if _is_chat(value) else value
                if not isinstance(row, dict):
                    raise Unreadable("no object")
                messages = [_checked(message) for message in _messages(row) or ()]
            except Unreadable as error:
                yield Refused(number, str(error))
                continue
            if not any(message["role"] == "user" for message in messages):
                yield Refused(number, "no message of the player")
                continue
            yield from _turns(number, row, messages)


def _is_chat(value: Any) -> bool:
    """Whether a line is the list of messages itself."""
    return isinstance(value, list) and bool(value) and all(isinstance(m, dict) and "role" in m for m in value)


def _request(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a row that was sent: the row itself, or what a log has under `request` or `body`."""
    return next((row[key] for key in ("request", "body") if isinstance(row.get(key), dict)), row)


def _messages(row: Mapping[str, Any]) -> list[Any] | None:
    found = _request(row).get("messages")
    if not isinstance(found, list):
        return None
    answer = row.get("response", row)
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    last = first.get("message") if isinstance(first, dict) else None
    return [*found, last] if isinstance(last, dict) else found


def _checked(message: Any) -> dict[str, Any]:
    """A message whose parts have the types that are relied on. Raises Unreadable."""
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        raise Unreadable("wrong shape: a message without a role")
    calls = message.get("tool_calls") or []
    if message.get("function_call"):
        calls = [{"function": message["function_call"]}]
    if not isinstance(calls, list) or not all(
        isinstance(call, dict) and isinstance(call.get("function"), dict) for call in calls
    ):
        raise Unreadable("wrong shape: tool_calls")
    return {**message, "role": _ROLES[message["role"]], "tool_calls": calls, "content": _text(message)}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in content)
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _turns(number: int, row: Mapping[str, Any], messages: list[dict[str, Any]]) -> Iterator[Turn | Refused]:
    begins = [at for at, message in enumerate(messages) if message["role"] == "user"]
    about_the_game = _offers_game_tools(row) or any(
        game_tool(_name(call)) for message in messages for call in message["tool_calls"]
    )
    chain = ""
    for at, end in zip(begins, [*begins[1:], len(messages)], strict=True):
        turn = messages[at:end]
        chain = content_hash(["chat", chain, messages[:at] if at == begins[0] else [], turn])
        said = next((m["content"] for m in messages[end : end + 1]), None)
        yield _turn(number, chain, messages[:at], turn, said, row, about_the_game)


def _turn(
    number: int,
    identity: str,
    before: list[dict[str, Any]],
    turn: list[dict[str, Any]],
    said_next: str | None,
    row: Mapping[str, Any],
    about_the_game: bool,
) -> Turn | Refused:
    message = turn[0]["content"]
    answers = [entry for entry in turn if entry["role"] == "assistant"]
    if not message.strip():
        return Refused(number, "no message of the player")
    if not answers:
        return Refused(number, "no response")
    steps, dropped = _steps(turn)
    if not about_the_game or (dropped and not steps):
        return Refused(number, "no game tool")
    meta = {"dropped_calls": dropped, "model": row.get("model"), "conversation": row.get("id")}
    return Turn(
        line=number,
        identity=identity,
        message=message,
        reply=next((entry["content"] for entry in reversed(answers) if entry["content"].strip()), ""),
        steps=steps,
        source="openai_chat",
        timestamp=_time(row),
        history=tuple(_message(entry) for entry in before),
        said_next=said_next,
        meta={key: value for key, value in meta.items() if value},
    )


def _time(row: Mapping[str, Any]) -> str:
    """When it was said: ISO text, or seconds since 1970 as the interface gives them; empty where not told."""
    answer = row.get("response")
    for part in (row, answer if isinstance(answer, dict) else {}):
        for key in ("timestamp", "created_at", "created"):
            value = part.get(key)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, int | float) and 0 < value < 1e11:
                return datetime.fromtimestamp(value, UTC).isoformat()
    return ""


def _steps(turn: list[dict[str, Any]]) -> tuple[tuple[Step, ...], int]:
    """The game's calls in order with their results, and how many other calls there were. A result without
    an id belongs to the first call that has none yet."""
    calls = [call for entry in turn for call in entry["tool_calls"]]
    results: dict[int, Any] = {}
    for entry in turn:
        if entry["role"] != "tool":
            continue
        named = entry.get("tool_call_id")
        free = [n for n in range(len(calls)) if n not in results]
        own = [n for n in free if named is None or calls[n].get("id") == named]
        if own:
            results[own[0]] = entry["content"]
    steps = []
    for n, call in enumerate(calls):
        if tool := game_tool(_name(call)):
            arguments = call["function"].get("arguments")
            steps.append(make_step(make_call(tool, arguments), results.get(n, dict(UNANSWERED))))
    return tuple(steps), len(calls) - len(steps)


def _message(entry: Mapping[str, Any]) -> Message:
    calls: list[ToolCall] = []
    for call in entry["tool_calls"]:
        name = _name(call)
        calls.append(make_call(game_tool(name) or name, call["function"].get("arguments")))
    return Message(entry["role"], entry["content"], tuple(calls))


def _name(call: Mapping[str, Any]) -> str:
    return str(call["function"].get("name") or "")


def _offers_game_tools(row: Mapping[str, Any]) -> bool:
    tools = _request(row).get("tools")
    listed = tools if isinstance(tools, list) else []
    functions = [tool.get("function", tool) for tool in listed if isinstance(tool, dict)]
    return any(isinstance(f, dict) and game_tool(str(f.get("name") or "")) for f in functions)
