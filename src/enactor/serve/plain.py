"""Text of players and of the game on a terminal."""

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """`text` without what would steer the terminal: escape sequences, carriage returns, direction marks."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
