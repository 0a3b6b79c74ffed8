"""`enactor sim serve`: the simulator in the plugin's place, until a signal or for a while."""

import json
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from enactor.errors import EnactorError
from enactor.sim.faults import Faults
from enactor.sim.plugin_files import PluginFiles
from enactor.sim.simulator import Simulator
from enactor.world import ipc


class ServeConfig(Faults):
    """Play the plugin's side of the file protocol with a simulated game."""

    folder: Annotated[Path, AfterValidator(Path.expanduser)] = Field(
        default=Path("/tmp"), description="Folder of the plugin's files"
    )
    account: str = Field(
        default=ipc.DEFAULT_ACCOUNT,
        min_length=1,
        description="Account id; `default` means files without a suffix",
    )
    poll_s: float = Field(
        default=ipc.PLUGIN_POLL_S, gt=0, description="Seconds between two looks for a command"
    )
    speed: float = Field(
        default=1.0, gt=0, le=1000, description="How many times faster than the game time passes"
    )
    start: Path | None = Field(
        default=None,
        description="JSON file with the starting state, in the form of a `predict` case's `state`",
    )
    seconds: float | None = Field(
        default=None, gt=0, description="End after so many seconds; without it, on a signal"
    )


def serve_files(
    simulator: Simulator,
    folder: Path | str,
    account: str = ipc.DEFAULT_ACCOUNT,
    poll_s: float = ipc.PLUGIN_POLL_S,
    *,
    speed: float = 1.0,
    faults: Faults | None = None,
    stop: threading.Event | None = None,
) -> PluginFiles:
    """Serve a simulator until `stop` is set (for ever without one). Returns the server, for its fault counts.

    Raises `EnactorError` when the folder cannot be written. The simulator belongs to this call meanwhile.
    """
    server = PluginFiles(
        simulator, ipc.Mailbox(Path(folder), account), poll_s=poll_s, speed=speed, faults=faults
    )
    server.serve(stop or threading.Event())
    return server


def run(config: ServeConfig) -> int:
    """Serve until SIGINT or SIGTERM, or for `seconds`; 0. Call it from the main thread."""
    simulator = Simulator(config.seed, _start(config.start))
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    timer = threading.Timer(config.seconds, stop.set) if config.seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    box = ipc.Mailbox(config.folder, config.account)
    print(f"Playing the plugin: commands in {box.command}, state in {box.state}", flush=True)
    try:
        server = serve_files(
            simulator,
            config.folder,
            config.account,
            config.poll_s,
            speed=config.speed,
            faults=config,
            stop=stop,
        )
    finally:
        if timer:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
    if server.draw.counts:
        print("Faults: " + ", ".join(f"{kind} {n}" for kind, n in sorted(server.draw.counts.items())))
    return 0


def _start(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        start = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EnactorError(
            f"{path} cannot be read as a starting state ({error}): give a JSON file"
        ) from error
    if not isinstance(start, dict):
        raise EnactorError(f"{path} holds no JSON object: give the `state` of a case")
    return start
