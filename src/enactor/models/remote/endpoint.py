"""Where a remote model is, and what may be sent there."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from enactor.models.engine import EngineError
from enactor.models.remote.keys import Key
from enactor.models.remote.presets import Preset


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an address. Raises `EngineError` for an address that cannot be used."""

    preset: Preset
    model: str
    url: str
    key: Key | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole:
            raise EngineError(f"{self.url or 'nothing'} is no address: set `endpoint`, http://HOST:PORT/v1")
        if parts.username or parts.password:
            raise EngineError("an address holds no password: put the key into the environment or a file")
        if self.key is not None and parts.scheme == "http" and not self.local:
            raise EngineError(
                f"a key is not sent unencrypted to {parts.hostname}: use https, or an address on this machine"
            )

    @property
    def local(self) -> bool:
        """Whether the address is on this machine: no proxy stands between."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None

    @property
    def name(self) -> str:
        """As the user writes it: `ollama:qwen2.5:14b`."""
        return f"{self.preset.name}:{self.model}"
