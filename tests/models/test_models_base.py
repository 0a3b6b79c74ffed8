"""The torch side of the base: the same tokens as llama.cpp, weights that can be saved and trained."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from enactor.models import ModelFileError
from enactor.train.base import differences, load_base, load_tokenizer, probes

pytestmark = [pytest.mark.model, pytest.mark.train, pytest.mark.slow]


def test_models_base_tokenizer_is_that_of_llama_cpp(base: Path) -> None:
    texts = probes()
    assert len(texts) > 300
    tokenizer = load_tokenizer(base)
    assert differences(base, tokenizer, texts) == []
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_models_base_without_its_pre_tokenizer_differs(base: Path) -> None:
    """Why the pre-tokenizer is set by hand; when this fails, transformers does it right and ours can go."""
    from transformers import AutoTokenizer

    raw = AutoTokenizer.from_pretrained(str(base.parent), gguf_file=base.name)
    assert differences(base, raw, ["kill   7 frogs", "½"])


def test_models_base_can_be_saved(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model, _ = load_base(base, check=False)
    assert {str(parameter.dtype) for parameter in model.parameters()} == {"torch.float32"}
    model.save_pretrained(tmp_path / "saved")
    assert "quantization" not in (tmp_path / "saved" / "config.json").read_text()
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "saved")
    for name, parameter in again.named_parameters():
        assert parameter.equal(model.get_parameter(name)), name


def test_models_base_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="models pull"):
        load_base(tmp_path / "none.gguf")
