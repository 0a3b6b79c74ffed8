"""The bot's token: from the environment or a private file, and never shown."""

import logging
import os
import re
from pathlib import Path

from enactor.errors import EnactorError
from enactor.models.remote.keys import HIDDEN, read_private

VARIABLE = "DISCORD_TOKEN"
_FORM = re.compile(r"[A-Za-z0-9_.\-]{20,200}")


class Token:
    """A secret that no `repr`, `str`, pickle or traceback shows; only `reveal` has it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Token(…)"

    def __reduce__(self) -> str:
        raise TypeError("a token is not written down")

    def reveal(self) -> str:
        """The token itself, for the client."""
        return self._secret

    def hide(self, text: str) -> str:
        """`text` without the token."""
        return text.replace(self._secret, HIDDEN)


class HideToken(logging.Filter):
    """Takes the token out of whatever is logged."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        """Always logged, never with the token."""
        record.msg, record.args = self._token.hide(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self._token.hide(logging.Formatter().formatException(record.exc_info))
        return True


def find_token(file: Path | None) -> Token:
    """The token in `file` where one is named, else in the environment, which children then do not inherit.
    Raises `EnactorError` for one that is missing, malformed, or readable by others."""
    if file is not None:
        return _checked(read_private(file), str(file))
    secret = os.environ.pop(VARIABLE, "").strip()
    if not secret:
        raise EnactorError(
            f"the bot needs its token: set the environment variable {VARIABLE}, or write it to a file that "
            "only you may read (chmod 600) and name that in the setting `discord_token_file`"
        )
    return _checked(secret, VARIABLE)


def _checked(secret: str, where: str) -> Token:
    if not _FORM.fullmatch(secret):
        raise EnactorError(f"what is in {where} is no bot token: copy it from the developer portal again")
    return Token(secret)
