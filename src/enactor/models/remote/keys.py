"""Keys of remote servers: from the environment or a private file, and never shown."""

import os
import stat
from pathlib import Path

from enactor.models.engine import EngineError
from enactor.models.remote.presets import Preset

HIDDEN = "[key]"


class Key:
    """A key that no `repr`, `str`, pickle or traceback shows; only `header` has it."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> str:
        raise TypeError("a key is not written down")

    def header(self) -> str:
        """The value of `Authorization`."""
        return f"Bearer {self._secret}"

    def hide(self, text: str) -> str:
        """`text` without the key: some servers repeat it in their errors."""
        return text.replace(self._secret, HIDDEN)


def find_key(preset: Preset, file: Path | None = None) -> Key | None:
    """The key in `file` where one is named, else in the preset's variable; None where there is none and
    none is needed. Raises `EngineError` for a key that is missing, malformed, or readable by others."""
    if file is not None:
        return _checked(read_private(file), str(file))
    variable = preset.key_variable
    if variable and os.environ.get(variable, "").strip():
        return _checked(os.environ[variable].strip(), variable)
    if preset.key_needed:
        raise EngineError(
            f"{preset.name} needs a key: set the environment variable {variable}, or write it to a private "
            "file and name that in the setting `key_file`"
        )
    return None


def read_private(file: Path) -> str:
    """The text of a file that only its owner may read, stripped. Raises `EngineError` for another."""
    try:
        mode = file.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise EngineError(f"others may read the secret in {file}: chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise EngineError(f"the secret in {file} cannot be read ({reason}): name another file") from None


def _checked(secret: str, where: str) -> Key:
    if len(secret) < 4 or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise EngineError(f"what is in {where} is no key: one word of printable ASCII is needed")
    return Key(secret)
