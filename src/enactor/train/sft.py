"""Supervised training: rows become an adapter."""

import json
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.errors import EnactorError
from enactor.models import adapter_hash, find_base, known_sha256, pull
from enactor.prompt import Segment
from enactor.trace import content_hash
from enactor.train.adapter import PROVENANCE, Adapter, BaseIdentity, provenance, save_adapter, write_json
from enactor.train.batches import plan
from enactor.train.memory import keep_freed_memory
from enactor.train.recipe import Recipe, RecipeError
from enactor.train.rows import Examples, RowsError, encode_rows, read_segments
from enactor.train.schedule import Schedule

Rows = Iterable[Sequence[Segment]] | Path
"""Rendered rows, or a JSONL file that `enactor.curate` wrote."""

# What may change between a kill and the resumption without changing the result.
_FREE = {"name", "data", "checkpoint_minutes", "eval_every"}


def train(
    recipe: Recipe,
    rows: Rows,
    out: Path,
    *,
    held_out_rows: Rows | None = None,
    fresh: bool = False,
    console: Console | None = None,
) -> Adapter:
    """Train LoRA on `rows` and leave the adapter in `out`.

    A run that was stopped or killed goes on from its last checkpoint when the same recipe and rows come
    again, to the same weights as without the stop (with `max_minutes` the number of steps depends on the
    machine's speed). One that is finished is returned as it is. `fresh` forgets what stands in `out`.

    Raises `RecipeError` (a checkpoint in `out` is of another run, the base is unknown), `RowsError`,
    `TrainingDiverged`, `TrainingStopped` (Ctrl-C; a checkpoint was written).
    """
    _need_extra()
    console = console or Console(stderr=True)
    if fresh:
        _forget(out)
    import torch

    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    model, tokenizer, base = _load(recipe)
    examples = encode_rows(_segments(rows), tokenizer, recipe.max_length)
    kept_out = (
        None if held_out_rows is None else encode_rows(_segments(held_out_rows), tokenizer, recipe.max_length)
    )
    _refuse_foreign_tokens(examples, model, recipe)
    if examples.too_long:
        console.print(f"{examples.too_long} rows are longer than {recipe.max_length} tokens and were dropped")
    run = _identity(recipe, examples, base)
    if done := _finished(out, run):
        return done
    out.mkdir(parents=True, exist_ok=True)
    _need_space(out)
    return _run(recipe, model, tokenizer, base, examples, kept_out, run, out, console)


