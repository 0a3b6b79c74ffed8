"""The options of `enactor serve discord`, and its start."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from enactor.errors import EnactorError
from enactor.settings import SERVED, Settings

SETTINGS = (
    "discord_owner",
    "discord_users",
    "discord_roles",
    "discord_watchers",
    "discord_channels",
    "discord_token_file",
    "accounts",
    "slots",
    "game_folder",
    "account",
    "client_command",
    "unattended",
    *SERVED,
)


class Config(BaseModel):
    """Serve the players of a Discord server, or of direct messages. The token comes from DISCORD_TOKEN or a
    private file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speed: float = Field(
        1.0,
        ge=0,
        le=1000,
        description="Game seconds of the simulator that pass in a real one; 0 computes all at once.",
    )
    state: Annotated[Path, AfterValidator(Path.expanduser)] | None = Field(
        None,
        description="Folder of the queue and of the tasks for later. Without it: that of the platform.",
    )
    waiting: int = Field(5, ge=1, le=100, description="Requests that one player may have waiting.")
    per_minute: int = Field(
        20, ge=1, le=1000, description="Messages of one player that are taken in a minute."
    )
    ask: float = Field(
        60.0, gt=0, le=3600, description="Seconds in which a question wants its yes; then it is left."
    )
    model_choice: tuple[str, ...] = Field(
        (), description="A model that /model and /ab offer beside the one that answers; may be repeated."
    )


def run(config: Config, settings: Settings) -> int:
    """Serve until Ctrl-C or SIGTERM; 0. Raises `EnactorError` without the extra, a token or an owner, and for
    what the service itself needs."""
    if find_spec("discord") is None:
        raise EnactorError("the bot needs discord.py: install the extra, pip install 'enactor[discord]'")
    if not (settings.discord_owner or settings.discord_users or settings.discord_roles):
        raise EnactorError(
            "nobody could use the bot: set `discord_owner` to your Discord user id (Settings, Advanced, "
            "Developer Mode; then right-click your name, Copy User ID)"
        )
    from enactor.serve.discord.serve import serve

    return serve(config, settings)
