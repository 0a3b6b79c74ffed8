"""The smallest model that llama.cpp loads: it has a byte for each token and ends every turn at once.

It lets llama.cpp's own template and parser run without weights: what stands in the answer was put there by
the request, never by the model.
"""

from pathlib import Path

WIDTH = 32
END, START, EMPTY = "<|im_end|>", "<|im_start|>", "<|endoftext|>"


def write_tiny(path: Path, template: str, context: int) -> None:
    """Write the model, some 100 kB of GGUF, with `template` as its chat template."""
    import gguf
    import numpy as np

    tokens = [*_byte_letters(), EMPTY, START, END]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_block_count(1)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * 3)
    writer.add_token_merges(["h i"])  # llama.cpp wants one at least
    writer.add_bos_token_id(tokens.index(START))
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    output = np.zeros((len(tokens), WIDTH), np.float32)
    output[tokens.index(END)] = 1.0  # the one logit above zero, whatever went in
    square, ones = np.zeros((WIDTH, WIDTH), np.float32), np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", np.ones_like(output))
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", ones)
    for part in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{part}.weight", ones)
    for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{part}.weight", square)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _byte_letters() -> list[str]:
    """GPT-2's letter for each byte, in the bytes' order: printable ones stand for themselves, the others for
    the code points from 256 on."""
    plain = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]