def _run(
    recipe: Recipe,
    model: Any,
    tokenizer: Any,
    base: BaseIdentity,
    examples: Examples,
    kept_out: Examples | None,
    run: dict[str, Any],
    out: Path,
    console: Console,
) -> Adapter:
    from enactor.train.fused import fuse, use_shared_prefix
    from enactor.train.plain import held_out
    from enactor.train.trainer import AnswerTrainer
    from enactor.train.watch import TrainingStopped, Watch

    peft_model = _with_lora(model, recipe)
    if recipe.fused:
        fuse(peft_model)
        use_shared_prefix(peft_model)
    steps = plan([len(example.ids) for example in examples.kept], recipe.batch, recipe.epochs, recipe.seed)
    budget = recipe.max_minutes and recipe.max_minutes * 60
    schedule = Schedule(len(steps), recipe.warmup, recipe.final_rate, budget)

    def figures() -> dict[str, float]:
        if kept_out is None:
            return {}
        found: dict[str, float] = held_out(
            peft_model, kept_out.kept, batch=recipe.batch, pad=tokenizer.pad_token_id, fused=recipe.fused
        )
        return found

    folder = out / "checkpoints"
    folder.mkdir(exist_ok=True)
    watch = Watch(
        schedule,
        out / "curves.jsonl",
        console,
        tokens=lambda: trainer.tokens_seen,
        evaluate=figures if kept_out else None,
        eval_every=recipe.eval_every,
        checkpoint_seconds=recipe.checkpoint_minutes * 60,
    )
    trainer = AnswerTrainer(
        peft_model, tokenizer, recipe, examples.kept, steps, schedule, folder, run, callbacks=[watch]
    )
    resumed = _checkpoint(folder, run)
    if resumed:
        console.print(f"going on from {resumed.name}")
    with watch.looking():
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if watch.interrupted:
        raise TrainingStopped(
            f"stopped after step {trainer.state.global_step} of {len(steps)}; the same command goes on there"
        )
    metrics = {"loss": sum(watch.losses[-20:]) / len(watch.losses[-20:]), **figures()}
    save_adapter(peft_model, out, base)
    facts = {
        "metrics": metrics,
        "rows": {"trained": len(examples.kept), "too_long": examples.too_long, "hash": examples.hash},
        "steps": trainer.state.global_step,
        "tokens": sum(
            len(examples.kept[row].ids) for rows in steps[: trainer.state.global_step] for row in rows
        ),
        "seconds": round(schedule.spent, 1),
        "dtype": str(model.dtype).removeprefix("torch."),
        "adapter": adapter_hash(out),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    write_json(out / PROVENANCE, provenance(recipe, run, base, facts))
    shutil.rmtree(folder)
    return Adapter(out, base, metrics)


def _load(recipe: Recipe) -> tuple[Any, Any, BaseIdentity]:
    """The base in the precision of the recipe, frozen, its tokenizer and its identity."""
    path = Path(recipe.base).expanduser()
    if path.is_dir():
        from transformers import AutoModelForCausalLM, AutoTokenizer

        model = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
        tokenizer = AutoTokenizer.from_pretrained(path)
        base = BaseIdentity(
            path.name, content_hash([known_sha256(f) for f in sorted(path.glob("*.safetensors"))])
        )
    else:
        from enactor.train.base import load_base

        gguf = path if path.suffix == ".gguf" else pull(recipe.base)
        model, tokenizer = load_base(gguf)
        name = path.stem if path.suffix == ".gguf" else find_base(recipe.base).name
        base = BaseIdentity(name, known_sha256(gguf))
    model.requires_grad_(False)
    return model.to(_dtype(recipe)), tokenizer, base


def _dtype(recipe: Recipe) -> Any:
    import torch

    if recipe.dtype != "auto":
        return getattr(torch, recipe.dtype)
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # Without instructions for it bfloat16 is emulated, several times slower than float32.
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def _with_lora(model: Any, recipe: Recipe) -> Any:
    """A fresh adapter on the model, or the one that the recipe starts from."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if recipe.start is not None:
        made = PeftModel.from_pretrained(model, recipe.start, is_trainable=True)
        made.train()
        return made

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.targets),
        task_type="CAUSAL_LM",
    )
    made = get_peft_model(model, config)
    made.train()
    return made


def _segments(rows: Rows) -> Iterable[Sequence[Segment]]:
    return read_segments(rows) if isinstance(rows, Path) else rows


def _identity(recipe: Recipe, examples: Examples, base: BaseIdentity) -> dict[str, Any]:
    """What two runs must have in common to give the same weights."""
    settings = recipe.model_dump(mode="json", exclude=_FREE)
    settings["dtype"] = str(_dtype(recipe)).removeprefix("torch.")
    if recipe.start is not None:
        settings["start"] = _start_hash(recipe)
    return {"recipe": content_hash(settings), "rows": examples.hash, "base": base.sha256}


def _start_hash(recipe: Recipe) -> str:
    """Identity of the adapter to go on from. Raises `RecipeError` where it is none of the recipe's shape."""
    folder = Path(str(recipe.start)).expanduser()
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        found = (config["r"], config["lora_alpha"], set(config["target_modules"]))
        wanted = (recipe.rank, recipe.alpha, set(recipe.targets))
        if found != wanted:
            raise RecipeError(
                f"the adapter in {folder} has rank, alpha and projections {found}, the recipe {wanted}: make "
                f"them the same"
            )
        return adapter_hash(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"start: {folder} holds no adapter to go on from ({error})") from error


def _finished(out: Path, run: dict[str, Any]) -> Adapter | None:
    """The adapter in `out`, when it is the one that this run would make."""
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


def _checkpoint(folder: Path, run: dict[str, Any]) -> Path | None:
    """The newest whole checkpoint. Raises `RecipeError` when it is of another run."""
    from enactor.train.trainer import RUN, checkpoints

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


def _forget(out: Path) -> None:
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    for name in (PROVENANCE, "curves.jsonl"):
        (out / name).unlink(missing_ok=True)


def _refuse_foreign_tokens(examples: Examples, model: Any, recipe: Recipe) -> None:
    size = model.get_input_embeddings().weight.shape[0]
    highest = max(max(example.ids) for example in examples.kept)
    if highest >= size:
        raise RowsError(
            f"the tokenizer of {recipe.base} gives token {highest} and the model has {size}: they do not "
            f"belong together"
        )


def _need_space(out: Path) -> None:
    free = shutil.disk_usage(out).free
    if free < _SPACE:
        raise EnactorError(
            f"{out} has {free // 2**20} MB free; checkpoints and adapter need {_SPACE // 2**20} MB. Make "
            f"room or name a folder on another disk"
        )


_SPACE = 600 * 2**20  # three checkpoints of 120 MB at rank 32, and the adapter


def _need_extra() -> None:
    try:
        import peft  # noqa: F401
        import torch  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise EnactorError(f"training needs {error.name}: `pip install 'enactor[train]'`") from error
