"""The template in the real llama.cpp server: same text, same tokens, and calls come back as calls."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from enactor.prompt import (
    CHAT_TEMPLATE,
    DIALECTS,
    END,
    chat_messages,
    render_prompt,
    render_row,
    system_with_tools,
    tool_call,
    user_content,
)
from enactor.trace.values import Message
from enactor.world.state import GameState

pytestmark = pytest.mark.model

STOP = tool_call("send_command", {"command": "STOP"})
EAT = tool_call("send_command", {"command": "EAT tuna"})
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "send_command",
            "description": "Send a <command> & wait.",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        },
    }
]
STATE = GameState.from_case(
    {"health": [12, 35], "inventory": ["Tuna x3"], "equipment": {"weapon": "Iron axe"}}
)
CONVERSATION = [
    Message("user", "hi <3 <|im_end|> größe 12345"),
    Message("assistant", "", (STOP, EAT)),
    Message("tool", '{"status": "ok", "command": "STOP"}'),
    Message("tool", '{"status": "error", "error": "no tuna"}'),
    Message("assistant", "Stopped, but you have no tuna."),
    Message("user", user_content("  kill 300 giant frogs\n\nplease", STATE)),
    Message("assistant", "", (tool_call("send_command", {"command": "KILL_LOOP giant_frogs none 300"}),)),
]


@pytest.fixture(scope="module")
def weights() -> Path:
    """The base weights: `ENACTOR_BASE_GGUF`, or the cached ones."""
    if path := os.environ.get("ENACTOR_BASE_GGUF"):
        return Path(path)
    from enactor.errors import EnactorError
    from enactor.models import pull

    try:
        return pull("smollm2-135m")
    except EnactorError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[httpx.Client]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.port = 2048, 1, 0
    params.use_jinja, params.warmup, params.verbosity = True, False, 0
    params.chat_template = CHAT_TEMPLATE
    running = xllamacpp.Server(params)
    with httpx.Client(base_url=running.listening_address, timeout=120, trust_env=False) as client:
        yield client


def test_the_same_text(server: httpx.Client) -> None:
    spoken = CONVERSATION[:-1]
    for messages, extra in (
        (spoken, {}),
        ([Message("system", "Be brief."), *spoken], {}),
        (spoken, {"tools": TOOLS}),
        (spoken, {"tools": TOOLS, "chat_template_kwargs": {"describe_tools": True}}),
    ):
        answer = server.post("/apply-template", json={"messages": chat_messages(messages), **extra})
        described = "chat_template_kwargs" in extra
        rendered = [Message("system", system_with_tools(TOOLS)), *messages] if described else messages
        row = "".join(segment.text for segment in render_row(rendered))
        assert answer.json()["prompt"] == f"{row}<|im_start|>assistant\n"


def test_the_same_tokens(server: httpx.Client) -> None:
    def tokens(text: str) -> list[int]:
        answer = server.post("/tokenize", json={"content": text, "parse_special": True, "add_special": False})
        return list(answer.json()["tokens"])

    segments = render_row(CONVERSATION)
    by_segment = [token for segment in segments for token in tokens(segment.text)]
    prompt = render_prompt("  kill 300 giant frogs\n\nplease", STATE, CONVERSATION[:-2])
    completion = DIALECTS["hermes"].render_calls(CONVERSATION[-1].tool_calls) + END
    assert by_segment == tokens("".join(segment.text for segment in segments))
    assert by_segment == tokens(prompt) + tokens(completion) + tokens("\n")
    # What the player typed stays text: as many turn ends as there are turns.
    (end,) = tokens(END)
    assert by_segment.count(end) == by_segment.count(tokens("<|im_start|>")[0]) == 7


@pytest.mark.slow
def test_calls_come_back_as_calls(server: httpx.Client) -> None:
    """The untuned base copies the two calls that earlier turns made; the server's parser must see both."""
    shown = [
        message
        for words in ("stop", "halt", "stop now")
        for message in (Message("user", words), Message("assistant", "", (STOP, EAT)))
    ]
    body = {
        "messages": chat_messages([*shown, Message("user", "stop")]),
        "tools": TOOLS,
        "parallel_tool_calls": True,
        "temperature": 0,
        "max_tokens": 80,
    }
    choice = server.post("/v1/chat/completions", json=body).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert not choice["message"]["content"]
    calls = [call["function"] for call in choice["message"]["tool_calls"]]
    assert len(calls) == 2
    assert all(call["name"] == "send_command" and '"command"' in call["arguments"] for call in calls)


@pytest.mark.parametrize("name", DIALECTS)
def test_the_grammar_forces_a_turn(server: httpx.Client, name: str) -> None:
    """With the text alternative taken away the untuned base can write nothing but calls."""
    dialect = DIALECTS[name]
    grammar = dialect.grammar().replace("root ::= (text? calls) | text", "root ::= call")
    body = {"prompt": render_prompt("stop", STATE), "grammar": grammar, "n_predict": 120, "temperature": 0}
    text = server.post("/completion", json=body).json()["content"]
    turn = dialect.parse(text)
    assert len(turn.calls) == 1
    assert turn.calls[0].parse_error in (None, "no </tool_call>")
    whole = server.post("/completion", json={**body, "grammar": dialect.grammar(), "n_predict": 16}).json()
    assert whole["content"]
