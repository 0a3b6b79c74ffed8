"""Events to whoever subscribed, in the thread in which they happen."""

import sys
import threading
import traceback
from collections.abc import Callable

from enactor.serve.core.events import Event

Listener = Callable[[Event], None]


class Bus:
    """Safe for several threads. A listener that fails is told on stderr and harms no other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """`listener` gets every event from now on; what this gives ends that."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def leave() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return leave

    def emit(self, event: Event) -> None:
        """Tell everyone."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a door that is broken must not take the others with it
                traceback.print_exc(file=sys.stderr)

    def tell(self, event: Event) -> Event:
        """Tell everyone, and give the event back."""
        self.emit(event)
        return event
