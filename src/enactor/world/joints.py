"""Where a message may end one task and begin another, by its words alone."""

import re

_AFTER = "then|thn|den|afterwards|(?:after|once|when) (?:all )?(?:that|done)"
BETWEEN = re.compile(
    rf"\s*(?:;|\n+|->|=>|\||(?<=[a-z])/(?=[a-z])|[,.]?\s*\b(?:and )?(?:{_AFTER})\b[,:]?)\s*"
    r"|[,.]\s*(?:next|later|finally|lastly|last|at (?:the )?end)\b[,:]?\s*",
    re.IGNORECASE,
)
"""What surely stands between two tasks."""
MAYBE = re.compile(r"\s*[,.]\s+(?:and |n |& )?|\s+(?:and|n|&)\s+", re.IGNORECASE)
"""What stands between two tasks, or inside one."""
BULLET = re.compile(r"^\s*(?:\d+[.):]|[-*•])\s+")
_NUMBER = re.compile(r"(?:^|(?<=\s))\d[.):]\s+")


def pieces_between(message: str) -> list[str]:
    """The message cut at every joint, sure or not, none of the pieces empty."""
    cut = (
        piece
        for part in BETWEEN.split(message)
        for line in _NUMBER.split(part)
        for piece in MAYBE.split(line)
    )
    return [piece for raw in cut if (piece := BULLET.sub("", raw).strip(" ,.+"))]
