"""Whether the figures of a suite may be compared: the certificate of its data set, and of the model's."""

import json
from pathlib import Path
from typing import Any, Literal

from enactor.curate import read_rows
from enactor.curate.certificate import NEAR_LIMIT, families_of, read_certificate
from enactor.curate.near import Sketches, near_any, signatures
from enactor.errors import EnactorError
from enactor.evaluate.suite import Suite

Standing = Literal["certified", "uncertified"]


class LeakageError(EnactorError):
    """A suite that training has seen."""


def standing(rows: Path, model: Path | None = None) -> Standing:
    """`certified` when the manifest beside `rows` has a certificate that passes and the model, an adapter's
    folder, was trained on that very data set; `uncertified` where that cannot be told (a base, a remote
    model, other rows). Raises `LeakageError` when the certificate fails."""
    certificate = read_certificate(rows)
    if certificate is None:
        return "uncertified"
    if certificate.problems:
        raise LeakageError(
            f"{rows} is no test: {'; '.join(certificate.problems)}. Build the data set again, or "
            "name other rows."
        )
    return "certified" if model and _trained_here(model, rows.parent) else "uncertified"


def suite_standing(suite: Suite, model: Path | None = None, trained: Path | None = None) -> Standing:
    """The same for a suite of the package. `trained` are the rows that the model, an adapter's folder, was
    trained on, by default those of its run's data set (`../data/train.jsonl`).

    `certified` when the rows share no phrasing with the suite, are near it (`near.py`) in a twentieth of the
    cases at most, and teach no family that it holds out; where they do, and where a model is known to have
    been trained on such a family, `LeakageError`. `uncertified` without rows to look at."""
    if model is None and trained is None:
        return "uncertified"
    held = frozenset(suite.held_out)
    rows = trained or (model.parent / "data" / "train.jsonl" if model else None)
    if rows is None or not rows.is_file():
        if model is not None and suite.held_out and _teaches_all(model):
            left_out = ", ".join(suite.held_out)
            raise LeakageError(
                f"{model} was trained on all families, and the suite {suite.name} holds {left_out} out. "
                "Train a model without them (`split.novel_families` of a build recipe) and let that play it"
            )
        return "uncertified"
    keys = {case.template for case in suite.cases if case.template}
    shared = taught = 0
    seen = Sketches()
    for row in read_rows(rows):
        shared += row.template in keys
        taught += bool(held & families_of(row))
        seen.add(row.message)
    asked = [*(case.message for case in suite.cases), *(one.say for one in suite.scenarios)]
    near = int(near_any(signatures(asked), seen.rows()).sum()) if asked else 0
    problems = [
        text
        for wrong, text in (
            (shared, f"{shared} training rows are made of its phrasings"),
            (
                taught,
                f"{taught} training rows teach a family that it holds out ({', '.join(suite.held_out)})",
            ),
            (near > NEAR_LIMIT * len(asked), f"{near} of its {len(asked)} requests are near a training row"),
        )
        if wrong
    ]
    if problems:
        raise LeakageError(f"the suite {suite.name} says nothing about this model: {'; '.join(problems)}")
    return "certified"


def _teaches_all(model: Path) -> bool:
    """Whether an adapter's provenance says that no family was left out of its data."""
    recipe = _read(model / "provenance.json").get("recipe")
    plan = recipe.get("data") if isinstance(recipe, dict) else None
    return isinstance(plan, dict) and not plan.get("leave_out")


def _trained_here(model: Path, folder: Path) -> bool:
    """Whether an adapter's provenance names the data set in the folder: by the hash of its training rows, or
    by the configuration and the world that it was built from."""
    manifest, made = _read(folder / "manifest.json"), _read(model / "provenance.json")
    if not manifest or not made:
        return False
    named = made.get("data")
    if isinstance(named, dict) and named.get("hash"):
        return bool(named["hash"] == manifest.get("train", {}).get("hash"))
    recipe = made.get("recipe")
    plan = recipe.get("data") if isinstance(recipe, dict) else None
    return bool(plan) and plan == manifest.get("config") and made.get("world") == manifest.get("world")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
