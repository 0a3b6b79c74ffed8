"""Rejection sampling: the model is trained on its own answers that reached the goal."""

import shutil
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from enactor.curate.rows import Row, read_rows, rows_hash, write_rows
from enactor.errors import EnactorError
from enactor.models import Engine, LlamaEngine, adapter_hash, known_sha256, merged_model, pull
from enactor.trace import content_hash
from enactor.train.adapter import Adapter, write_json
from enactor.train.load import need_extra, start_folder
from enactor.train.plans import RejectionPlan
from enactor.train.recipe import Recipe, RecipeError
from enactor.train.rows import RowsError
from enactor.train.sampling import draw_all, requests, rows_of
from enactor.train.sft import Rows, supervised

FOLDER = "sampled"


def rejection(
    recipe: Recipe,
    rows: Iterable[Row] | Path,
    out: Path,
    *,
    held_out_rows: Rows | None = None,
    fresh: bool = False,
    console: Console | None = None,
    engine: Engine | None = None,
) -> Adapter:
    """Sample answers to the requests of `rows` from the adapter that the recipe starts from, through the
    embedded engine (or `engine`), keep those that reached the goal in the simulator, the shortest first, and
    train on them as `supervised` does, which see for what it raises.

    `out/sampled` has what was drawn (a run that was killed goes on there), `train.jsonl` and `report.json`.
    """
    need_extra()
    console = console or Console(stderr=True)
    plan = recipe.rejection or RejectionPlan()
    folder = out / FOLDER
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    asked = list(read_rows(rows)) if isinstance(rows, Path) else list(rows)
    judges, quiet = requests(asked, plan)
    run = {
        "plan": plan.model_dump(mode="json"),
        "seed": recipe.seed,
        "model": engine.name if engine else _model_identity(recipe),
        "rows": rows_hash([judge.row for judge in judges]),
    }
    with Progress(console=console, transient=True) as shown:
        task = shown.add_task("sampling", total=len(judges))
        drawn = draw_all(
            (lambda: nullcontext(engine)) if engine else lambda: _engine(recipe),
            judges,
            plan,
            recipe.seed,
            folder,
            run,
            lambda done, total: shown.update(task, completed=done),
        )
    kept, counts = rows_of(drawn, judges, plan)
    if not kept:
        raise RowsError(
            f"none of {counts['drawn']} answers reached its goal: start from a better adapter, or draw more "
            f"samples"
        )
    digest = write_rows(folder / "train.jsonl", [*kept, *quiet])
    write_json(folder / "report.json", {"run": run, **counts, "without a call": len(quiet), "hash": digest})
    console.print(
        f"{counts['solved']} of {counts['requests']} requests solved, {len(kept)} answers kept, {len(quiet)} "
        f"rows without a call"
    )
    return supervised(
        recipe, folder / "train.jsonl", out, held_out_rows=held_out_rows, fresh=fresh, console=console
    )


def _weights(recipe: Recipe) -> Path:
    path = Path(recipe.base).expanduser()
    if path.is_dir():
        raise RecipeError(f"base: {path} is a folder of transformers; llama.cpp, which samples, needs a GGUF")
    return path if path.suffix == ".gguf" else pull(recipe.base)


def _model_identity(recipe: Recipe) -> str:
    start = start_folder(recipe)
    try:
        return content_hash([known_sha256(_weights(recipe)), adapter_hash(start) if start else None])
    except OSError as error:
        raise EnactorError(f"start: {start} holds no adapter to sample from ({error})") from error


def _engine(recipe: Recipe) -> LlamaEngine:
    return LlamaEngine(merged_model(_weights(recipe), start_folder(recipe)), slots=1)
