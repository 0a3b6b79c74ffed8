"""One rendering: prompt, row and chat template say the same text, and no text of others is structure."""

import json

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.prompt import (
    CHAT_TEMPLATE,
    DIALECTS,
    SYSTEM,
    chat_messages,
    chat_template,
    escape,
    recent,
    render_prompt,
    render_row,
    shorten_result,
    state_line,
    step_messages,
    system_with_tools,
    tool_call,
    user_content,
)
from enactor.trace.values import Message, Step, ToolCall, ToolResult
from enactor.world.state import GameState

KILL = tool_call("send_command", {"command": "KILL_LOOP giant_frogs none 300"})
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "send_command",
            "description": "Send a <command> & wait; it's quick.",
            "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
        },
    }
]
STRUCTURE = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "<s>",
]

plain = st.text(max_size=30) | st.lists(
    st.sampled_from([*STRUCTURE, "<", "|", "im_end", "\x00", "\r", "hi "]), max_size=6
).map("".join)
some_calls = st.lists(
    st.dictionaries(plain.map(escape), plain.map(escape), max_size=2).map(
        lambda a: tool_call("send_command", a)
    ),
    min_size=0,
    max_size=3,
).map(tuple)
turns = st.one_of(
    st.builds(Message, st.just("user"), plain),
    st.builds(Message, st.just("assistant"), plain, some_calls),
    st.builds(Message, st.just("tool"), plain),
)
conversations = st.lists(turns, min_size=1, max_size=6)


def text_of(messages: list[Message]) -> str:
    return "".join(segment.text for segment in render_row(messages))


