"""A base GGUF as a torch model and the tokenizer that belongs to it.

Training reads the same file that decoding reads, so that an adapter fits the (quantized) weights it will be
merged into. Two things do not come out of transformers as they should and are put right here: the config
says "quantized" although the weights are plain floats, and the pre-tokenizer of SmolLM2 is replaced by a
generic byte-level one, which splits digits and runs of spaces otherwise than llama.cpp does.
"""

import io
import logging
import warnings
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models.gguf_file import check_gguf
from enactor.models.llama import LlamaEngine


class TokenizerMismatch(EnactorError):
    """Training and decoding would see different tokens."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One text that torch's tokenizer and llama.cpp's cut differently."""

    text: str
    ours: tuple[int, ...]
    llama: tuple[int, ...]


def _hush(transformers_logging: Any) -> None:
    """Keep the libraries' own bars and notices to their developers out of the user's terminal."""
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    warnings.filterwarnings("ignore", message="Could not find a config file", module="peft")
    # PEFT imports it where it is installed, and it tells of kernels for CPUs that nobody asked for.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def load_base(gguf: Path, *, check: bool = True) -> tuple[Any, Any]:
    """`(model, tokenizer)` of the GGUF at `gguf`: a `transformers` causal language model in float32 on the
    CPU that can be trained and saved, and its fast tokenizer.

    `check` compares the tokenizer with llama.cpp's on `probes()` (about a second) and raises
    `TokenizerMismatch` on any difference. Raises `EnactorError` when the file or the train extra is missing.
    """
    check_gguf(gguf)
    try:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise EnactorError(f"training needs {error.name}: `pip install 'enactor[train]'`") from error
    _hush(transformers_logging)
    tokenizer = load_tokenizer(gguf)
    if check and (found := differences(gguf, tokenizer, probes())):
        first = found[0]
        raise TokenizerMismatch(
            f"the tokenizer of {gguf.name} in transformers differs from llama.cpp's on {len(found)} texts, "
            f"first {first.text!r}: {list(first.ours)} against {list(first.llama)}. Its pre-tokenizer is not "
            f"known to enactor.train.base.PRE_TOKENIZERS"
        )
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # it warns that it dequantizes, which is wanted
    logger = logging.getLogger("gguf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):  # a bar that no setting switches off
            model = AutoModelForCausalLM.from_pretrained(
                str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32
            )
    finally:
        transformers_logging.set_verbosity(verbosity)
        logger.setLevel(level)
    _forget_quantization(model)
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def _forget_quantization(model: Any) -> None:
    """The weights are plain floats by now; without this `save_pretrained` and PEFT treat them as packed."""
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    for name in ("hf_quantizer", "quantization_method"):
        if hasattr(model, name):
            delattr(model, name)
    model.is_quantized = False


def load_tokenizer(gguf: Path) -> Any:
    """The fast tokenizer of the GGUF, with the pre-tokenizer that its metadata names. It adds no special
    tokens by itself, and pads with `<|endoftext|>`, which occurs in no text."""
    from gguf import GGUFReader
    from transformers import AutoTokenizer

    field = GGUFReader(gguf).get_field("tokenizer.ggml.pre")
    pre = "" if field is None else str(field.contents())
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    if pre in PRE_TOKENIZERS:
        tokenizer.backend_tokenizer.pre_tokenizer = PRE_TOKENIZERS[pre]()
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id) and tokenizer.unk_token_id is not None:
        # SmolLM2 pads with <|im_end|>; a collator that masks padding would mask the end of every answer.
        tokenizer.pad_token = tokenizer.unk_token
    return tokenizer


def _smollm() -> Any:
    """Every digit alone, then GPT-2's pattern (LLAMA_VOCAB_PRE_TYPE_SMOLLM in llama.cpp)."""
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )


PRE_TOKENIZERS = {"smollm": _smollm}
"""`tokenizer.ggml.pre` -> pre-tokenizer, where transformers does not set the right one by itself."""


def differences(gguf: Path, tokenizer: Any, texts: Iterable[str]) -> Sequence[Difference]:
    """Texts that `tokenizer` cuts differently from llama.cpp, special tokens parsed, none added."""
    found = []
    with LlamaEngine(gguf, context=256) as engine:
        for text in texts:
            ours = tuple(tokenizer(text, add_special_tokens=False).input_ids)
            llama = tuple(engine.tokenize(text))
            if ours != llama:
                found.append(Difference(text, ours, llama))
    return found


def probes() -> Sequence[str]:
    """Some three hundred texts of the kind the model sees, and of the kinds that tokenizers disagree on."""
    names = ("Giant_frog", "Raw_beef", "draybir_bank", "Iron scimitar", "Tuna x4", "gaint frogs")
    counts = ("3", "12", "300", "1k", "  7", "x150", "3242 3218 0", "½", "²", "１２", "٣٤")
    frames = (
        "<|im_start|>user\n[hp 12/35 | inv 9/28: {name}] kill {count}<|im_end|>\n<|im_start|>assistant\n",
        '<tool_call>\n{{"name": "send_command", "arguments": {{"command": "{name} {count}"}}}}\n</tool_call>',
        "{name}{count}, {name}  {count}\t{name}\n\n{count}",
        " {count} {name}s pls!!",
    )
    odd = (
        "", " ", "  ", "   ", "\n", "\n\n", " \n ", "\t", "\r\n", "a  b", "a   b", "trailing ",
        "trailing   ", "  leading", "don't I'LL we've IT'S they'd", "’tis ‘quoted’",
        "ALLCAPS lower MiXeD", "snake_case__double", "a.b.c...", "!!!???", "<|im_start|>",
        "<|im_end|>x<|im_end|>", "<|im_start", "< |im_start|>", "<|im_end|> ", " <|im_end|>",
        "<|endoftext|>", "<repo_name>", "<tool_call>", "</tool_response>", "{}", '{"a": [1, 2.5, -3e4]}',
        "\\n \\u00e9", "é e\u0301 ñ ü ß", "日本語 テスト", "привет", "שלום", "مرحبا", "🐸", "👩‍👩‍👧",
        "🇬🇧", "a\u200bb", "a\u00a0b", "\u3000", "\ufeffx", "\x00", "\x07bell", "\x1b[31m", "a\u2028b",
        "1a2b3c", "0x1F", "1,000,000", "3.14", "50%", "-5", "+5", "10:30", "v2.0.1", "Ⅳ", "①", "五",
    )  # fmt: skip
    return (*(f.format(name=n, count=c) for f in frames for n in names for c in counts), *odd)
