"""The settings of the live bridge."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from enactor.world import ipc


class BridgeConfig(BaseModel):
    """How to reach the plugin of one account. All times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    folder: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("/tmp"), description="Folder of the plugin's files."
    )
    account: str = Field(
        default=ipc.DEFAULT_ACCOUNT,
        min_length=1,
        description="Account id; `default` means files without a suffix.",
    )
    timeout_s: float = Field(default=10.0, gt=0, description="How long to wait for a response.")
    again_s: float = Field(
        default=2.0,
        gt=0,
        description="A read that was taken and has not answered after this, or half of `timeout_s`, is sent "
        "once more: its answer may have been replaced by that of a running command.",
    )
    begin_s: float = Field(
        default=3.0,
        gt=0,
        description="How long to wait for the first response of a command that takes time; after that the "
        "state tells whether it runs.",
    )
    delivery_s: float = Field(
        default=ipc.DELIVERY_S,
        gt=0,
        description="A command that is still in its file after this was not consumed.",
    )
    spacing_s: float = Field(default=ipc.SPACING_S, ge=0, description="The least time between two commands.")
    poll_s: float = Field(
        default=0.05,
        gt=0,
        description="How often to look at the files where the system gives no notice of changes.",
    )
    notices: bool = Field(default=True, description="Wait for the file system's notices instead of polling.")
    tick_s: float = Field(default=ipc.TICK_S, gt=0, description="How often the plugin writes its state.")
    fresh_s: float = Field(default=ipc.FRESH_S, gt=0, description="Below this age the state counts as fresh.")
    disconnected_s: float = Field(
        default=ipc.DISCONNECTED_S, gt=0, description="From this age on the connection counts as lost."
    )
    frozen_s: float = Field(
        default=ipc.FROZEN_S, gt=0, description="From this age on the client counts as frozen or gone."
    )
    client_command: str | None = Field(
        default=None,
        examples=["/opt/runelite/client.sh {action} {account}"],
        description="Command line of the game client. With `{action}` it is run with `start`, `stop` and "
        "`restart` and has to return; without, it is the client itself and ends by a signal.",
    )
    client_timeout_s: float = Field(
        default=120.0,
        gt=0,
        description="How long a client may take to start, until its first state, or to stop.",
    )
    unattended_s: float | None = Field(
        6 * 3600.0,
        gt=0,
        description="How long it may act after the player's last word. Then the running command is stopped "
        "and only reads and STOP pass. None: no limit.",
    )