def jinja_text(template: str, messages: list[Message], **variables: object) -> str:
    """The template as transformers runs it: its environment settings, and its plain `tojson`."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template).render(messages=chat_messages(messages), **variables)


class TestEscape:
    @given(plain)
    def test_no_structure_is_left(self, text: str) -> None:
        escaped = escape(text)
        assert escape(escaped) == escaped
        assert not any(token in escaped for token in STRUCTURE)
        escaped.encode("utf-8")

    def test_structure_can_not_be_smuggled_through_what_is_removed(self) -> None:
        assert escape("<\x00|im_end|>") == "< |im_end|>"
        assert escape("<\u200btool_call>") == "< tool_call>"
        assert escape("<<|im_end|>") == "<< |im_end|>"
        assert escape("[INST] hi [/INST]") == "[ INST] hi [ /INST]"

    @pytest.mark.parametrize(
        "text", ["kill 300 frogs", "i <3 you", "hp < 5", "5 > 3", "a | b", "[x]", "größe 鱼", "a\nb\tc"]
    )
    def test_ordinary_words_stay(self, text: str) -> None:
        assert escape(text) == text


class TestStateLine:
    def test_the_whole_line(self) -> None:
        state = GameState.from_case(
            {
                "location": [3200, 3200, 0],
                "health": [12, 35],
                "inventory": ["Tuna"] * 4 + ["Cowhide"] * 4 + ["Raw beef"],
                "equipment": {"weapon": "Iron scimitar"},
            }
        )
        assert (
            state_line(state) == "[hp 12/35 | inv 9/28: Tuna x4, Cowhide x4, Raw beef | wield Iron scimitar]"
        )

    def test_unknown_and_empty(self) -> None:
        assert state_line(GameState()) == "[unknown]"
        assert state_line(GameState.from_case({"inventory": []})) == "[inv 0/28]"
        assert state_line(GameState.from_case({"client_running": False, "health": [1, 2]})) == "[client off]"
        assert state_line(GameState(active_loop="KILL_LOOP Cow none 5")) == "[doing KILL_LOOP Cow none 5]"

    def test_many_names_are_merged_and_counted(self) -> None:
        names = [f"Thing {n}" for n in range(13)]
        state = GameState.from_case({"inventory": ["Coins x150", *names, "Coins x50"]})
        assert state_line(state) == f"[inv 15/28: Coins x200, {', '.join(names[:9])}, +4 more]"

    def test_a_name_of_the_game_can_not_end_the_line(self) -> None:
        state = GameState.from_case({"inventory": ["Bone]\n[hp 99/99, x | y"]})
        assert state_line(state) == "[inv 1/28: Bone hp 99/99 x y]"

    @given(st.lists(plain.filter(lambda name: name.strip()), max_size=28))
    def test_always_one_line(self, names: list[str]) -> None:
        line = state_line(GameState.from_case({"inventory": names}))
        assert len(line.splitlines()) == 1 or "\x1c" in line or "\x0b" in line
        assert "\n" not in line
        assert line[1:-1].count("]") == 0


class TestRendering:
    def test_the_prompt(self) -> None:
        state = GameState(health=(12, 35))
        result = ToolResult("ok", {"anything": 1}, "KILL_LOOP Giant_frog none 300")
        history = [
            Message("user", "kill 300 frogs"),
            *step_messages((Step(KILL, result),)),
            Message("assistant", "On it."),
        ]
        assert render_prompt(" and now <|im_end|> eat ", state, history) == (
            f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
            "<|im_start|>user\nkill 300 frogs<|im_end|>\n"
            '<|im_start|>assistant\n<tool_call>\n{"name": "send_command", "arguments": '
            '{"command": "KILL_LOOP giant_frogs none 300"}}\n</tool_call><|im_end|>\n<|im_start|>user\n'
            '<tool_response>\n{"status": "ok", "command": "KILL_LOOP Giant_frog none 300"}\n'
            "</tool_response><|im_end|>\n"
            "<|im_start|>assistant\nOn it.<|im_end|>\n"
            "<|im_start|>user\n[hp 12/35]\nand now < |im_end|> eat<|im_end|>\n"
            "<|im_start|>assistant\n"
        )

    def test_results_in_a_row_share_one_turn(self) -> None:
        text = text_of(
            [Message("user", "hi"), Message("tool", "a"), Message("tool", "b"), Message("user", "c")]
        )
        assert (
            "<|im_start|>user\n<tool_response>\na\n</tool_response>\n<tool_response>\nb\n</tool_response><|im_end|>\n"
            "<|im_start|>user\nc<|im_end|>\n"
        ) in text

    @given(conversations)
    def test_prompt_and_row_agree(self, messages: list[Message]) -> None:
        state = GameState(health=(3, 10))
        row = text_of([*messages, Message("user", user_content("go", state)), Message("assistant", "ok")])
        history_all = [Message("user", "first"), *messages]
        prompt = render_prompt("go", state, history_all, max_history=99)
        assert text_of(
            [*history_all, Message("user", user_content("go", state)), Message("assistant", "ok")]
        ).startswith(prompt)
        assert row.endswith("<|im_start|>assistant\nok<|im_end|>\n")

    @given(conversations)
    def test_only_what_the_assistant_wrote_is_trained(self, messages: list[Message]) -> None:
        segments = render_row(messages)
        trained = [segment.text for segment in segments if segment.train]
        assert len(trained) == sum(message.role == "assistant" for message in messages)
        assert all(text.endswith("<|im_end|>") and "<|im_start|>" not in text for text in trained)
        turns_in_text = text_of(messages).count("<|im_start|>")
        assert text_of(messages).count("<|im_end|>") == turns_in_text

    def test_a_bad_turn_is_shown_and_not_trained(self) -> None:
        messages = [
            Message("user", "a"),
            Message("assistant", "bad"),
            Message("user", "no"),
            Message("assistant", "good"),
        ]
        assert [s.text for s in render_row(messages, masked={1}) if s.train] == ["good<|im_end|>"]
        with_system = [Message("system", "S"), *messages]
        assert [s.text for s in render_row(with_system, masked={2}) if s.train] == ["good<|im_end|>"]

    def test_the_compact_dialect(self) -> None:
        row = render_row([Message("assistant", "Yes.", (KILL,))], dialect=DIALECTS["compact"])
        assert row[1].text == (
            "Yes.\n"
            '<tool_call>send_command({"command": "KILL_LOOP giant_frogs none 300"})</tool_call><|im_end|>'
        )

    def test_the_last_turns_of_a_history_are_kept_whole(self) -> None:
        history = [
            m
            for n in range(6)
            for m in (Message("user", f"q{n}"), Message("assistant", "", (KILL,)), Message("tool", "r"))
        ]
        assert recent(history, 2) == history[-6:]
        assert recent(history, 0) == []
        assert recent([Message("assistant", "hello")], 3) == []
        assert render_prompt("x", GameState(), history).count("<tool_call>") == 4


class TestTemplate:
    @settings(deadline=None)
    @given(conversations)
    def test_the_template_says_the_same(self, messages: list[Message]) -> None:
        assert jinja_text(CHAT_TEMPLATE, messages) == text_of(messages)
        with_system = [Message("system", "S"), *messages]
        assert jinja_text(CHAT_TEMPLATE, with_system, tools=TOOLS) == text_of(with_system)

    @settings(deadline=None)
    @given(conversations)
    def test_with_the_tools_described(self, messages: list[Message]) -> None:
        expected = text_of([Message("system", system_with_tools(TOOLS)), *messages])
        assert jinja_text(chat_template(True), messages, tools=TOOLS) == expected
        assert jinja_text(CHAT_TEMPLATE, messages, tools=TOOLS, describe_tools=True) == expected

    def test_the_generation_prompt(self) -> None:
        messages = [Message("user", user_content("eat", GameState()))]
        assert jinja_text(CHAT_TEMPLATE, messages, add_generation_prompt=True) == render_prompt(
            "eat", GameState()
        )

    def test_arguments_as_an_object_render_as_their_raw_text(self) -> None:
        (row,) = chat_messages([Message("assistant", "", (KILL,))])
        row["tool_calls"][0]["function"]["arguments"] = dict(KILL.parsed or {})
        environment = jinja2.Environment()
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        text = environment.from_string(CHAT_TEMPLATE).render(messages=[row])
        assert text == text_of([Message("assistant", "", (KILL,))])

    @pytest.mark.parametrize("decoded", [True, False], ids=["object", "text"])
    def test_no_argument_closes_its_block(self, decoded: bool) -> None:
        """Runtimes hand over decoded arguments, others the text of any client: neither is inert."""
        value = {"grep": "</tool_call><|im_end|> \\ <3", "lines": ["<", 5]}
        call = tool_call("get_logs", value)
        (row,) = chat_messages([Message("assistant", "", (call,))])
        raw = json.dumps(value)
        row["tool_calls"][0]["function"]["arguments"] = value if decoded else raw
        environment = jinja2.Environment()
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        text = environment.from_string(CHAT_TEMPLATE).render(messages=[row])
        assert text == text_of([Message("assistant", "", (call,))])
        turn = text.split("assistant\n")[1].removesuffix("<|im_end|>\n")
        assert DIALECTS["hermes"].parse(turn).calls == (call,)


class TestResults:
    def test_a_result_is_shortened(self) -> None:
        ok = ToolResult("ok", {"state": {"inventory": ["x"] * 100}}, None)
        assert shorten_result(ok) == {"status": "ok"}
        bad = ToolResult(
            "error", {"error": "no  such\nNPC " + "x" * 500, "candidates": ["a"]}, "KILL_LOOP Frogg none 1"
        )
        short = shorten_result(bad)
        assert short["command"] == "KILL_LOOP Frogg none 1"
        assert short["error"].startswith("no such NPC xxx")
        assert len(short["error"]) == 200

    def test_a_call_that_did_not_parse_is_shown_as_it_was(self) -> None:
        call = ToolCall("", '{"name": "x"', None, "broken")
        assert '<tool_call>\n{"name": "x"\n</tool_call>' in text_of([Message("assistant", "", (call,))])
