"""Requests that skip the model: typed commands, and every way of saying stop.

They skip neither the grammar nor the gate.
"""

import re

from enactor.world import COMMANDS, CommandError, parse

STOP_WORDS = frozenset(
    (
        *("stop", "stop it", "stop now", "stop that", "stop this", "stop everything", "stopp", "halt"),
        *("stop please", "stop pls", "please stop", "pls stop", "just stop"),
    )
)
_WORDS = re.compile(r"[^a-z ]+")
_RUN = re.compile(
    r"^(?i:(?:(?:please|pls|plz|just|now|ok)\s+)?(?:run|send|execute|do|use|type|try)\s+"
    r"(?:the\s+)?(?:command\s*:?\s+)?)(?=[A-Z][A-Z_]+(?: |$))"
)


def is_stop(message: str) -> bool:
    """Whether the whole message only says stop, in any case and punctuation."""
    return " ".join(_WORDS.sub(" ", message.casefold()).split()) in STOP_WORDS


def direct_lines(message: str) -> tuple[str, ...]:
    """The command lines that the player typed, or none when the message is meant for the model.

    A message is typed commands when every line of it begins with a declared verb in capitals ("run GOTO …"
    does too). A line of capitals that is no valid command although its verb is a plain English word (`KILL
    300 FROGS`) is speech; with a verb that nobody says (`KILL_LOOP`) it is a mistyped command, and the
    grammar's error answers.
    """
    if is_stop(message):
        return ("STOP",)
    lines = [_RUN.sub("", line.strip()) for line in message.splitlines() if line.strip()]
    if not lines or not all(_typed(line) for line in lines):
        return ()
    return tuple(lines)


def _typed(line: str) -> bool:
    verb = line.split()[0]
    if verb not in COMMANDS:
        return False
    if "_" in verb:
        return True
    if verb == "STOP":
        return line == verb
    try:
        parse(line)
    except CommandError:
        return False
    return not _shouted(line)


def _shouted(line: str) -> bool:
    """`FISH SOME SHRIMPS`: more than a verb and one word, all in capitals, is a raised voice."""
    words = line.split()
    return len(words) > 2 and line.upper() == line and any(word.isalpha() for word in words[1:])
