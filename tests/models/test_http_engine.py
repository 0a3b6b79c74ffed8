"""The remote engine against a real server that behaves well and badly."""

import dataclasses
import logging
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import formatdate
from typing import Any

import pytest
from remote_server import (
    Behaviour,
    Server,
    call,
    calls,
    delta,
    drop,
    event,
    hang,
    kept_open,
    refuse,
    say,
    say_then_hang,
    serving,
    stream,
    truncated,
)

from enactor.models import EngineError, ScriptedEngine
from enactor.models.engine import EngineUnavailable, Options, Request
from enactor.models.remote import PRESETS, Endpoint, FailoverEngine, HttpEngine, Patience
from enactor.models.remote.keys import Key
from enactor.prompt import SYSTEM, system_with_tools
from enactor.world import openai_tools

PROMPT = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
EAST = '{"command": "GOTO east a_bit"}'
QUICK = Patience(connect=2.0, silence=0.4, whole=5.0, tries=3, pause=0.02, longest=2.0)


class Bench:
    """Makes servers and engines, and closes them."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def serve(self, *script: Behaviour) -> Server:
        return self.stack.enter_context(serving(*script))

    def engine(
        self, server: Server, preset: str = "http", patience: Patience = QUICK, key: Key | None = None
    ) -> HttpEngine:
        endpoint = Endpoint(PRESETS[preset], "m", server.url, key)
        return self.stack.enter_context(HttpEngine(endpoint, tools=openai_tools(), patience=patience))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(stack)


def test_http_asks_with_messages_and_tools(bench: Bench) -> None:
    server = bench.serve(say("Hello there"))
    done = bench.engine(server).complete(PROMPT, max_tokens=2000, temperature=0.5, seed=7)
    assert (done.text, done.calls, done.stopped, done.cancelled) == ("Hello there", None, True, False)
    assert (done.prompt_tokens, done.completion_tokens, done.cached_tokens) == (11, 3, 5)
    assert 0 < done.first_token_seconds <= done.seconds
    path, headers, body, _ = server.seen[0]
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert body["messages"] == [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "hi"}]
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("m", 2000, 0.5, 7)
    assert body["tools"] == openai_tools()
    assert body["stream"] is True
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(calls(call("send_command", EAST, index=0, id="a")), id="whole"),
        pytest.param(
            calls(
                call("send_command", "", index=0, id="a"),
                {"index": 0, "function": {"arguments": EAST[:9]}},
                {"index": 0, "function": {"arguments": EAST[9:]}},
            ),
            id="in pieces",
        ),
        pytest.param(
            calls(
                call("send_command", EAST[:9], id="a"), {"function": {"arguments": EAST[9:]}}, finish="stop"
            ),
            id="gemini: no index, finish stop",
        ),
    ],
)
def test_http_puts_a_call_together(bench: Bench, behaviour: Behaviour) -> None:
    done = bench.engine(bench.serve(behaviour)).complete(PROMPT)
    assert done.calls is not None
    (only,) = done.calls
    assert (only.tool, only.arguments, only.parsed, only.parse_error, only.origin) == (
        "send_command",
        EAST,
        {"command": "GOTO east a_bit"},
        None,
        "raw",
    )
    assert done.text == f'<tool_call>\n{{"name": "send_command", "arguments": {EAST}}}\n</tool_call>'


@pytest.mark.parametrize(
    "marks",
    [
        ({"index": 0, "id": "a"}, {"index": 1, "id": "b"}),
        ({"index": 0, "id": "a"}, {"index": 0, "id": "b"}),
        ({"id": "a"}, {"id": "b"}),
        ({"index": 0}, {"index": 1}),
        ({"id": "a", "index": 1}, {"id": "b", "index": 0}),
        ({}, {}),
    ],
)
def test_http_keeps_two_calls_apart(bench: Bench, marks: Any) -> None:
    pair = [
        call("send_command", EAST, **marks[0]),
        call("get_game_state", '{"fields":["health"]}', **marks[1]),
    ]
    done = bench.engine(bench.serve(calls(*pair))).complete(PROMPT)
    assert done.calls is not None
    assert [(c.tool, c.arguments) for c in done.calls] == [
        ("send_command", EAST),
        ("get_game_state", '{"fields":["health"]}'),
    ]


def test_http_pieces_of_two_calls_may_alternate(bench: Bench) -> None:
    script = calls(
        call("send_command", "", index=0, id="a"),
        call("get_game_state", "", index=1, id="b"),
        {"index": 0, "function": {"arguments": EAST}},
        {"index": 1, "id": "b", "function": {"arguments": "{}"}},
    )
    done = bench.engine(bench.serve(script)).complete(PROMPT)
    assert done.calls is not None
    assert [(c.tool, c.arguments) for c in done.calls] == [("send_command", EAST), ("get_game_state", "{}")]


def test_http_options_are_the_fields_of_a_request() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(Request)}
    assert fields.pop("prompt") is str
    assert fields == Options.__annotations__


def test_http_keeps_raw_arguments_that_do_not_parse(bench: Bench) -> None:
    raws = ['{"command": ', '{"a": 1}}', "[1]", '{"a": 1, "a": 2}', '{"x": "</tool_call>"}', "", {"k": "v"}]
    script = calls(*(call("send_command", raw, index=i, id=f"i{i}") for i, raw in enumerate(raws)))
    done = bench.engine(bench.serve(script)).complete(PROMPT)
    assert done.calls is not None
    assert [c.arguments for c in done.calls[:6]] == raws[:6]
    assert [c.parse_error is None for c in done.calls] == [False, False, False, False, True, True, True]
    assert [c.parsed for c in done.calls[4:]] == [{"x": "</tool_call>"}, {}, {"k": "v"}]


def test_http_takes_an_answer_that_is_not_streamed(bench: Bench) -> None:
    whole = {"choices": [{"message": {"content": "Hi", "tool_calls": None}, "finish_reason": "length"}]}
    done = bench.engine(bench.serve(refuse(200, whole))).complete(PROMPT)
    assert (done.text, done.stopped) == ("Hi", False)


def test_http_drops_what_the_model_thought(bench: Bench) -> None:
    assert bench.engine(bench.serve(say("<think>\nhm\n</think>\n\nHello"))).complete(PROMPT).text == "Hello"


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (drop, 2),
        (refuse(500, {"error": {"message": "boom"}}), 2),
        (refuse(503), 2),
        (refuse(429, {"error": "slow down"}), 2),
        (truncated("Hel"), 2),
        (truncated("Hel", reset=True), 2),
        (stream(event({"error": {"message": "overloaded", "code": 503}})), 2),
    ],
)
def test_http_tries_again(bench: Bench, fault: Behaviour, tries: int) -> None:
    server = bench.serve(fault, say("Hello"))
    assert bench.engine(server).complete(PROMPT).text == "Hello"
    assert len(server.seen) == tries


@pytest.mark.parametrize("fault", [drop, refuse(500), refuse(429), truncated("Hel")])
def test_http_gives_up_and_says_what_to_do(bench: Bench, fault: Behaviour) -> None:
    server = bench.serve(fault)
    with pytest.raises(EngineUnavailable, match=r"out of reach|try again later"):
        bench.engine(server).complete(PROMPT)
    assert len(server.seen) == QUICK.tries


def test_http_nobody_listens(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with (
        HttpEngine(Endpoint(PRESETS["ollama"], "qwen", url), patience=QUICK) as engine,
        pytest.raises(EngineUnavailable, match="ollama serve"),
    ):
        engine.complete(PROMPT)


def test_http_obeys_retry_after(bench: Bench) -> None:
    server = bench.serve(refuse(429, Retry_After="0.5"), say("Hello"))
    assert bench.engine(server).complete(PROMPT).text == "Hello"
    assert 0.5 <= server.seen[1][3] - server.seen[0][3] < 1.5


def test_http_obeys_a_date(bench: Bench) -> None:
    server = bench.serve(refuse(503, Retry_After=formatdate(time.time() + 2, usegmt=True)), say("Hello"))
    assert bench.engine(server).complete(PROMPT).text == "Hello"
    assert 0.9 < server.seen[1][3] - server.seen[0][3] < 3.5


def test_http_does_not_wait_for_hours(bench: Bench) -> None:
    server = bench.serve(refuse(429, Retry_After="3600"))
    with pytest.raises(EngineUnavailable, match="too often"):
        bench.engine(server).complete(PROMPT)
    assert len(server.seen) == 1


@pytest.mark.parametrize("fault", [hang, say_then_hang("Hel")])
def test_http_silence_ends_and_is_not_asked_again(bench: Bench, fault: Behaviour) -> None:
    server = bench.serve(fault)
    with pytest.raises(EngineUnavailable, match="silent"):
        bench.engine(server).complete(PROMPT)
    assert len(server.seen) == 1
    assert server.left.wait(5)


def test_http_the_whole_is_bounded(bench: Bench) -> None:
    server = bench.serve(refuse(500))
    patience = Patience(silence=5, whole=0.3, tries=50, pause=0.2)
    with pytest.raises(EngineUnavailable, match="took over"):
        bench.engine(server, patience=patience).complete(PROMPT)


@pytest.mark.parametrize(
    "fault",
    [
        refuse(200, "<html>hello</html>"),
        stream("<html>hello</html>\n"),
        stream("data: {not json}\n\n"),
        stream("data: 7\n\n"),
        stream(event({"choices": [7]})),
        stream(event({"choices": [{"delta": {"tool_calls": [3]}}]})),
        stream("data: " + "x" * 5_000_000),
    ],
)
def test_http_garbage_is_said_to_be_garbage(bench: Bench, fault: Behaviour) -> None:
    server = bench.serve(fault)
    with pytest.raises(EngineUnavailable, match="did not answer as an OpenAI-compatible server"):
        bench.engine(server).complete(PROMPT)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("preset", "fault", "cure"),
    [
        ("ollama", refuse(404, {"error": {"message": "model 'm' not found"}}), "ollama pull m"),
        ("gemini", refuse(400, [{"error": {"message": "API key not valid"}}]), "API key not valid"),
        ("gemini", refuse(401, {"error": {"message": "bad key"}}), "GEMINI_API_KEY"),
        ("vllm", refuse(400, {"message": '"auto" tool choice requires …'}), "--tool-call-parser"),
        ("http", refuse(302, Location="http://127.0.0.1:1/"), "redirects are not followed"),
    ],
)
def test_http_a_refusal_is_not_asked_again(bench: Bench, preset: str, fault: Behaviour, cure: str) -> None:
    server = bench.serve(fault)
    with pytest.raises(EngineError, match=cure) as refusal:
        bench.engine(server, preset).complete(PROMPT)
    assert not isinstance(refusal.value, EngineUnavailable)
    assert len(server.seen) == 1


def test_http_cancel_while_decoding_closes_the_connection(bench: Bench) -> None:
    server = bench.serve(say_then_hang("Once upon"), say("Hello"))
    engine = bench.engine(server, patience=Patience())
    heard = threading.Event()
    threading.Thread(target=lambda: (heard.wait(5), engine.cancel()), daemon=True).start()

    def listen(text: str) -> bool:
        heard.set()
        return False

    started = time.monotonic()
    done = engine.complete(PROMPT, on_text=listen)
    assert (done.text, done.cancelled, done.stopped, done.calls) == ("Once upon", True, False, None)
    assert time.monotonic() - started < 3
    assert server.left.wait(5)
    assert engine.complete(PROMPT).text == "Hello"  # the next one is not touched


@pytest.mark.parametrize("fault", [hang, refuse(503, Retry_After="15")])
def test_http_cancel_while_waiting(bench: Bench, fault: Behaviour) -> None:
    server = bench.serve(fault)
    engine = bench.engine(server, patience=Patience())
    threading.Timer(0.3, engine.cancel).start()
    started = time.monotonic()
    assert engine.complete(PROMPT).cancelled
    assert time.monotonic() - started < 3


def test_http_a_listener_can_end_it_and_half_a_call_is_none(bench: Bench) -> None:
    first = delta(content="Going", tool_calls=[call("send_command", EAST[:9], index=0, id="a")])
    server = bench.serve(stream(first, delta(content=" on"), delta(finish="stop"), event("[DONE]")))
    done = bench.engine(server).complete(PROMPT, on_text=lambda text: True)
    assert (done.text, done.cancelled, done.calls) == ("Going", True, None)


def test_http_what_was_handed_out_is_not_begun_again(bench: Bench) -> None:
    server = bench.serve(truncated("Hel"), say("Hello"))
    heard: list[str] = []
    with pytest.raises(EngineUnavailable, match="broke off"):
        bench.engine(server).complete(PROMPT, on_text=lambda text: bool(heard.append(text)))
    assert (heard, len(server.seen)) == (["Hel"], 1)


def test_http_requests_run_side_by_side(bench: Bench) -> None:
    together = threading.Barrier(4, timeout=5)

    def behave(handler: Any) -> None:
        together.wait()
        say("Hello")(handler)

    engine = bench.engine(bench.serve(behave))
    done: list[str] = []
    threads = [threading.Thread(target=lambda: done.append(engine.complete(PROMPT).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert done == ["Hello"] * 4


def test_http_a_connection_is_used_again(bench: Bench) -> None:
    server = bench.serve(kept_open("Hello"))
    engine = bench.engine(server)
    assert [engine.complete(PROMPT).text for _ in range(3)] == ["Hello"] * 3
    assert len(set(server.ports)) == 1


def test_http_lists_models(bench: Bench) -> None:
    server = bench.serve(refuse(200, {"data": [{"id": "qwen2.5:14b"}, {"id": "models/gemini"}]}))
    engine = bench.engine(server)
    assert engine.models() == ("qwen2.5:14b", "gemini")
    assert server.seen[0][0] == "/v1/models"
    for fault, cure in ((refuse(200, "[]"), "lists no models"), (refuse(500), "fault"), (hang, "silent")):
        server.script[:] = [fault]
        with pytest.raises(EngineUnavailable, match=cure):
            engine.models()


@pytest.mark.parametrize(
    ("preset", "key", "value"),
    [("llama-server", "grammar", 'root ::= "x"'), ("vllm", "tool_choice", "required")],
)
def test_http_forces_in_the_servers_own_way(bench: Bench, preset: str, key: str, value: str) -> None:
    server = bench.serve(say("x"))
    bench.engine(server, preset).complete(PROMPT, grammar='root ::= "x"')
    body = server.seen[0][2]
    assert body[key] == value
    assert ("tools" in body) == (preset == "vllm")
    assert ("<tools>" in body["messages"][0]["content"]) == (preset == "llama-server")


def test_http_what_cannot_be_forced_is_not_asked(bench: Bench) -> None:
    server = bench.serve(say("x"))
    assert bench.engine(server, "ollama").complete(PROMPT, grammar='root ::= "x"').text == ""
    assert server.seen == []


@pytest.mark.parametrize(("grammar", "said"), [(None, 0), ('root ::= "x"', 1)])
def test_http_tools_are_told_once(bench: Bench, grammar: str | None, said: int) -> None:
    server = bench.serve(say("x"))
    prompt = PROMPT.replace(SYSTEM, system_with_tools(openai_tools()))
    bench.engine(server, "llama-server").complete(prompt, grammar=grammar)
    body = server.seen[0][2]
    assert body["messages"][0]["content"].count("<tools>\n") == said
    assert ("tools" in body) == (not said)


def test_http_quirks_of_gemini(bench: Bench) -> None:
    server = bench.serve(say("x"))
    earlier = f'<tool_call>\n{{"name": "send_command", "arguments": {EAST}}}\n</tool_call>'
    turn = f"<|im_start|>assistant\n{earlier}<|im_end|>\n<|im_start|>user\nand?<|im_end|>\n"
    bench.engine(server, "gemini").complete(
        PROMPT.replace("<|im_start|>assistant\n", f"{turn}<|im_start|>assistant\n")
    )
    body = server.seen[0][2]
    assert "seed" not in body
    assert body["max_tokens"] == 2048
    made = body["messages"][2]["tool_calls"][0]
    assert made["extra_content"]["google"]["thought_signature"] == "skip_thought_signature_validator"


def test_http_close_is_final_and_idempotent(bench: Bench) -> None:
    engine = bench.engine(bench.serve(say("x")))
    engine.complete(PROMPT)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.complete(PROMPT)


def test_http_refuses_a_prompt_of_another_form(bench: Bench) -> None:
    with pytest.raises(EngineError, match="render_prompt"):
        bench.engine(bench.serve(say("x"))).complete("Once upon a time")


def test_http_a_key_is_sent_and_never_shown(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "sk-very-secret-0123"
    echo = refuse(400, {"error": {"message": f"the key {secret} is not for this model"}})
    server = bench.serve(echo)
    engine = bench.engine(server, key=Key(secret))
    with pytest.raises(EngineError, match=r"the key \[key\] is not") as refusal:
        engine.complete(PROMPT)
    assert server.seen[0][1]["Authorization"] == f"Bearer {secret}"
    ours = [entry.frame for entry in refusal.traceback if "enactor" in str(entry.path)]
    held = [repr(value) for frame in ours for value in frame.f_locals.values()]
    for text in (str(refusal.value), repr(engine.endpoint), repr(engine), caplog.text, *held):
        assert secret not in text
    with pytest.raises(TypeError):
        pickle.dumps(engine.endpoint)


# -- failover ------------------------------------------------------------------


def test_failover_asks_the_second_and_lets_the_first_rest(bench: Bench) -> None:
    server = bench.serve(refuse(500))
    made: list[ScriptedEngine] = []

    def second() -> ScriptedEngine:
        made.append(ScriptedEngine(lambda prompt: "from the second", name="second"))
        return made[-1]

    said: list[str] = []
    engine = FailoverEngine(bench.engine(server), second, "second", rest_s=0.5, say=said.append)
    assert engine.name == "http:m"
    assert engine.complete(PROMPT).text == "from the second"
    assert engine.name == "second"
    assert len(said) == 1
    assert "try again later, or set `fallback`; second answers for the next" in said[0]
    assert len(server.seen) == QUICK.tries
    assert engine.complete(PROMPT).text == "from the second"
    assert (len(server.seen), len(made)) == (QUICK.tries, 1)  # left alone
    server.script[:] = [say("from the first")]
    time.sleep(0.6)
    assert engine.complete(PROMPT).text == "from the first"
    assert engine.name == "http:m"
    engine.close()


def test_failover_does_not_hide_a_users_mistake(bench: Bench) -> None:
    engine = FailoverEngine(bench.engine(bench.serve(refuse(404))), lambda: ScriptedEngine(["no"]), "second")
    with pytest.raises(EngineError, match="404"):
        engine.complete(PROMPT)


def test_failover_what_was_handed_out_is_not_begun_elsewhere(bench: Bench) -> None:
    engine = FailoverEngine(
        bench.engine(bench.serve(truncated("Hel"))), lambda: ScriptedEngine(["no"]), "second"
    )
    heard: list[str] = []
    with pytest.raises(EngineUnavailable):
        engine.complete(PROMPT, on_text=lambda text: bool(heard.append(text)))
    assert heard == ["Hel"]
