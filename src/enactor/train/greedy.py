"""What the trained weights themselves say, before any export: greedy turns by torch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BATCH = 8
END = "<|im_end|>"


def greedy(
    base_gguf: Path,
    adapter: Path,
    prompts: Sequence[str],
    *,
    max_tokens: int = 160,
    progress: Callable[[], object] | None = None,
) -> list[str]:
    """Greedy completions of rendered prompts by `base + adapter` in float32, up to `<|im_end|>`. `progress`
    is called once for each prompt."""
    from peft import PeftModel

    from enactor.train.base import load_base

    model, tokenizer = load_base(base_gguf, check=False)
    model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().eval()
    encoded = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    return decode(model, tokenizer, encoded, max_tokens=max_tokens, progress=progress)


def decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    progress: Callable[[], object] | None = None,
) -> list[str]:
    """Greedy completions of tokenized prompts, up to `<|im_end|>`, by a model that attends as transformers
    does. Prompts of like length go together, padded on the left."""
    import torch

    end = tokenizer.convert_tokens_to_ids(END)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    texts = [""] * len(prompts)
    for at in range(0, len(order), BATCH):
        chosen = order[at : at + BATCH]
        width = max(len(prompts[i]) for i in chosen)
        ids = torch.tensor([[end] * (width - len(prompts[i])) + list(prompts[i]) for i in chosen])
        mask = torch.tensor([[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in chosen])
        with torch.no_grad():
            made = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=max_tokens,
                do_sample=False,
                eos_token_id=end,
                pad_token_id=end,
            )
        for i, row in zip(chosen, made[:, width:].tolist(), strict=True):
            kept = row[: row.index(end)] if end in row else row
            texts[i] = tokenizer.decode(kept, skip_special_tokens=False)
            if progress:
                progress()
    return texts
