"""How much one player, one account and the whole service take at once."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from enactor.agent.controller import LIMIT_S, MAX_CALLS

KNOWN = 10_000
"""Players whose pace is remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are of requests that wait or run; times are in seconds.

    `ask_s` is how long a question stays open, `engine_wait_s` the longest expected wait for the model before
    requests are turned away, `engine_s` how long one completion may take, `stale_s` the age at which a
    request that a restart finds is no longer carried out. `turns` of a conversation are kept. `max_calls` and
    `request_s` bound one request, as `Controller` does.
    """

    per_player: int = 5
    per_account: int = 20
    in_all: int = 400
    per_minute: int = 30
    ask_s: float = 60.0
    engine_wait_s: float = 45.0
    engine_s: float = 300.0
    stale_s: float = 900.0
    turns: int = 8
    max_calls: int = MAX_CALLS
    request_s: float = LIMIT_S


class Pace:
    """Messages a minute of each player: a bucket of `per_minute` that fills evenly."""

    def __init__(self, per_minute: int) -> None:
        self._full = float(per_minute)
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, player: str) -> float:
        """0 where the player may go on (and has now used one), else the seconds until they may."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.pop(player, (self._full, now))
            left = min(self._full, left + (now - at) * self._full / 60)
            wait = 0.0 if left >= 1 else (1 - left) * 60 / self._full
            self._left[player] = (left - 1 if not wait else left, now)
            while len(self._left) > KNOWN:
                self._left.popitem(last=False)
        return wait
