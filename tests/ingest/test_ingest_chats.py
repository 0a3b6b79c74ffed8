"""Chats in the OpenAI form."""

import json
from typing import Any

TOOLS = [{"type": "function", "function": {"name": "send_command", "parameters": {}}}]


def call(key: str, name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": key, "type": "function", "function": {"name": name, "arguments": text}}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str | None, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}


def tool(key: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": key, "content": content}


KILL = [
    {"role": "system", "content": "You drive a game."},
    user("kill 5 frogs"),
    assistant(
        None, call("1", "send_command", {"command": "KILL_LOOP Frog none 5"}), call("2", "get_logs", {})
    ),
    tool("2", '{"lines": []}'),
    tool("1", '{"dispatched": true}'),
    assistant("Started."),
    user("you did nothing"),
    assistant("I have started killing frogs now."),
]


def test_each_message_of_the_user_is_a_turn_with_its_history(desk: Any) -> None:
    path = desk.write("chat.jsonl", [{"messages": KILL, "tools": TOOLS, "model": "m"}])
    report = desk.ingest()
    assert (report.lines, report.turns, report.added) == (1, 2, 2)
    first, second = desk.traces()
    assert [step.call.tool for step in first.steps] == ["send_command", "get_logs"]
    assert first.steps[0].result.content == {"dispatched": True}
    assert (first.outcome, first.reply, first.meta["success"]) == ("executed", "Started.", False)
    assert [message.role for message in first.history] == ["system"]
    assert [message.role for message in second.history] == [m["role"] for m in KILL[:6]]
    assert second.history[2].tool_calls[0].parsed == {"command": "KILL_LOOP Frog none 5"}
    assert (second.outcome, second.meta["success"]) == ("claimed", False)
    assert first.meta["origin"]["file"] == str(path)
    assert desk.ingest().known == 2


def test_a_longer_copy_of_a_chat_adds_its_new_turns(desk: Any) -> None:
    more = [*KILL, user("stop"), assistant("", call("9", "send_command", {"command": "STOP"}))]
    desk.write("a.jsonl", [{"messages": KILL, "tools": TOOLS}])
    desk.write("b.jsonl", [{"messages": more, "tools": TOOLS}, {"messages": KILL, "tools": TOOLS}])
    report = desk.ingest()
    assert (report.added, report.known) == (3, 4)


def test_other_spellings_of_the_form(desk: Any) -> None:
    old = [
        user([{"type": "text", "text": "stop"}, {"type": "image_url", "image_url": {}}]),
        {"role": "assistant", "content": None, "function_call": {"name": "send_command", "arguments": "{}"}},
        {"role": "function", "name": "send_command", "content": "Error: no command"},
        assistant("It failed."),
    ]
    logged = {
        "request": {"messages": [user("eat")], "tools": TOOLS},
        "response": {
            "choices": [{"message": assistant("", call("1", "send_command", {"command": "EAT Tuna"}))}]
        },
    }
    as_object = [
        user("bury"),
        assistant("", {"function": {"name": "send_command", "arguments": {"command": "BURY_ALL"}}}),
        {"role": "tool", "content": [{"type": "text", "text": '{"dispatched": true}'}]},
    ]
    logged["response"]["created"] = 1_893_456_000
    batch = {
        "custom_id": "1",
        "type": "x",
        "body": {"messages": [user("hi"), assistant("Hello.")], "tools": TOOLS},
    }
    desk.write("a.jsonl", [{"messages": old}, logged, as_object, batch])
    report = desk.ingest()
    assert report.added == 4
    assert {trace.message: (trace.outcome, trace.timestamp) for trace in desk.traces()} == {
        "stop": ("failed", ""),
        "eat": ("failed", "2030-01-01T00:00:00+00:00"),  # its result was not recorded
        "bury": ("executed", ""),
        "hi": ("answered", ""),
    }


def test_arguments_that_do_not_parse_are_kept_as_they_were(desk: Any) -> None:
    broken = [user("kill"), assistant("", call("1", "send_command", '{"command": "KILL')), tool("1", "{}")]
    listed = [user("read"), assistant("", call("1", "send_command", "[1]")), tool("1", "{}")]
    desk.write("a.jsonl", [{"messages": broken}, {"messages": listed}])
    desk.ingest()
    first, second = (trace.steps[0] for trace in desk.traces())
    assert (first.call.arguments, first.call.parsed) == ('{"command": "KILL', None)
    assert first.call.parse_error == "the arguments are no JSON"
    assert second.call.parse_error == "the arguments are no object"
    assert {step.result.status for step in (first, second)} == {"error"}


def test_what_is_refused(desk: Any) -> None:
    weather = [
        user("rain?"),
        assistant(None, call("1", "get_weather", {})),
        tool("1", "yes"),
        assistant("Yes."),
    ]
    mixed = [*KILL, *weather]
    rows: list[Any] = [
        {"messages": weather},
        {"messages": mixed},
        {"messages": [user("hello"), user("still there?"), assistant("Yes.")], "tools": TOOLS},
        {"messages": [user(" "), assistant("?")], "tools": TOOLS},
        {"messages": [{"role": "system", "content": "x"}]},
        {"messages": []},
        {"messages": [{"content": "x"}]},
        {"messages": [user("x"), {"role": "assistant", "tool_calls": ["x"]}]},
        {"messages": [user("x"), assistant("x")], "tools": "none"},
    ]
    desk.write("a.jsonl", rows)
    report = desk.ingest()
    assert report.added == 3
    assert report.refused == {
        "no game tool": 3,
        "no response": 1,
        "no message of the player": 3,
        "wrong shape: a message without a role": 1,
        "wrong shape: tool_calls": 1,
    }
