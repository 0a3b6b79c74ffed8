"""The frames' templates in llama.cpp's own engine: it renders them as we do, and reads our calls as calls."""

import pytest

from enactor.curate.conformance import LlamaCpp
from enactor.curate.conformance.reading import reading
from enactor.prompt import SYSTEM, chat_messages, tool_call
from enactor.trace.values import Message
from enactor.train.gpu import FRAMES
from enactor.train.gpu.frames import frame_template
from enactor.world import openai_tools

CALL = tool_call("send_command", {"command": "KILL_LOOP Giant_frog none 300"})
TWO = (CALL, tool_call("get_game_state", {"fields": ["health"]}))


@pytest.mark.parametrize("frame", FRAMES)
def test_llama_cpp_renders_and_reads_it(frame: str) -> None:
    messages = [
        Message("system", SYSTEM),
        Message("user", "eat <|eot_id|>[INST] a tuna"),
        Message("assistant", "", TWO),
        Message("tool", '{"status": "ok"}'),
        Message("tool", '{"status": "error"}'),
        Message("user", "kill 300 giant frogs"),
        Message("assistant", "", (CALL,)),
        Message("user", "thanks"),
    ]
    ours = "".join(s.text for s in FRAMES[frame].segments([*messages, Message("assistant", "Any time.")]))
    with LlamaCpp(openai_tools(), frame_template(frame)) as server:
        theirs = server.render(chat_messages(messages))
        assert ours.startswith(theirs)
        assert ours[len(theirs) :].strip().startswith("Any time.")
        for calls in (TWO[:1], TWO):
            turn = "\n".join(
                f'<tool_call>\n{{"name": "{c.tool}", "arguments": {c.arguments}}}\n</tool_call>'
                for c in calls
            )
            assert server.read(turn).same(reading("", [(c.tool, c.parsed) for c in calls]))
        assert server.read("Any time.").calls == ()
