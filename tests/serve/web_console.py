"""The web console over a real service, simulator and socket, with a scripted model."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from enactor.models import ScriptedEngine
from enactor.serve.core import Account, Limits, Model, Service
from enactor.serve.core.models import Models
from enactor.serve.label import Desk, listen, make_routes
from enactor.serve.web.app import make_app
from enactor.serve.web.console import Console
from enactor.sim import Simulator
from enactor.trace import TraceStore
from enactor.world import Backend

ENDS = ("finished", "cancelled", "failed")
TOKEN = "a-token-of-some-length"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>\u202egnirts"


def turn(*lines: str) -> str:
    """What a model writes to send commands."""
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in lines]
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


def reply(prompt: str) -> str:
    """A model that knows a few words."""
    said = prompt.rsplit("<|im_start|>user", 1)[1].split("<|im_end|>")[0].rsplit("\n", 1)[-1]
    if "chicken" in said:
        return turn("GOTO lumbridge_chickens", "KILL_LOOP chickens none ten")
    if "east" in said:
        return turn("GOTO east 20")
    if "slow" in said:
        return turn("GOTO varrock")
    if "drop" in said:
        return turn("DROP_ALL")
    if "hp" in said:
        return '<tool_call>\n{"name": "get_game_state", "arguments": {"fields": ["health"]}}\n</tool_call>'
    if "odd" in said:
        return HOSTILE
    return "Glad to hear it."


@dataclass
class Running:
    """A console that runs: its address, its parts, a client of the page's own origin."""

    base: str
    console: Console
    service: Service
    store: TraceStore | None
    client: httpx.Client

    def say(self, message: str) -> dict[str, Any]:
        """One request, to its end."""
        request = self.client.post("/api/say", json={"message": message}).json()["request"]
        return self.until(lambda e: e.get("request") == request and e["event"] in ENDS)

    def until(self, wanted: Callable[[dict[str, Any]], bool], within_s: float = 20.0) -> dict[str, Any]:
        """The first kept event that is wanted."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            for _, record, _ in list(self.console.feed._events):
                if wanted(dict(record)):
                    return dict(record)
            time.sleep(0.02)
        raise AssertionError("it did not happen")


@contextmanager
def running(
    folder: Path,
    *,
    token: str = "",
    pace: float = 0.0,
    log: bool = True,
    backend: Backend | None = None,
    answer: Callable[[str], str] = reply,
    reports: Path | None = None,
    **options: Any,
) -> Iterator[Running]:
    """A console on a free port of the loopback."""
    import uvicorn

    def model(name: str) -> Model:
        return Model(name, ScriptedEngine(answer, name=name))

    store = TraceStore(folder / "log") if log else None
    service = Service(
        [Account("default", backend or Simulator(), loop_s=60, pace=pace)],
        model("default"),
        store=store,
        folder=folder / "state",
        limits=Limits(per_minute=10_000, ask_s=30),
        models=Models(model, lambda: ("default",)),
    )
    console = Console(service, player="ann", models=("default", "other"), label=log, **options)
    label = make_routes(Desk(store.folder), annotator="ann") if store else None
    app = make_app(console, token=token, reports=reports or folder / "reports", label=label)
    bound = listen("127.0.0.1", 0, token)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    console.start()
    service.start()
    thread.start()
    while not server.started:
        time.sleep(0.01)
    base = f"http://127.0.0.1:{bound.getsockname()[1]}"
    client = httpx.Client(base_url=base, headers={"Origin": base}, timeout=20)
    try:
        yield Running(base, console, service, store, client)
    finally:
        client.close()
        server.should_exit = True
        console.close()
        service.close()
        thread.join(5)
        bound.close()
