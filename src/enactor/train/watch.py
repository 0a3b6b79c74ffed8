"""What looks on while a model trains: the progress line, the curves, the clock, Ctrl-C, divergence, and the
held-out rows that end a run early."""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text
from transformers import TrainerCallback

from enactor.errors import EnactorError
from enactor.train.schedule import Schedule


class TrainingStopped(EnactorError):
    """The user stopped the run; a checkpoint was written."""


class TrainingDiverged(EnactorError):
    """The loss is not a number, or rose far above what it had been."""


@dataclass(frozen=True, slots=True)
class Looks:
    """When the held-out rows are looked at, and what of it ends the run: `figures` gives them, every `every`
    steps (0: never on the way). With `patience` the run ends when so many looks in a row brought no better
    value of `key` (a larger one, for `eval_loss` a smaller); `keep` is called with the step of each best."""

    figures: Callable[[], dict[str, float]] | None = None
    every: int = 0
    patience: int = 0
    key: str = "eval_calls"
    keep: Callable[[int], None] | None = None

    def value(self, line: Mapping[str, Any]) -> float:
        """What is to grow."""
        if self.key == "eval_loss":
            return -float(line["eval_loss"])
        return float(line.get(self.key, line["eval_row_accuracy"]))


class Watch(TrainerCallback):  # type: ignore[misc]
    """One line of `curves` a step: step, tokens, seconds, loss, learning rate, gradient norm, the `shown`
    figures of the method, and the held-out ones where taken. `tokens` gives the tokens trained on up to a
    step, those before a stop included; `send` gets each line too."""

    def __init__(
        self,
        schedule: Schedule,
        curves: Path,
        console: Console,
        *,
        tokens: Callable[[int], int],
        looks: Looks,
        checkpoint_seconds: float,
        shown: Sequence[str] = (),
        send: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.schedule = schedule
        self.curves = curves
        self.console = console
        self.tokens = tokens
        self.looks = looks
        self.checkpoint_seconds = checkpoint_seconds
        self.shown = shown
        self.send = send
        self.interrupted = False
        self.losses: list[float] = []
        self.best_step: int | None = None
        self._best_value = -math.inf
        self._worse = 0
        self._best = math.inf
        self._smooth: float | None = None
        self._before = 0
        self._saved = self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("step {task.completed}/{task.total}"),
            TextColumn("loss {task.fields[loss]:.3f}"),
            TextColumn("{task.fields[rate]:.0f} tokens/s"),
            _Left(schedule),
            console=console,
        )
        self._task = self._progress.add_task("training", total=schedule.steps, loss=math.nan, rate=0.0)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """The progress line is shown, and the first Ctrl-C asks for a checkpoint instead of killing."""
        previous = None
        if threading.current_thread() is threading.main_thread():  # which alone gets signals
            previous = signal.signal(signal.SIGINT, self._interrupt)
        try:
            with self._progress:
                yield
        finally:
            if previous is not None:
                signal.signal(signal.SIGINT, previous)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self._progress.console.print(
            "Stopping after this step; press Ctrl-C again to stop without a checkpoint."
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        self.schedule.start()
        self._saved = self._began = time.monotonic()
        self._before = self.tokens(state.global_step)
        for line in keep_until(self.curves, state.global_step):
            self._compare(line)
        self.losses = [entry["loss"] for entry in state.log_history if "loss" in entry]

    def on_step_end(self, args: Any, state: Any, control: Any, **unused: Any) -> None:
        now = time.monotonic()
        if self.interrupted or self.schedule.remaining == 0:
            control.should_training_stop = True
        if self.interrupted or now - self._saved > self.checkpoint_seconds:
            control.should_save = True
            self._saved = now

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **unused: Any) -> None:
        if "loss" not in logs:
            return
        loss, norm = float(logs["loss"]), float(logs.get("grad_norm", 0.0))
        self.losses.append(loss)
        self._refuse_divergence(state.global_step, loss, norm)
        seconds = time.monotonic() - self._began
        line: dict[str, Any] = {
            "step": state.global_step,
            "tokens": self.tokens(state.global_step),
            "seconds": round(self.schedule.spent, 2),
            "loss": loss,
            "learning_rate": logs["learning_rate"],
            "grad_norm": norm,
            **{name: logs[name] for name in self.shown if name in logs},
        }
        if self.looks.figures and self.looks.every and state.global_step % self.looks.every == 0:
            line |= self.looks.figures()
            if self._compare(line) and self.looks.keep:
                self.looks.keep(state.global_step)
            if self.looks.patience and self._worse >= self.looks.patience:
                control.should_training_stop = True
        with self.curves.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.send:
            self.send(line)
        self._progress.update(
            self._task,
            completed=state.global_step,
            total=state.global_step + self.schedule.remaining,
            loss=sum(self.losses[-10:]) / len(self.losses[-10:]),
            rate=(line["tokens"] - self._before) / seconds if seconds else 0.0,
        )

    def _compare(self, line: Mapping[str, Any]) -> bool:
        """Count a look at the held-out rows; whether it is the best yet."""
        if not self.looks.patience or "eval_loss" not in line:
            return False
        value = self.looks.value(line)
        if value <= self._best_value:
            self._worse += 1
            return False
        self._best_value, self.best_step, self._worse = value, line["step"], 0
        return True

    def _refuse_divergence(self, step: int, loss: float, norm: float) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingDiverged(
                f"step {step}: the loss is {loss} and the gradient's norm {norm}. The last checkpoint is "
                f"from before. Take a lower learning_rate (half), a longer warmup, or dtype float32"
            )
        self._smooth = loss if self._smooth is None else 0.9 * self._smooth + 0.1 * loss
        self._best = min(self._best, self._smooth)
        if self._smooth > 2 * max(self._best, 0.0) + 1:
            raise TrainingDiverged(
                f"step {step}: the loss rose to {self._smooth:.2f} after it had been {self._best:.2f}. Take "
                f"a lower learning_rate (half) or a longer warmup, and start again with --fresh"
            )


class _Left(ProgressColumn):
    """Time left, from the schedule, which knows of the budget."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    def render(self, task: Task) -> Text:
        left = self._schedule.seconds_left
        return Text("? left" if left is None else f"{int(left) // 60}:{int(left) % 60:02d} left")


def keep_until(curves: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines of steps after `step`: they were done after the checkpoint and will be done again. A
    line that a kill cut off is dropped too. Returns what is kept."""
    if not curves.is_file():
        return []
    kept, lines = [], []
    for text in curves.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            line = json.loads(text)
            if text.endswith("\n") and line["step"] <= step:
                kept.append(text)
                lines.append(line)
        except ValueError:
            continue
    partial = curves.with_suffix(".partial")
    partial.write_text("".join(kept), encoding="utf-8")
    partial.replace(curves)
    return lines
