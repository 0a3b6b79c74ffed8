"""The engine of the model in use, which changes between completions when another model is promoted."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, Unpack

from enactor.errors import EnactorError
from enactor.models.engine import Completion, Engine, EngineError, Options
from enactor.models.registry import Stamp

Say = Callable[[str], None]


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class PromotedEngine:
    """Runs what `load` loads, and loads again once `stamp` gives another value.

    Completions under way end with the engine that they began with; the first one after a promotion waits for
    the new engine. When that does not load, the old one goes on, and `say` is told once.
    """

    def __init__(self, load: Callable[[], Engine], stamp: Callable[[], Stamp], say: Say = _to_stderr) -> None:
        self._load, self._read_stamp, self._say = load, stamp, say
        self._stamp = stamp()
        self._engine = load()
        self._turn = threading.Condition()
        self._active = 0
        self._changing = False
        self._closed = False

    @property
    def name(self) -> str:
        """Of the engine that would answer now."""
        return self._engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`."""
        with self._using() as engine:
            return engine.complete(prompt, **options)

    def reload_if_changed(self) -> bool:
        """Load the model that is in use now, where it is another one. Whether it was."""
        before = self._engine
        with self._using() as engine:
            return engine is not before

    def cancel(self) -> None:
        """See `Engine.cancel`."""
        self._engine.cancel()

    def close(self) -> None:
        """See `Engine.close`."""
        with self._turn:
            self._closed = True
            self._turn.wait_for(lambda: not self._changing)
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _using(self) -> Iterator[Engine]:
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            if self._closed:
                raise EngineError("the engine is closed: open it again")
            if (stamp := self._read_stamp()) != self._stamp:
                self._change(stamp)
            self._active += 1
            engine = self._engine
        try:
            yield engine
        finally:
            with self._turn:
                self._active -= 1
                self._turn.notify_all()

    def _change(self, stamp: Stamp) -> None:
        """Called with the lock held; new completions wait until it is done."""
        self._changing = True
        try:
            self._turn.wait_for(lambda: self._active == 0)
            old = self._engine
            self._stamp = stamp  # also when it fails: one try for each change
            try:
                self._engine = self._load()
            except EnactorError as error:
                self._say(f"The promoted model does not load, {old.name} goes on: {error}")
                return
            old.close()
            self._say(f"Now in use: {self._engine.name}.")
        finally:
            self._changing = False
            self._turn.notify_all()
