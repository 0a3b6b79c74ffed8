"""A plugin side and a bridge to it in a folder of the test."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from bridge_plugin import FAST, POLL_S, SPEED, Bookkeeper, Played

from enactor.bridge import LiveBackend
from enactor.sim.faults import Faults
from enactor.sim.plugin_files import PluginFiles
from enactor.world import ipc


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Played]]:
    """`play(faults=…, start=…, account=…)` serves `tmp_path` and waits for the first state."""
    running: list[Played] = []

    def begin(
        faults: Faults | None = None,
        start: Mapping[str, Any] | None = None,
        account: str = "default",
        poll_s: float = POLL_S,
    ) -> Played:
        box = ipc.Mailbox(tmp_path, account)
        game = Bookkeeper(start)
        played = Played(game, PluginFiles(game, box, poll_s=poll_s, speed=SPEED, faults=faults))
        running.append(played)
        wait = threading.Event()
        for _ in range(500):
            if box.state.exists():
                break
            wait.wait(0.005)
        return played

    yield begin
    for played in running:
        played.end()


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[LiveBackend]:
    """A bridge to `tmp_path`."""
    with LiveBackend(folder=tmp_path, **FAST) as backend:
        yield backend
