"""The options of `enactor serve mcp`, and its start."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from enactor.errors import EnactorError
from enactor.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SETTINGS = (
    "backend",
    "dry_run",
    "read_only",
    "log",
    "training_log",
    "player",
    "loop_window",
    "seed",
    "game_folder",
    "account",
    "client_command",
    "unattended",
)
_PARTS = ("mcp", "jsonschema", "uvicorn", "starlette")


class Config(BaseModel):
    """Serve the game's tools over the Model Context Protocol: on stdio, or over HTTP with --http."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    http: bool = Field(False, description="Serve streamable HTTP instead of stdio.")
    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; any other than loopback needs a token."
    )
    port: int = Field(8765, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    token_file: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        None,
        description="File with the token that HTTP clients must send as `Authorization: Bearer`. Without "
        "it, an address other than loopback gets a new token at each start, told on stderr.",
    )
    allow_host: tuple[str, ...] = Field(
        (), description="A further name or address under which clients reach this one; repeatable."
    )
    allow_origin: tuple[str, ...] = Field(
        (),
        description="A further web origin whose pages may call (https://console.example); repeatable.",
    )
    patience: float = Field(
        45.0,
        gt=0,
        le=3600,
        description="Real seconds that a call waits for what it began; then it answers that it is running.",
    )
    unasked: Literal["token", "refuse"] = Field(
        "token",
        description="What cannot be undone, where the client has no way to ask the player: `token` hands out "
        "a word for the tool `confirm`, `refuse` leaves it undone.",
    )


def run(config: Config, settings: Settings) -> int:
    """Serve until the client leaves (stdio) or a signal comes; 0. Raises `EnactorError` without the extra,
    and for an address, a token or a game that cannot be had."""
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise EnactorError(
            f"the MCP server needs {', '.join(missing)}: install the extra, pip install 'enactor[mcp]'"
        )
    from enactor.serve.mcp.service import serve

    return serve(config, settings)
