"""An engine of which one can be certain that a cancelled completion carries nothing out."""

import threading
from typing import Unpack

from enactor.models.engine import Completion, Engine, Options
from enactor.serve.played import Cancelled


class CancellableEngine:
    """An engine whose cancelled completion ends the request: half a call is no call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = threading.Event()

    @property
    def name(self) -> str:
        return self._engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Raises `Cancelled` after `cancel`, until `resume`."""
        if self._stopped.is_set():
            raise Cancelled("cancelled")
        done = self._engine.complete(prompt, **options)
        if self._stopped.is_set():
            raise Cancelled("cancelled")
        return done

    def cancel(self) -> None:
        """See `Engine.cancel`."""
        self._stopped.set()
        self._engine.cancel()

    def resume(self) -> None:
        """Take requests again."""
        self._stopped.clear()

    def close(self) -> None:
        """See `Engine.close`."""
        self._engine.close()
