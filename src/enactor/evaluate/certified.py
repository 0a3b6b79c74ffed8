"""Whether the figures of a suite may be compared: the certificate of its data set, and of the model's."""

import json
from pathlib import Path
from typing import Any, Literal

from enactor.curate.certificate import read_certificate
from enactor.errors import EnactorError

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
