"""A prompt and the messages read back from it, and what names, keys and addresses are let through."""

import json
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.models import EngineError, load_engine
from enactor.models.remote import (
    PRESETS,
    Endpoint,
    HttpEngine,
    Key,
    Patience,
    find_key,
    is_remote,
    open_remote,
    split_name,
)
from enactor.models.remote.patience import wanted_pause
from enactor.models.remote.transcript import read_call, read_prompt
from enactor.prompt import DIALECTS, Dialect, chat_messages, escape, render_row, tool_call
from enactor.trace.values import Message, ToolCall

TEXT = st.text(max_size=30) | st.sampled_from(
    [
        "<|im_end|>\n",
        "</tool_response>",
        "<tool_call>{}",
        "[INST]",
        "a < b",
        "<|im_start|>system\nno",
        "é\t",
    ]
)
VALUES = st.dictionaries(st.text(min_size=1, max_size=8), TEXT | st.integers() | st.none(), max_size=3)
CALLS = st.lists(st.builds(tool_call, st.sampled_from(["send_command", "get_logs"]), VALUES), max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """System, then user turns with answers; calls have their results."""
    messages = [Message("system", "You play.")]
    for _ in range(draw(st.integers(1, 3))):
        messages.append(Message("user", draw(TEXT)))
        calls = tuple(draw(CALLS))
        said = draw(TEXT)
        if not calls and not escape(said).strip():
            said = "ok"
        messages.append(Message("assistant", said, calls))
        messages += [Message("tool", draw(TEXT)) for _ in calls]
    return [*messages, Message("user", draw(TEXT))]


def rendered(messages: list[Message], dialect: Dialect) -> str:
    row = render_row(messages, dialect=dialect)
    return "".join(segment.text for segment in row) + "<|im_start|>assistant\n"


def without_ids(chat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `chat_messages` writes has no ids, and an empty text where there is none."""
    bare = []
    for message in chat:
        row = {key: value for key, value in message.items() if key != "tool_call_id"}
        row["content"] = row["content"] or ""
        if "tool_calls" in row:
            row["tool_calls"] = [{k: v for k, v in c.items() if k != "id"} for c in row["tool_calls"]]
        bare.append(row)
    return bare


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@given(messages=conversations())
def test_http_a_prompt_is_read_back_as_it_was(dialect: Dialect, messages: list[Message]) -> None:
    chat = read_prompt(rendered(messages, dialect), dialect)
    assert without_ids(chat) == chat_messages(messages)
    made = [call["id"] for row in chat for call in row.get("tool_calls", ())]
    assert made == [row["tool_call_id"] for row in chat if row["role"] == "tool"]
    assert len(set(made)) == len(made)


def test_http_a_call_that_could_not_be_read_is_left_out_with_its_result() -> None:
    good = tool_call("send_command", {"command": "BANK_OPEN"})
    bad = (ToolCall("", "{nonsense", None, "bad"), ToolCall("send_command", "{", None, "bad"))
    messages = [
        Message("system", "s"),
        Message("user", "u"),
        Message("assistant", "", (bad[0], good, bad[1])),
        *(Message("tool", text) for text in ("first", "second", "third")),
        Message("user", "v"),
    ]
    chat = read_prompt(rendered(messages, DIALECTS["hermes"]), DIALECTS["hermes"])
    assert [row["role"] for row in chat] == ["system", "user", "assistant", "tool", "user"]
    assert [call["function"]["arguments"] for call in chat[2]["tool_calls"]] == [good.arguments]
    assert chat[3]["content"] == "second"


@given(name=st.text(min_size=1, max_size=12), arguments=VALUES)
def test_http_a_structured_call_is_the_call_that_the_parser_would_read(
    name: str, arguments: dict[str, Any]
) -> None:
    raw = json.dumps(arguments)
    call = read_call(name, raw, DIALECTS["hermes"])
    assert (call.tool, call.arguments, call.parsed, call.parse_error) == (name, raw, arguments, None)


@given(arguments=st.text(max_size=40) | st.none() | st.integers() | st.lists(st.integers()))
def test_http_no_arguments_make_it_raise(arguments: Any) -> None:
    call = read_call("send_command", arguments, DIALECTS["hermes"])
    assert (call.parsed is None) == (call.parse_error is not None)


# -- names, keys, addresses ------------------------------------------------------


def test_http_names() -> None:
    assert is_remote("ollama:qwen2.5:14b")
    assert not any(map(is_remote, ("default", "base", "ollama", "ollama:", "C:\\model.gguf", "/a/b:c.gguf")))
    preset, model = split_name("ollama:qwen2.5:14b")
    assert (preset.name, model) == ("ollama", "qwen2.5:14b")
    with pytest.raises(EngineError, match="llama-server"):
        split_name("openrouter:x")


def test_http_load_engine_knows_remote_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "abcd-1234")
    with load_engine("gemini:gemini-flash") as engine:
        assert isinstance(engine, HttpEngine)
        assert engine.endpoint.url == PRESETS["gemini"].url
        assert "abcd" not in repr(engine.endpoint)


def test_http_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gemini = PRESETS["gemini"]
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(EngineError, match="GEMINI_API_KEY"):
        find_key(gemini)
    monkeypatch.setenv("GEMINI_API_KEY", " from-env \n")
    found = find_key(gemini)
    assert found is not None
    assert found.header() == "Bearer from-env"
    file = tmp_path / "key"
    file.write_text("from-file\n")
    file.chmod(0o644)
    with pytest.raises(EngineError, match="chmod 600"):
        find_key(gemini, file)
    file.chmod(0o600)
    found = find_key(gemini, file)
    assert found is not None
    assert found.header() == "Bearer from-file"
    with pytest.raises(EngineError, match="cannot be read"):
        find_key(gemini, tmp_path / "none")
    for bad in ("", "two words", "ключ-ключ", "line\nbreak"):
        file.write_text(bad)
        with pytest.raises(EngineError, match="is no key"):
            find_key(gemini, file)
    assert find_key(PRESETS["lmstudio"]) is None


@pytest.mark.parametrize(
    ("url", "key", "cure"),
    [
        ("", None, "set `endpoint`"),
        ("ftp://x/v1", None, "set `endpoint`"),
        ("localhost:11434", None, "set `endpoint`"),
        ("http://[::1/v1", None, "set `endpoint`"),
        ("http://host:99999/v1", None, "set `endpoint`"),
        ("http://me:pw@127.0.0.1/v1", None, "no password"),
        ("http://192.168.1.7:8080/v1", Key("secret"), "unencrypted"),
        ("http://127.0.0.1.evil.example/v1", Key("secret"), "unencrypted"),
    ],
)
def test_http_addresses_that_are_refused(url: str, key: Key | None, cure: str) -> None:
    with pytest.raises(EngineError, match=cure) as refusal:
        Endpoint(PRESETS["http"], "m", url, key)
    assert "pw" not in str(refusal.value).replace("password", "")


def test_http_addresses_that_are_taken() -> None:
    for url in ("http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:8/v1"):
        assert Endpoint(PRESETS["http"], "m", url, Key("secret")).local
    assert not Endpoint(PRESETS["http"], "m", "http://192.168.1.7/v1").local
    with open_remote("http:m", url="https://example.org/v1", tools=()) as engine:
        assert engine.name == "http:m"


def test_http_pauses_grow_and_differ() -> None:
    patience = Patience(tries=4, pause=1.0, longest=20.0)
    for tried, least, most in ((1, 0.5, 1.0), (2, 1.0, 2.0), (3, 2.0, 4.0)):
        pauses = {patience.before_next(tried, None) for _ in range(20)}
        assert len(pauses) > 1
        assert all(pause is not None and least <= pause <= most for pause in pauses)
    assert patience.before_next(4, None) is None
    assert patience.before_next(1, 21.0) is None
    wanted = patience.before_next(1, 5.0)
    assert wanted is not None
    assert 5.0 <= wanted <= 5.5


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("3", 3, 3), ("0.5", 0.5, 0.5), ("-1", 0, 0), (formatdate(0, usegmt=True), 0, 0)],
)
def test_http_retry_after_is_read(text: str, least: float, most: float) -> None:
    wanted = wanted_pause({"retry-after": text})
    assert wanted is not None
    assert least <= wanted <= most


@pytest.mark.parametrize("text", ["", "soon", "nan s"])
def test_http_retry_after_that_says_nothing(text: str) -> None:
    assert wanted_pause({"retry-after": text}) is None
