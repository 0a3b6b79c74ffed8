"""The curves of trainings (`curves.jsonl`: one object a step) as charts."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.evaluate.report.charts import lines
from enactor.evaluate.report.markup import Markup, joined, tag

_SMOOTH = 12  # steps of the running mean
_SHOWN = (("loss", "loss"), ("eval_loss", "held-out loss"), ("eval_calls", "held-out calls right"))


def training_section(paths: Iterable[Path]) -> Markup:
    """One chart for each training; nothing without one."""
    charts = [_chart(path) for path in paths]
    if not charts:
        return Markup("")
    return tag("section", tag("h2", "Training"), *charts)


def _chart(path: Path) -> Markup:
    rows = _read(path)
    series = []
    keys = []
    for place, (key, label) in enumerate(_SHOWN):
        points = [(float(r.get("tokens", r.get("step", 0))), float(r[key])) for r in rows if _finite(r, key)]
        if points:
            series.append((f"s{place}", _running(points) if key == "loss" else points))
            keys.append(tag("span", tag("i", class_=f"s{place}"), label, class_="key"))
    if not series:
        raise EnactorError(f"{path} holds no loss: name the curves.jsonl of a training")
    chart = lines(series, x_name="tokens trained on", y_name="", low=0.0)
    return joined(tag("h3", str(path)), tag("p", *keys), chart)


def _running(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The running mean, so that the noise of single batches does not hide the course."""
    found = []
    for at in range(len(points)):
        part = points[max(0, at - _SMOOTH + 1) : at + 1]
        found.append((points[at][0], sum(y for _, y in part) / len(part)))
    return found


def _finite(row: dict[str, Any], key: str) -> bool:
    return isinstance(row.get(key), int | float) and math.isfinite(row[key])


def _read(path: Path) -> list[dict[str, Any]]:
    rows = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                rows.append(json.loads(line))
    except (OSError, ValueError) as error:
        raise EnactorError(f"the curves at {path} cannot be read: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise EnactorError(f"{path} is not a file of curves: each line is an object with step and loss")
    return rows
