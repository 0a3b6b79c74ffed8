"""Tiny bases of the real architectures, each with its own marks."""

from pathlib import Path
from typing import Any

from enactor.train.gpu import FRAMES
from enactor.train.gpu.frames import frame_template

ARCHITECTURES = {"chatml": "qwen2", "llama3": "llama", "mistral": "mistral"}


def byte_tokenizer(frame: str) -> Any:
    """A token for each byte and each mark of the frame, with its template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = FRAMES[frame]
    special = list(dict.fromkeys((made.pad, *made.marks)))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=made.marks[0] if frame != "chatml" else None,
        eos_token=made.end,
        pad_token=made.pad,
    )
    tokenizer.chat_template = frame_template(frame)
    return tokenizer


def tiny(folder: Path, frame: str) -> Path:
    """Two layers of the base's architecture with its biases and grouped heads, wide enough for four-bit
    blocks, and the tokenizer; random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = byte_tokenizer(frame)
    torch.manual_seed(5)
    config = AutoConfig.for_model(
        ARCHITECTURES[frame],
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.1,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
