"""A real server on a real socket, with an engine that says what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

import httpx

from enactor.models.engine import Completion, Engine, Options, Request
from enactor.serve.model.app import build_app
from enactor.serve.model.card import Card
from enactor.serve.model.config import Config
from enactor.serve.model.desk import Desk
from enactor.serve.model.guard import names_of
from enactor.serve.model.service import listen, server_for
from enactor.serve.model.turn import Service

CARD = Card("default", 2048, 145_000_000, "ab" * 32, "2026-11-22T10:00:00+00:00", parameters=134_515_008)


class Slow:
    """An engine that says one word after each `step`, and keeps what became of its completions."""

    name = "default"

    def __init__(self) -> None:
        self.step = threading.Semaphore(0)
        self.began = threading.Semaphore(0)
        self.ended: list[Completion] = []
        self.end = threading.Semaphore(0)

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        request = Request(prompt, **options)
        self.began.release()
        text = ""
        cancelled = False
        for word in ("one", " two", " three"):
            while not (self.step.acquire(timeout=0.02) or cancelled):
                cancelled = request.on_text is not None and request.on_text("")
            cancelled = cancelled or (request.on_text is not None and request.on_text(word))
            text += word
            if cancelled:
                break
        self.ended.append(Completion(text, stopped=not cancelled, cancelled=cancelled))
        self.end.release()
        return self.ended[-1]

    def cancel(self) -> None:
        for _ in range(99):
            self.step.release()

    def close(self) -> None:
        self.cancel()


@contextmanager
def offered(
    engine: Engine,
    *,
    slots: int = 2,
    queue: int = 8,
    token: str | None = None,
    untuned: bool = False,
    card: Card = CARD,
    allow: tuple[str, ...] = (),
) -> Iterator[str]:
    """The base address of a server with `engine`."""
    config = Config(port=0, allow_host=allow)
    with listen(config) as bound:
        desk = Desk(engine, slots=slots, queue=queue)
        server = server_for(build_app(Service(desk, card, untuned), names=names_of(config), token=token))
        server.config.timeout_graceful_shutdown = 1
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        try:
            httpx.get(url, trust_env=False)  # the socket listens already; this waits for the application
            yield url
        finally:
            server.should_exit = True
            thread.join(10)
            desk.close()
