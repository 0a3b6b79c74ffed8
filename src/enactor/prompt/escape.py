"""What a player or the game wrote can never become structure of the prompt."""

import re

# A `<` that could open a special token (`<|im_end|>`, `<s>`, `<file_sep>`) or one of our tags (`<tool_call>`,
# `</tool_response>`) is parted from what follows; `<3` and `< 5` stay as they are. The bracketed markers are
# Mistral's and Llama's.
_OPENING = re.compile(r"<(?=[|/!?A-Za-z_\uff5c])")
_BRACKETED = re.compile(r"\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT)\b)")
# C0 and C1 controls but tab and newline, invisible direction marks, lone surrogates (not encodable as UTF-8).
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def escape(text: str) -> str:
    """Player's or game's text made inert: no control characters, no tag or special token of any base.

    Idempotent; rendering applies it exactly once to every turn but the system's. Text without tags or
    controls comes back unchanged, except that line ends become `\\n`.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", text))
    return _BRACKETED.sub("[ ", _OPENING.sub("< ", text))
