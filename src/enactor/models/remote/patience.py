"""How long to wait for a server, and when to ask again."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, and how many tries.

    `connect` until the connection stands, `silence` between two pieces of an answer (the first piece of a
    large model on a CPU takes a minute or more), `whole` for all tries of one completion together. `tries` in
    all; the pause before the next doubles from `pause`, at random between half and whole, so that clients
    which failed together do not come back together. A server's own `Retry-After` counts instead, up to
    `longest`; one that wants more is given up.
    """

    connect: float = 5.0
    silence: float = 120.0
    whole: float = 300.0
    tries: int = 4
    pause: float = 0.5
    longest: float = 20.0

    def before_next(self, tried: int, wanted: float | None) -> float | None:
        """Seconds before the next try after `tried` ones, None where no further try makes sense. `wanted` is
        what the server asked for."""
        if tried >= self.tries or (wanted is not None and wanted > self.longest):
            return None
        spread = random.uniform(0.5, 1.0) * self.pause * 2 ** (tried - 1)
        return min(spread, self.longest) if wanted is None else wanted + random.uniform(0.0, 0.5) * self.pause


def wanted_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, given as a number or as a date (RFC 9110, 10.2.3); None where there
    is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
