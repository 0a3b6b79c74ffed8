"""A base of the real architecture with random weights, 66 kB, and rows for it."""

import random
from pathlib import Path

import pytest

from enactor.prompt import Segment
from enactor.train import Recipe


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of transformers: a two-layer Llama with grouped heads and a byte tokenizer of ChatML."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=special[0], bos_token=special[1], eos_token=special[2]
    )
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=8,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.2,
    )
    folder = tmp_path_factory.mktemp("tiny-llama")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def recipe(tiny_base: Path) -> Recipe:
    return Recipe(
        base=str(tiny_base),
        rank=4,
        alpha=8,
        batch=4,
        epochs=2,
        max_length=200,
        dtype="float32",
        learning_rate=1e-2,
    )


@pytest.fixture(scope="session")
def rows() -> list[list[Segment]]:
    """Thirty rows of two kinds and several lengths that begin alike."""
    rng = random.Random(3)
    made = []
    for _ in range(30):
        thing, count = rng.choice(["cow", "imp", "giant_frog"]), rng.randint(1, 300)
        said, done = rng.choice(
            [(f"kill {count} {thing}", "KILL_LOOP"), (f"get {count} {thing} pls", "TAKE")]
        )
        made.append(
            [
                Segment(f"<|im_start|>system\nAct.<|im_end|>\n<|im_start|>user\n{said}<|im_end|>\n", False),
                Segment("<|im_start|>assistant\n", False),
                Segment(f"{done} {thing} {count}<|im_end|>", True),
                Segment("\n", False),
            ]
        )
    return made
