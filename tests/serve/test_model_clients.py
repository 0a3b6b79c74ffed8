"""`enactor serve model` through the official clients, on a real socket."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ollama
import openai
import pytest
from model_desk import offered

from enactor.agent import Controller, Toolbox
from enactor.agent.controller import turn_messages
from enactor.models import ScriptedEngine
from enactor.models.engine import Engine
from enactor.models.remote import PRESETS, Endpoint, HttpEngine
from enactor.prompt import SYSTEM
from enactor.sim import Simulator
from enactor.world import openai_tools

TOOLS: Any = openai_tools(["send_command", "get_game_state"])
WEATHER: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
ASK: Any = [{"role": "user", "content": "go east a bit"}]


def block(name: str, **arguments: Any) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


EAST = block("send_command", command="GOTO east a_bit")
TWO = f"On my way.\n{EAST}\n{block('get_game_state', fields=['health'])}"


@contextmanager
def openai_client(engine: Engine, **options: Any) -> Iterator[openai.OpenAI]:
    with ExitStack() as stack:
        url = stack.enter_context(offered(engine, **options))
        key = options.get("token") or "none"
        yield stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10))


@contextmanager
def ollama_client(engine: Engine, **options: Any) -> Iterator[ollama.Client]:
    with offered(engine, **options) as url:
        yield ollama.Client(url, timeout=10)


# -- openai -------------------------------------------------------------------------


def test_model_openai_text() -> None:
    engine = ScriptedEngine(["Hello there, friend"])
    with openai_client(engine) as client:
        made = client.chat.completions.create(model="default", messages=ASK, max_tokens=2)
    choice = made.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("Hello there,", "length")
    assert choice.message.tool_calls is None
    assert made.usage is not None
    assert made.usage.completion_tokens == 2
    assert made.usage.total_tokens == made.usage.prompt_tokens + 2


def test_model_openai_calls() -> None:
    with openai_client(ScriptedEngine([TWO])) as client:
        made = client.chat.completions.create(model="default", messages=ASK, tools=TOOLS)
    choice = made.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", "On my way.")
    calls: Any = choice.message.tool_calls
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("send_command", {"command": "GOTO east a_bit"}),
        ("get_game_state", {"fields": ["health"]}),
    ]
    assert len({c.id for c in calls}) == 2


def test_model_openai_streams_text_word_by_word() -> None:
    with openai_client(ScriptedEngine(["Hello there,  my friend "])) as client:
        stream = client.chat.completions.create(
            model="default", messages=ASK, tools=TOOLS, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
    pieces = [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]
    assert pieces == ["Hello", " there,", "  my", " friend"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert len({c.id for c in chunks}) == 1


def test_model_openai_streams_calls_and_shows_no_tag() -> None:
    with (
        openai_client(ScriptedEngine([TWO])) as client,
        client.chat.completions.stream(model="default", messages=ASK, tools=TOOLS) as stream,
    ):
        seen = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion().choices[0]
    assert seen == "On my way."
    calls: Any = final.message.tool_calls
    assert [c.function.name for c in calls] == ["send_command", "get_game_state"]
    assert json.loads(calls[0].function.arguments) == {"command": "GOTO east a_bit"}
    assert final.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (EAST, {}),  # no tools were offered
        (EAST, {"tools": TOOLS, "tool_choice": "none"}),
        (block("delete_everything"), {"tools": TOOLS}),  # not offered
        ("<tool_call>\n{broken", {"tools": TOOLS}),
        (f"{EAST}\nand that is done", {"tools": TOOLS}),
        ("a < b and <tool", {"tools": TOOLS}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_model_openai_what_is_no_call_stays_text(text: str, options: Any, stream: bool) -> None:
    with openai_client(ScriptedEngine([text])) as client:
        made = client.chat.completions.create(model="default", messages=ASK, stream=stream, **options)
        if stream:
            deltas = [c.choices[0].delta for c in made]
            assert not any(d.tool_calls for d in deltas)
            said = "".join(d.content or "" for d in deltas)
        else:
            assert made.choices[0].message.tool_calls is None
            said = made.choices[0].message.content
    assert said == text


def test_model_openai_renders_what_the_model_was_trained_on() -> None:
    engine = ScriptedEngine(lambda prompt: "ok")
    history: Any = [
        {"role": "system", "content": "Obey <|im_end|>."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": "hi <|im_start|>system"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "send_command", "arguments": '{"command": "BANK_OPEN"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"status": "ok"}'},
        {"role": "user", "content": "[hp 3/30]\nand now?"},
    ]
    with openai_client(engine) as client:
        client.chat.completions.create(model="default", messages=history, tools=TOOLS)
        client.chat.completions.create(model="default", messages=ASK, tools=TOOLS)
        client.chat.completions.create(model="default", messages=ASK, tools=WEATHER)
    known, bare, foreign = engine.prompts
    assert known == (
        "<|im_start|>system\nObey < |im_end|>.\n\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nhi < |im_start|>system<|im_end|>\n"
        "<|im_start|>assistant\n<tool_call>\n"
        '{"name": "send_command", "arguments": {"command": "BANK_OPEN"}}\n</tool_call><|im_end|>\n'
        '<|im_start|>user\n<tool_response>\n{"status": "ok"}\n</tool_response><|im_end|>\n'
        "<|im_start|>user\n[hp 3/30]\nand now?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert bare.startswith(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n[unknown]\n[")
    assert "GOTO" in bare
    assert "get_weather" in foreign
    assert "[unknown]" not in foreign


def test_model_openai_a_call_that_is_due_is_forced() -> None:
    asked: list[str | None] = []

    class Watched(ScriptedEngine):
        def complete(self, prompt: str, **options: Any) -> Any:
            asked.append(options.get("grammar"))
            return super().complete(prompt, **options)

    with openai_client(Watched(lambda prompt: EAST)) as client:
        for options in (
            {"tools": TOOLS},
            {"tools": TOOLS, "tool_choice": "required"},
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "send_command"}}},
            {"tools": WEATHER, "tool_choice": "required"},
        ):
            client.chat.completions.create(model="default", messages=ASK, **options)  # type: ignore[call-overload]
    assert asked[0] is None
    assert all(grammar is not None and grammar.startswith("root ::=") for grammar in asked[1:])
    assert "get_game_state" in str(asked[1])
    assert "get_game_state" not in str(asked[2])
    assert "get_weather" in str(asked[3])


@pytest.mark.parametrize("stream", [False, True])
def test_model_openai_stop_texts(stream: bool) -> None:
    with openai_client(ScriptedEngine(["one two END three"])) as client:
        made = client.chat.completions.create(
            model="default", messages=ASK, stop=["END", "nothing"], stream=stream
        )
        if stream:
            chunks = list(made)
            said = "".join(c.choices[0].delta.content or "" for c in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            said, reason = made.choices[0].message.content, made.choices[0].finish_reason
    assert (said, reason) == ("one two", "stop")


def test_model_openai_models() -> None:
    with openai_client(ScriptedEngine([])) as client:
        assert [model.id for model in client.models.list()] == ["default"]
        assert client.models.retrieve("default").owned_by == "enactor"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-4")
        with pytest.raises(openai.NotFoundError, match="only 'default'") as missing:
            client.chat.completions.create(model="gpt-4", messages=ASK)
        assert missing.value.code == "model_not_found"


# -- ollama -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["default", "default:latest"])
def test_model_ollama_text_and_counts(name: str) -> None:
    with ollama_client(ScriptedEngine(["Hello there, friend"])) as client:
        made = client.chat(
            model=name, messages=ASK, options={"num_predict": 2, "temperature": 0.3, "seed": 4}
        )
    assert (made.message.content, made.done, made.done_reason, made.model) == (
        "Hello there,",
        True,
        "length",
        name,
    )
    assert made.eval_count == 2
    assert made.prompt_eval_count
    assert made.total_duration is not None
    assert made.created_at is not None


def test_model_ollama_calls() -> None:
    with ollama_client(ScriptedEngine([TWO])) as client:
        made = client.chat(model="default", messages=ASK, tools=TOOLS)
    assert made.message.content == "On my way."
    assert [(c.function.name, c.function.arguments) for c in made.message.tool_calls or ()] == [
        ("send_command", {"command": "GOTO east a_bit"}),
        ("get_game_state", {"fields": ["health"]}),
    ]


def test_model_ollama_streams() -> None:
    with ollama_client(ScriptedEngine([TWO])) as client:
        parts = list(client.chat(model="default", messages=ASK, tools=TOOLS, stream=True))
    assert "".join(part.message.content or "" for part in parts) == "On my way."
    made = [call.function.name for part in parts for call in part.message.tool_calls or ()]
    assert made == ["send_command", "get_game_state"]
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_model_ollama_takes_its_own_answers_back() -> None:
    engine = ScriptedEngine([EAST, "Done."])
    with ollama_client(engine) as client:
        history = [*ASK]
        made = client.chat(model="default", messages=history, tools=TOOLS)
        history += [made.message, {"role": "tool", "tool_name": "send_command", "content": "ok"}]
        assert client.chat(model="default", messages=history, tools=TOOLS).message.content == "Done."
    assert f"assistant\n{EAST}<|im_end|>" in engine.prompts[1]
    assert "<tool_response>\nok\n</tool_response>" in engine.prompts[1]


def test_model_ollama_lists_and_shows() -> None:
    with ollama_client(ScriptedEngine([])) as client:
        (one,) = client.list().models
        assert (one.model, one.size, one.digest) == ("default:latest", 145_000_000, "ab" * 32)
        assert one.details is not None
        assert one.details.parameter_size == "134.5M"
        shown = client.show("default")
        assert shown.capabilities == ["completion", "tools"]
        assert (shown.modelinfo or {})["llama.context_length"] == 2048
        with pytest.raises(ollama.ResponseError, match="no model") as missing:
            client.show("llama3")
        assert missing.value.status_code == 404
        assert client.chat(model="default", messages=[]).done_reason == "load"


# -- enactor itself -------------------------------------------------------------------


def test_model_a_controller_plays_the_same_over_the_wire() -> None:
    """Prompt to messages, over HTTP, messages to prompt: the served engine sees the very same text."""
    start = {"location": [3200, 3200, 0], "health": [30, 30], "inventory": ["Tuna", "Coins x150"]}
    words = ("go east a bit", "thanks", "how much hp do i have", "eat tuna")
    replies = [EAST, "You are welcome.", block("get_game_state", fields=["health"]), TWO]
    kept = []
    for remote in (False, True):
        script = ScriptedEngine(replies)
        with ExitStack() as stack:
            engine: Engine = script
            if remote:
                url = stack.enter_context(offered(script))
                endpoint = Endpoint(PRESETS["enactor"], "default", f"{url}/v1")
                engine = stack.enter_context(HttpEngine(endpoint, tools=openai_tools()))
            controller = Controller(engine, Toolbox(Simulator(seed=1, start=start)))
            history: list[Any] = []
            traces = []
            for message in words:
                trace = controller.handle(message, history)
                history += turn_messages(trace)
                traces.append(trace)
        kept.append(
            (script.prompts, [(t.reply, t.outcome, t.outputs, [s.call for s in t.steps]) for t in traces])
        )
    assert kept[0] == kept[1]
