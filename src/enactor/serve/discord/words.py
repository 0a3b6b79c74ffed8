"""Text for Discord: cut to what a message may hold, with nothing in it that would be taken for markup."""

import re
from collections.abc import Iterable

from enactor.serve.plain import plain

LIMIT = 2000
"""Characters of a message, counted as Discord counts them: UTF-16 units."""
BAR = 12
_MARKUP = re.compile(r"([\\*_~`|<>\[\]]|^\s*(?:[#-]+|\d+(?=\.)))", re.MULTILINE)
_FENCE = "```"
_CUTS = ("\n\n", "\n", ". ", " ")


def escaped(text: str) -> str:
    """Words of the game or of a player, to be read as they are: no markup, no mentions, no links. Mentions
    are switched off in every message besides."""
    return _MARKUP.sub(_escape, plain(text)).replace("://", ":\u200b//")


def _escape(found: re.Match[str]) -> str:
    mark = found[1]
    return f"{mark}\\" if mark[-1].isdigit() else f"\\{mark.lstrip()}"


def code(text: str) -> str:
    """A command as code, on one line."""
    return "`" + " ".join(plain(text).split()).replace("`", "'") + "`"


def length(text: str) -> int:
    """Characters as Discord counts them."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """`text` in parts of at most `limit`, cut where it hurts least: between paragraphs, lines, sentences,
    words. A block of code that is cut is closed, and opened again in the next part."""
    parts: list[str] = []
    rest = text.strip()
    while rest:
        if length(rest) <= limit:
            parts.append(rest)
            break
        head = _head(rest, limit - len(_FENCE) - 1)
        rest = rest[len(head) :].lstrip()
        head = head.rstrip()
        if head.count(_FENCE) % 2:
            opened = head[head.rfind(_FENCE) :].split("\n", 1)[0]
            if length(opened) > 24:  # no language, but text: it is not repeated
                opened = _FENCE
            head, rest = f"{head}\n{_FENCE}", f"{opened}\n{rest}"
        parts.append(head)
    return parts


def _head(text: str, limit: int) -> str:
    end = _reach(text, limit)
    for cut in _CUTS:
        at = text.rfind(cut, end // 2, end)
        if at > 0:
            return text[: at + len(cut)]
    return text[:end]


def _reach(text: str, limit: int) -> int:
    """How many characters of Python fit into `limit` of Discord's; never half of a pair."""
    units = 0
    for index, char in enumerate(text):
        units += 2 if ord(char) > 0xFFFF else 1
        if units > limit:
            return index
    return len(text)


def bar(done: int, total: int) -> str:
    """`▰▰▰▱▱▱▱▱▱▱▱▱ 3/12`."""
    full = round(BAR * min(max(done, 0), total) / total) if total > 0 else 0
    return f"{'▰' * full}{'▱' * (BAR - full)} {done:,}/{total:,}"


def span(seconds: float) -> str:
    """`40 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def listed(things: Iterable[str], most: int = 8) -> str:
    """Escaped, with dots between; what is too much is counted."""
    every = list(things)
    more = [f"{len(every) - most} more"] if len(every) > most else []
    return " · ".join([*(escaped(thing) for thing in every[:most]), *more])
