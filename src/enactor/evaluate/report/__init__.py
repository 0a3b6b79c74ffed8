"""One self-contained HTML file from a run: `write_report`.

In: a run's folder with its plays, and the curves of trainings. Out: `report.html`, which loads nothing and
runs nothing, and `report.json` with every figure of it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from enactor.evaluate.folder import RunFolder
from enactor.evaluate.metrics import comparisons, figures
from enactor.evaluate.plays import Play
from enactor.evaluate.report.curves import training_section
from enactor.evaluate.report.markup import Markup, joined, tag
from enactor.evaluate.report.sections import (
    Figures,
    calibration_section,
    comparison_section,
    confusion_section,
    families_section,
    header,
    headline_section,
    latency_section,
    outcomes_section,
    reliability_section,
)
from enactor.evaluate.report.worst import worst_section

__all__ = ["page", "write_report"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def write_report(folder: RunFolder, names: Sequence[str], curves: Iterable[Path] = ()) -> Path:
    """Write both files; the path of the page. Raises `EnactorError` for curves that cannot be read."""
    plays = {name: folder.plays(name) for name in names}
    found = {name: figures(part) for name, part in plays.items()}
    made = page(folder.head, plays, curves, found)
    path = folder.path / "report.html"
    path.write_text(made, encoding="utf-8")
    data = {
        "run": folder.head,
        "figures": {name: {key: asdict(one) for key, one in part.items()} for name, part in found.items()},
        "comparisons": [asdict(one) for one in comparisons(plays)],
    }
    (folder.path / "report.json").write_text(
        json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return path


def page(
    head: Mapping[str, object],
    plays: Mapping[str, Sequence[Play]],
    curves: Iterable[Path] = (),
    found: Figures | None = None,
) -> str:
    """The whole page as text. `found` are the figures of the plays where they are known already."""
    found = found or {name: figures(part) for name, part in plays.items()}
    style = (files("enactor.evaluate.report") / "page.css").read_text(encoding="utf-8")
    body = tag(
        "main",
        header(head, plays),
        headline_section(plays, found),
        comparison_section(plays),
        families_section(plays),
        outcomes_section(plays),
        reliability_section(plays, found),
        confusion_section(plays),
        calibration_section(plays),
        latency_section(plays),
        training_section(curves),
        worst_section(plays),
    )
    top = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"{head['suite']}: {', '.join(plays)}"),
        tag("style", Markup(style)),
    )
    return f"<!doctype html>\n{tag('html', top, tag('body', joined(body)), lang='en')}\n"
