"""What was made before, by stage: the hash of its inputs and its result, in one file."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from enactor.trace import content_hash


class Stages:
    """Runs each stage once for the same inputs; `stages.json` in `folder` remembers."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._path = folder / "stages.json"
        self._console = console
        self._done: dict[str, Any] = json.loads(self._path.read_text("utf-8")) if self._path.is_file() else {}
        self._number = 0

    def run(self, name: str, inputs: Any, make: Callable[[], Any], *needed: Path) -> Any:
        """The stage's result (anything JSON holds): the one of before when the inputs are the same and the
        files `needed` are there, else made now."""
        self._number += 1
        self._console.rule(f"{self._number}. {name}", align="left")
        key = content_hash(inputs)
        before = self._done.get(name)
        if before and before["inputs"] == key and all(path.exists() for path in needed):
            self._console.print("done before")
            return before["result"]
        started = time.perf_counter()
        result = make()
        self._done[name] = {"inputs": key, "result": result}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._done), "utf-8")
        partial.replace(self._path)
        self._console.print(f"[dim]{time.perf_counter() - started:.0f} s[/dim]")
        return result


@contextmanager
def progress(name: str, total: int, console: Console) -> Iterator[Callable[[], object]]:
    """A bar while something is counted up to `total`; what to call at each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=total)
        yield lambda: bars.advance(task)
