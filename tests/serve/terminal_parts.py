"""A player at the terminal: a service over one simulator with a scripted model, closed after each test."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from enactor.models.engine import Engine
from enactor.serve.core import Account, Limits, Model, Models, Service
from enactor.serve.core.account import SharedTasks
from enactor.serve.play import Player
from enactor.sim import Simulator
from enactor.trace import TraceStore

STATE: Mapping[str, Any] = {
    "location": [3222, 3218, 0],
    "health": [30, 35],
    "inventory": ["Tuna", "Logs x3", "Bronze axe"],
}
_open: list[Service] = []


def player(
    engine: Engine,
    store: TraceStore | None = None,
    game: Simulator | None = None,
    *,
    tasks: SharedTasks | None = None,
    name: str = "",
    open_model: Callable[[str], Model] | None = None,
    **options: Any,
) -> Player:
    """As `enactor chat` has it. `options` are the service's."""
    account = Account(
        "main", game or Simulator(start=STATE), tasks or SharedTasks(), loop_s=60, attended=False
    )
    service = Service(
        [account],
        Model(engine.name, engine),
        store=store,
        limits=Limits(per_minute=100_000, ask_s=1000),
        models=Models(open_model) if open_model else None,
        **options,
    )
    made = Player(service, name)
    service.start()
    _open.append(service)
    return made


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Services that a test opened end with it."""
    yield
    while _open:
        _open.pop().close()
