"""Values become model text, and back.

In: a player's message, a `GameState`, earlier `Message`s. Out: the prompt (`render_prompt`), the training row
with its loss mask (`render_row`), and from the model's text the calls (`DIALECTS[name].parse`).
`CHAT_TEMPLATE` is the same rendering for runtimes that take messages. Every turn of the player, the game and
the assistant is escaped exactly once, here, at rendering; callers hand in plain text.
"""

from enactor.prompt.dialects import DIALECTS, Dialect, ParsedTurn, render_turn, tool_call, write_arguments
from enactor.prompt.escape import escape
from enactor.prompt.render import (
    END,
    MAX_HISTORY,
    STOP_TOKENS,
    SYSTEM,
    Segment,
    chat_messages,
    recent,
    render_prompt,
    render_row,
    system_with_tools,
)
from enactor.prompt.results import result_message, shorten_result, step_messages
from enactor.prompt.state_line import offer_line, state_line, user_content
from enactor.prompt.template import CHAT_TEMPLATE, chat_template

__all__ = [
    "CHAT_TEMPLATE",
    "DIALECTS",
    "END",
    "MAX_HISTORY",
    "STOP_TOKENS",
    "SYSTEM",
    "Dialect",
    "ParsedTurn",
    "Segment",
    "chat_messages",
    "chat_template",
    "escape",
    "offer_line",
    "recent",
    "render_prompt",
    "render_row",
    "render_turn",
    "result_message",
    "shorten_result",
    "state_line",
    "step_messages",
    "system_with_tools",
    "tool_call",
    "user_content",
    "write_arguments",
]
