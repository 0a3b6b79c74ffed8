"""The plugin's side, played by the simulator in a thread over real files, fast."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enactor.sim import Simulator
from enactor.sim.plugin_files import PluginFiles

POLL_S = 0.005
SPEED = 30.0
FAST: dict[str, Any] = {
    "spacing_s": 0.0,
    "timeout_s": 0.5,
    "begin_s": 0.3,
    "delivery_s": 0.2,
    "tick_s": 0.6 / SPEED,
    "poll_s": 0.002,
}


class Bookkeeper(Simulator):
    """A simulator that notes the lines it is sent and repeats each in the response."""

    def __init__(self, start: Mapping[str, Any] | None = None) -> None:
        super().__init__(start=start)
        self.book: list[str] = []

    def send(self, line: str) -> Mapping[str, Any]:
        """Carry out, note, repeat."""
        self.book.append(line)
        return {**super().send(line), "echo": line}


class Played:
    """A running plugin side."""

    def __init__(self, game: Bookkeeper, server: PluginFiles) -> None:
        self.game, self.server = game, server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=server.serve, args=(self._stop,))
        self._thread.start()

    def end(self) -> None:
        """Stop serving."""
        self._stop.set()
        self._thread.join()


def text_of(path: Path) -> str:
    """What a file holds, nothing when it is not there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
