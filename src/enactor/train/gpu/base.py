"""A base from the hub or a folder, in four bits where the recipe says so, on the card if there is one."""

from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models import known_sha256
from enactor.trace import content_hash
from enactor.train.adapter import BaseIdentity
from enactor.train.gpu.counting import missing
from enactor.train.gpu.footprint import GIB, weights
from enactor.train.gpu.frames import FRAMES
from enactor.train.gpu.plan import GpuPlan
from enactor.train.gpu.shapes import shape_of
from enactor.train.recipe import Recipe, RecipeError


def card_base(recipe: Recipe, plan: GpuPlan, dtype: Any) -> tuple[Any, Any, BaseIdentity]:
    """`(model, tokenizer, identity)` of the recipe's base, frozen; nothing is upcast to float32 but what is
    trained.

    Raises `EnactorError` where bitsandbytes is missing or memory is short for the weights alone,
    `RecipeError` for a base that cannot be had, a card without bfloat16, and a tokenizer without the marks
    of the frame.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    if plan.quantize == "nf4":
        _need_bitsandbytes()
    cuda = torch.cuda.is_available()
    if cuda and dtype is torch.bfloat16 and not torch.cuda.is_bf16_supported():
        raise RecipeError(
            f"{torch.cuda.get_device_name()} computes no bfloat16: take a card of the Ampere generation or a "
            f"later one, or set dtype: float32"
        )
    _need_room(recipe, plan, cuda)
    source = str(Path(recipe.base).expanduser()) if Path(recipe.base).expanduser().is_dir() else recipe.base
    settings: dict[str, Any] = {"dtype": dtype, "device_map": {"": 0 if cuda else "cpu"}}
    if plan.quantize == "nf4":
        settings["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=plan.double_quantize,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        _frame(tokenizer, recipe, plan)
        model = AutoModelForCausalLM.from_pretrained(source, **settings)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"base: {recipe.base} cannot be loaded ({error}). Some bases ask for consent on their page of "
            f"the hub and for `hf auth login`; an interrupted download goes on when it is tried again"
        ) from error
    model.requires_grad_(False)
    model.config.use_cache = False
    return model, tokenizer, _identity(source, model)


def trainer_settings(plan: GpuPlan) -> dict[str, Any]:
    """What the plan changes in TRL's configuration."""
    import torch

    return {
        "optim": plan.optimizer,
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        "gradient_checkpointing": plan.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if plan.checkpointing else None,
    }


def _need_bitsandbytes() -> None:
    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise EnactorError(
            "weights in four bits need bitsandbytes: `pip install 'enactor[train,gpu]'`, or set "
            "quantize: none"
        ) from error


def _need_room(recipe: Recipe, plan: GpuPlan, cuda: bool) -> None:
    """Refuse what cannot be: the weights alone must fit. The rest is a prediction (`--dry-run`)."""
    from enactor.train.memory import need_memory

    wanted = weights(shape_of(recipe.base), plan)
    if not cuda:
        need_memory(int(wanted), f"the weights of {recipe.base}")
        return
    import torch

    free, _ = torch.cuda.mem_get_info()
    if wanted > free:
        raise EnactorError(
            f"the weights of {recipe.base} take about {wanted / GIB:.1f} GiB and the card has "
            f"{free / GIB:.1f} free: close what else uses it, or take a smaller base"
        )


def _frame(tokenizer: Any, recipe: Recipe, plan: GpuPlan) -> None:
    """Pad with a token that occurs in no row; refuse a tokenizer that cuts the frame's marks to pieces."""
    frame = FRAMES[plan.frame]
    if lacking := [mark for mark in (*frame.marks, frame.pad) if missing(tokenizer, mark)]:
        raise RecipeError(
            f"the tokenizer of {recipe.base} has no token for {', '.join(lacking)}: frame {plan.frame} is "
            f"not its own; choose among {', '.join(FRAMES)}"
        )
    tokenizer.pad_token = frame.pad


def _identity(source: str, model: Any) -> BaseIdentity:
    """A folder by its weights, a base of the hub by the commit that was loaded."""
    path = Path(source)
    if path.is_dir():
        return BaseIdentity(
            path.name, content_hash([known_sha256(f) for f in sorted(path.glob("*.safetensors"))])
        )
    commit = getattr(model.config, "_commit_hash", None)
    return BaseIdentity(source, content_hash([source, commit]))
