"""The options of `enactor serve web`, and its start."""

from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from enactor.errors import EnactorError
from enactor.settings import SERVED, Settings

SETTINGS = (
    "player",
    *SERVED,
)
_PARTS = ("starlette", "uvicorn")


class Config(BaseModel):
    """Talk, watch, judge and compare on one page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; others than loopback need --token."
    )
    port: int = Field(8738, ge=0, le=65535, description="Port; 0 takes a free one.")
    token: str = Field("", description="Ask for this token; `new` makes one and shows it.")
    offer: tuple[str, ...] = Field(
        (), description="A further model to choose from on the page; may be repeated."
    )
    speed: float = Field(
        10.0, ge=0, le=1000, description="Seconds of simulated time in a real one; 0 is at once."
    )
    reports: Path = Field(Path("runs"), description="Folder of the reports that the page lists.")
    state: Path | None = Field(
        None,
        description="Folder of the queue and the tasks for later. Without it: the platform's state folder.",
    )
    no_open: bool = Field(False, description="Do not open the browser.")


def run(config: Config, settings: Settings) -> int:
    """Serve until a signal comes; 0. Raises `EnactorError` without the extra, and for an address, a token or
    a model that cannot be had."""
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise EnactorError(
            f"the web console needs {', '.join(missing)}: install the extra, pip install 'enactor[serve]'"
        )
    from enactor.serve.web.server import serve

    return serve(config, settings)
