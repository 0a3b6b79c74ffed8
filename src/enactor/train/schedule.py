"""The learning rate over a run: warm-up, then a cosine, over as many steps as rows or minutes allow."""

import math
import statistics
import time

_RECENT = 20
_SURE = 4
"""Steps that must be timed before the budget is divided by their time; the first ones are slow."""


class Schedule:
    """Factor of the learning rate for the step that comes next; called by torch's LambdaLR with the number of
    steps done, once per group of parameters.

    Where `seconds` is given, the steps that are left are estimated from the time that recent ones took, and
    the rest of the curve is spread over them: the cosine ends when the budget does, with no jump. Without
    it the factor is a function of the step alone. All attributes are saved with the checkpoint.
    """

    def __init__(self, steps: int, warmup: float, final: float, seconds: float | None) -> None:
        self.steps = steps
        self.warmup = warmup
        self.final = final
        self.seconds = seconds
        self.done = 0
        self.progress = 1 / steps
        self.spent = 0.0
        self.recent: list[float] = []
        self.last = time.monotonic()

    def start(self) -> None:
        """Time counts from now; the time of an interrupted run stays counted."""
        self.last = time.monotonic()

    def __call__(self, done: int) -> float:
        if done > self.done:
            self._advance(done)
        if self.progress < self.warmup:
            return self.progress / self.warmup
        along = (self.progress - self.warmup) / (1 - self.warmup)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, along)))

    def _advance(self, done: int) -> None:
        now = time.monotonic()
        self.spent += now - self.last
        self.recent = [*self.recent[-_RECENT + 1 :], now - self.last]
        self.last = now
        self.done = done
        if self.remaining:
            self.progress += (1 - self.progress) / self.remaining

    @property
    def remaining(self) -> int:
        """Steps that are still to be done."""
        by_rows = self.steps - self.done
        if self.seconds is None or len(self.recent) < _SURE:
            return by_rows
        left = self.seconds - self.spent
        return max(0, min(by_rows, math.floor(left / statistics.median(self.recent))))

    @property
    def seconds_left(self) -> float | None:
        """Estimated time to the end of the run; None before the first step."""
        return self.remaining * statistics.median(self.recent) if self.recent else None
