"""The way that every method goes: prepare, go on from the last checkpoint, train, leave an adapter."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.models import adapter_hash
from enactor.train.adapter import PROVENANCE, Adapter, provenance, save_adapter, write_json
from enactor.train.checkpoints import BEST, checkpoints, finished, forget, identity, newest
from enactor.train.load import Loaded, load, need_extra, with_lora
from enactor.train.memory import keep_freed_memory, need_memory, need_space, step_bytes
from enactor.train.recipe import Recipe
from enactor.train.schedule import Schedule
from enactor.train.validation import Validation, looker

Trainer = Any
"""One of TRL's trainers with `enactor.train.trainer.Sealed` before it."""


@dataclass(frozen=True, slots=True)
class Course:
    """What differs between methods, once the data is there.

    `hash` is the identity of what is trained on. `lengths` are the tokens of the rows, `at_once` how many go
    through the model together. `make` gets (PEFT model, schedule, folder of checkpoints, run, callbacks) and
    gives the trainer; `tokens` gets the trainer and a step and gives the tokens up to it. `fused`: the model
    attends by the shared prefix. `shown` are logged figures that belong into the curves.
    """

    hash: str
    steps: int
    lengths: Sequence[int]
    at_once: int
    fused: bool
    make: Callable[..., Trainer]
    tokens: Callable[[Trainer, int], int]
    facts: Mapping[str, Any]
    shown: tuple[str, ...] = ()
    metrics: Callable[[], dict[str, float]] = field(default=dict)


def prepare(recipe: Recipe, out: Path, fresh: bool) -> Loaded:
    """The base, after what must be so before any method starts. `fresh` forgets what stands in `out`."""
    need_extra()
    if fresh:
        forget(out)
    import torch

    if recipe.method != "grpo":  # which decodes at every step: see `growing_blocks`
        keep_freed_memory()
    torch.manual_seed(recipe.seed)
    return load(recipe)


def follow(
    recipe: Recipe, loaded: Loaded, course: Course, held: Validation | None, out: Path, console: Console
) -> Adapter:
    """Train, and leave the adapter in `out`. A run that was stopped goes on from its last checkpoint; one
    that is finished is returned as it is."""
    from enactor.train.watch import Looks, TrainingStopped, Watch

    run = identity(recipe, course.hash, loaded.base)
    if done := finished(out, run):
        return done
    folder = out / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    resumed = newest(folder, run)
    model = with_lora(loaded.model, recipe)
    need_space(out, model)
    if recipe.gpu is None:  # on a card the host's memory is not what a step takes
        need_memory(
            step_bytes(model, course.lengths, course.at_once), "a step's activations and the optimizer"
        )
    budget = recipe.max_minutes and recipe.max_minutes * 60
    schedule = Schedule(course.steps, recipe.warmup, recipe.final_rate, budget)
    look = None if held is None else looker(model, held, loaded.tokenizer, recipe, course.fused)
    with ExitStack() as stack:
        watch = Watch(
            schedule,
            out / "curves.jsonl",
            console,
            tokens=lambda step: course.tokens(trainer, step),
            looks=Looks(
                look,
                recipe.eval_every,
                recipe.patience,
                "eval_loss" if recipe.stop_on == "loss" else "eval_calls",
                lambda step: _keep_best(model, folder, step),
            ),
            checkpoint_seconds=recipe.checkpoint_minutes * 60,
            shown=course.shown,
            send=_tracked(recipe, out, stack) if recipe.track else None,
        )
        trainer = course.make(model, schedule, folder, run, [watch])
        if resumed:
            console.print(f"going on from {resumed.name}")
        stack.enter_context(watch.looking())
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if watch.interrupted:
        raise TrainingStopped(
            f"stopped after step {trainer.state.global_step} of {course.steps}; the same command goes on "
            f"there"
        )
    last = trainer.state.global_step
    if watch.best_step not in (None, last):
        console.print(f"the best of the held-out figures was at step {watch.best_step}, which is kept")
        _load_best(model, folder, watch.best_step)
    metrics = {
        "loss": sum(watch.losses[-20:]) / len(watch.losses[-20:]),
        **(look() if look else {}),
        **course.metrics(),
    }
    save_adapter(model, out, loaded.base)
    facts = {
        "metrics": metrics,
        "rows": dict(course.facts),
        "steps": last,
        "kept_step": watch.best_step or last,
        "tokens": course.tokens(trainer, last),
        "seconds": round(schedule.spent, 1),
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
        "adapter": adapter_hash(out),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    write_json(out / PROVENANCE, provenance(recipe, run, loaded.base, facts))
    shutil.rmtree(folder)
    return Adapter(out, loaded.base, metrics)


def _tracked(recipe: Recipe, out: Path, stack: ExitStack) -> Callable[[Mapping[str, Any]], None]:
    from enactor.train.track import trackio_run

    send, finish = trackio_run(
        f"{recipe.name}-{out.resolve().parent.name}", recipe.model_dump(mode="json", exclude_defaults=True)
    )
    stack.callback(finish)
    return send


def _trained(model: Any) -> dict[str, Any]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _keep_best(model: Any, folder: Path, step: int) -> None:
    """Save what is trained, whole and in float32. Of the earlier ones those stay that a run which goes on
    from a checkpoint could come back to."""
    from safetensors.torch import save_file

    path = folder / BEST.format(step=step)
    partial = path.with_suffix(".partial")
    save_file({k: p.detach().cpu().contiguous() for k, p in _trained(model).items()}, partial)
    partial.replace(path)
    whole = checkpoints(folder)
    oldest = whole[0][0] if whole else 0
    steps = sorted(int(p.stem.rpartition("-")[2]) for p in folder.glob(BEST.format(step="*")))
    for passed in [s for s in steps if s <= oldest][:-1]:
        (folder / BEST.format(step=passed)).unlink()


def _load_best(model: Any, folder: Path, step: int | None) -> None:
    import torch
    from safetensors.torch import load_file

    saved = load_file(folder / BEST.format(step=step))
    with torch.no_grad():
        for name, parameter in _trained(model).items():
            parameter.copy_(saved[name])
