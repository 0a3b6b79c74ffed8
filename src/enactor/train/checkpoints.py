"""Which run a folder belongs to, and where that run stands in it.

A run's folder has `checkpoints/checkpoint-N` while it trains, each whole (written aside, then renamed) with
the run's identity in `run.json`, and the adapter with its provenance when it is done.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enactor.trace import content_hash
from enactor.train.adapter import PROVENANCE, Adapter, BaseIdentity
from enactor.train.load import dtype_of, start_hash
from enactor.train.recipe import SECTIONS, Recipe, RecipeError

RUN = "run.json"
"""In each checkpoint: which run it belongs to."""
KEEP = 2
STAGING = ".partial"
BEST = "best-{step}.safetensors"

# What may change between a kill and the resumption without changing the result.
_FREE = {"name", "data", "checkpoint_minutes", "eval_every", "eval_rows", "track"}
# Settings that came later count only where they are used, so that older checkpoints still go on.
_LATER = {
    "method": "supervised",
    "patience": 0,
    "stop_on": "calls",
    "gpu": None,
    "earlier_turns": False,
    **dict.fromkeys(SECTIONS),
}


def identity(recipe: Recipe, rows: str, base: BaseIdentity) -> dict[str, Any]:
    """What two runs must have in common to give the same weights; `rows` is the hash of what they see."""
    settings = recipe.model_dump(mode="json", exclude=_FREE)
    settings = {k: v for k, v in settings.items() if k not in _LATER or v != _LATER[k]}
    if recipe.patience:
        settings |= {"eval_every": recipe.eval_every, "eval_rows": recipe.eval_rows}
    settings["dtype"] = str(dtype_of(recipe)).removeprefix("torch.")
    if recipe.start is not None:
        settings["start"] = start_hash(recipe, base)
    return {"recipe": content_hash(settings), "rows": rows, "base": base.sha256}


def finished(out: Path, run: Mapping[str, Any]) -> Adapter | None:
    """The adapter in `out`, when it is the one that this run would make. Raises `RecipeError` when it is of
    another run."""
    note = out / PROVENANCE
    if not note.is_file():
        return None
    found = json.loads(note.read_text(encoding="utf-8"))
    if found["run"] != run:
        raise RecipeError(
            f"{out} holds an adapter of another recipe, other rows or another base: name another folder, or "
            f"start over with --fresh"
        )
    return Adapter(out, BaseIdentity(**found["base"]), found["metrics"])


def newest(folder: Path, run: Mapping[str, Any]) -> Path | None:
    """The newest whole checkpoint in `folder`. Raises `RecipeError` when it is of another run."""
    found = checkpoints(folder)
    if not found:
        return None
    path = found[-1][1]
    differing = [
        key for key, value in json.loads((path / RUN).read_text("utf-8")).items() if run.get(key) != value
    ]
    if differing:
        raise RecipeError(
            f"{path} is of another run ({', '.join(differing)} changed): name another folder, go back to "
            f"what it was, or start over with --fresh"
        )
    return path


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Whole checkpoints with their steps, the oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if (path / RUN).is_file()]
    return sorted((int(path.name.rpartition("-")[2]), path) for path in found)


def seal(made: Path, target: Path, run: Mapping[str, Any]) -> None:
    """Make a written checkpoint the newest: its run beside it, everything on the disk, then one rename."""
    (made / RUN).write_text(json.dumps(run, sort_keys=True), encoding="utf-8")
    for path in made.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(made)
    os.replace(made, target)
    sync_folder(target.parent)
    for _, old in checkpoints(target.parent)[:-KEEP]:
        shutil.rmtree(old)


def forget(out: Path) -> None:
    """Remove what stands in `out` of any run."""
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    for name in (PROVENANCE, "curves.jsonl"):
        (out / name).unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the folder's entries to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
