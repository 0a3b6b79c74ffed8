"""The options of `enactor serve model`, and its start."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from enactor.errors import EnactorError
from enactor.settings import Settings

SETTINGS = ("model", "slots", "threads", "context", "cache")
_PARTS = ("starlette", "uvicorn")


class Config(BaseModel):
    """Serve the embedded model on an OpenAI-compatible endpoint and on Ollama's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; any other than loopback needs --token-file.",
    )
    port: int = Field(11435, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    token_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        None,
        description="File, readable by you alone, with the token that clients must send as "
        "`Authorization: Bearer` (their API key).",
    )
    allow_host: tuple[str, ...] = Field(
        (), description="A further name or address under which clients reach this one; may be repeated."
    )
    queue: int = Field(
        8, ge=0, le=1000, description="Requests that may wait for a slot; a further one is turned away."
    )


def run(config: Config, settings: Settings) -> int:
    """Serve until a signal comes; 0. Raises `EnactorError` without the extra, and for an address, a token or
    a model that cannot be had."""
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise EnactorError(
            f"the model server needs {', '.join(missing)}: install the extra, pip install 'enactor[serve]'"
        )
    from enactor.serve.model.service import serve

    return serve(config, settings)
