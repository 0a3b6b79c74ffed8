"""From an adapter to GGUFs in several precisions, and the template inside them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gguf
import httpx
import numpy as np
import pytest

from enactor.deploy import QuantizeError, make_files, quantize, shipped
from enactor.deploy.quantize import wanted_type
from enactor.errors import EnactorError
from enactor.models import LlamaEngine, known_sha256, model_file
from enactor.prompt import CHAT_TEMPLATE, chat_messages, render_row, tool_call
from enactor.trace.values import Message

LAYERS = 8


def contents(path: Path) -> dict[str, object]:
    return {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items()}


def test_every_precision_is_made_runs_and_says_where_it_comes_from(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    made = make_files(adapter, tmp_path / "out", "tiny", base=base)
    assert [path.name for path in made.files.values()] == [
        "tiny-f16.gguf",
        "tiny-q8_0.gguf",
        "tiny-q4_k_m.gguf",
    ]
    assert shipped(made) == made.files["q8_0"]
    for path in made.files.values():
        said = contents(path)
        assert said["tokenizer.chat_template"] == CHAT_TEMPLATE
        assert said["enactor.base_sha256"] == known_sha256(base)
        assert said["enactor.data"] == "t1:abc"
        assert said["enactor.world"] == "w1:x"
        assert (said["enactor.commit"], said["enactor.dirty"]) == ("f00d", "true")
        assert json.loads(str(said["enactor.recipe"])) == {"name": "demo", "rank": 2}
        with LlamaEngine(path, threads=1, context=256) as engine:
            assert engine.complete("hi", max_tokens=2).completion_tokens
    assert contents(made.files["q4_k_m"])["general.file_type"] == gguf.LlamaFileType.MOSTLY_Q4_K_M
    assert (made.folder / "chat_template.jinja").read_text() == CHAT_TEMPLATE
    assert (made.folder / "Modelfile").read_text().startswith("FROM ./tiny-q8_0.gguf")


def test_files_are_made_again_only_when_what_they_are_made_from_changes(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    make_files(adapter, tmp_path / "out", "tiny", base=base, precisions=("q8_0",), progress=told.append)
    make_files(adapter, tmp_path / "out", "tiny", base=base, precisions=("q8_0",), progress=told.append)
    assert told == ["writing tiny-q8_0.gguf"]
    made = make_files(
        adapter, tmp_path / "out", "tiny", base=base, precisions=("q4_k_m",), progress=told.append
    )
    assert told[1:] == ["writing tiny-q4_k_m.gguf"]
    assert not (tmp_path / "out" / "tiny-f16.gguf").exists()
    made.files["q4_k_m"].write_bytes(made.files["q4_k_m"].read_bytes()[:-8])
    make_files(adapter, tmp_path / "out", "tiny", base=base, precisions=("q4_k_m",), progress=told.append)
    assert told[2:] == ["writing tiny-q4_k_m.gguf"]


def test_an_unknown_base_is_an_error_with_a_cure(adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(EnactorError, match="name its GGUF with --base"):
        make_files(adapter, tmp_path / "out", "tiny")


def test_q4_k_m_gives_each_tensor_the_type_that_llama_cpp_gives_it(base: Path, tmp_path: Path) -> None:
    types = quantize(base, tmp_path / "q4.gguf")
    # Rows of 64 fall back; the embedding is the output too. Layers 0, 3, 6 and 7 of eight get more bits.
    assert types == Counter(Q5_0=4 * LAYERS + 2 * LAYERS - 4, Q8_0=4 + 1, Q4_K=4, Q6_K=4, F32=17)
    assert wanted_type("output.weight", [4096, 32000], 32, tied=False) == "Q6_K"
    assert wanted_type("token_embd.weight", [4096, 32000], 32, tied=False) == "Q4_K"
    assert wanted_type("blk.5.attn_qkv.weight", [4096, 12288], 32, tied=False) == "Q5_K"
    assert wanted_type("blk.5.attn_v.weight", [4096, 1024], 32, tied=False) == "Q4_K"
    assert wanted_type("blk.6.attn_v.weight", [4096, 1024], 32, tied=False) == "Q6_K"
    assert wanted_type("blk.6.attn_v.bias", [1024], 32, tied=False) == "F32"


def test_quantized_values_are_near_the_true_ones(base: Path, tmp_path: Path) -> None:
    quantize(base, tmp_path / "q4.gguf")

    def values(path: Path) -> dict[str, np.ndarray]:
        return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}

    before, after = values(base), values(tmp_path / "q4.gguf")
    assert before.keys() == after.keys()
    for name, true in before.items():
        spread = float(np.abs(true).max())
        np.testing.assert_allclose(after[name], true, atol=spread / 8)
        if true.ndim > 1:
            assert np.corrcoef(after[name].ravel(), true.ravel())[0, 1] > 0.99


def test_a_file_that_is_quantized_too_far_already_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(EnactorError):
        quantize(tmp_path / "gone.gguf", tmp_path / "q4.gguf")
    path = tmp_path / "narrow.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_tensor("blk.0.attn_q.weight", np.ones((8, 24), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(QuantizeError, match="rows of 24 values"):
        quantize(path, tmp_path / "q4.gguf")
    assert not (tmp_path / "q4.gguf").exists()


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    """The shipped model in llama.cpp's server, with the template that its file carries."""
    import xllamacpp

    try:
        weights = model_file("shipped")
    except EnactorError as error:
        pytest.skip(str(error))
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel, params.port = 1024, 1, 0
    params.use_jinja, params.warmup, params.verbosity = True, False, -1
    running = xllamacpp.Server(params)
    with httpx.Client(base_url=running.listening_address, timeout=60, trust_env=False) as client:
        yield client


@pytest.mark.model
def test_the_files_own_template_renders_token_for_token_what_training_rendered(server: httpx.Client) -> None:
    """Training makes a row's tokens segment by segment, the server from messages by the file's template."""
    eat = tool_call("send_command", {"command": "EAT <tuna> 3"})
    spoken = [
        Message("user", "eat <|im_end|> größe 12345"),
        Message("assistant", "", (eat, eat)),
        Message("tool", '{"status": "ok"}'),
        Message("tool", '{"status": "error", "error": "no tuna"}'),
        Message("assistant", "You have none."),
        Message("user", "thanks"),
    ]
    answer = server.post("/apply-template", json={"messages": chat_messages(spoken), "tools": []})

    def tokens(text: str) -> list[int]:
        asked = {"content": text, "add_special": False, "parse_special": True}
        return list(server.post("/tokenize", json=asked).json()["tokens"])

    by_segment = [token for segment in render_row(spoken) for token in tokens(segment.text)]
    assert by_segment + tokens("<|im_start|>assistant\n") == tokens(answer.json()["prompt"])
