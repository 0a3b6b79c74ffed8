"""What the tests of the service share: scripted models, a service over simulators, its events."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

from enactor.models import Completion, ScriptedEngine
from enactor.models.engine import Engine, Options
from enactor.serve.core import Account, Caller, Event, Limits, Model, Service
from enactor.sim import Simulator
from enactor.trace import TraceStore

START: Mapping[str, Any] = {
    "location": [3222, 3218, 0],
    "health": [30, 35],
    "inventory": ["Tuna", "Logs x3", "Bronze axe"],
}
ME = Caller("test", "1", "me")


def turn(*lines: str) -> str:
    """The model text of these commands."""
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in lines]
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


def walker() -> ScriptedEngine:
    """A model that always walks five tiles east."""
    return ScriptedEngine(lambda prompt: turn("GOTO east 5"))


class SlowEngine:
    """An engine that decodes a word every `step_s` seconds and listens to `on_text`, as llama.cpp does; with
    `deaf` it hangs and listens to nothing."""

    name = "slow"

    def __init__(self, step_s: float = 0.02, words: int = 500, deaf: bool = False) -> None:
        self.step_s, self.words, self.deaf = step_s, words, deaf
        self.under_way = threading.Event()
        self.free = threading.Event()
        self.ended = 0

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """Words until told to end."""
        on_text = options.get("on_text")
        try:
            for _ in range(self.words):
                self.under_way.set()
                if self.free.wait(self.step_s):
                    break
                if not self.deaf and on_text is not None and on_text("word "):
                    return Completion("word", cancelled=True, stopped=False)
            return Completion(turn("GOTO east 5"))
        finally:
            self.ended += 1

    def cancel(self) -> None:
        """It listens to `on_text`."""

    def close(self) -> None:
        """End what hangs."""
        self.free.set()


class Heard:
    """The events of a service, to be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._more = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._more:
            self.events.append(event)
            self._more.notify_all()

    def wait(
        self, kind: type, found: Callable[[Any], bool] = lambda event: True, within_s: float = 20
    ) -> Any:
        """The first event of the kind that `found` holds for."""
        deadline = time.monotonic() + within_s
        with self._more:
            while True:
                for event in self.events:
                    if isinstance(event, kind) and found(event):
                        return event
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} among {self.events}"
                self._more.wait(left)

    def kinds(self, request: str) -> list[str]:
        """What happened to a request, in order."""
        return [type(event).__name__ for event in self.events if event.request == request]


@contextmanager
def serving(
    engine: Engine | None = None, folder: Path | None = None, *names: str, **options: Any
) -> Iterator[tuple[Service, Heard]]:
    """A running service over a simulator for each name (one, `main`, without)."""
    limits = options.pop("limits", Limits(per_minute=100_000))
    store = TraceStore(folder / "log") if folder else None
    accounts = options.pop("accounts", None) or [
        Account(name, Simulator(seed=seed, start=START)) for seed, name in enumerate(names or ("main",))
    ]
    model = Model("scripted", engine or walker(), slots=options.pop("slots", 1))
    service = Service(accounts, model, store=store, folder=folder, limits=limits, **options)
    heard = Heard()
    service.subscribe(heard)
    service.start()
    try:
        yield service, heard
    finally:
        service.close()
