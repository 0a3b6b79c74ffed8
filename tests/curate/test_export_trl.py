"""The forms in `datasets` and in TRL's own trainers, which tokenize them as they would to train."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from export_rows import PLAYABLE, ROWS, byte_tokenizer, hermes_calls, openai_calls, row, said, send

from enactor.curate.export import FORMS, export
from enactor.curate.rows import write_rows
from enactor.prompt import chat_messages

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each form in a folder of its name."""
    folder = tmp_path_factory.mktemp("exported")
    rows, pairs = folder / "train.jsonl", folder / "pairs" / "train.jsonl"
    write_rows(rows, PLAYABLE)
    rejected = {"text": "Done!", "calls": []}, {"text": "", "calls": [_json(send("EAT bones"))]}
    pairs.parent.mkdir()
    lines = [
        {"schema": 1, "reason": "claimed", "origin": "template", "row": made.to_json(), "rejected": wrong}
        for made, wrong in zip((ROWS[0], ROWS[5]), rejected, strict=True)
    ]
    pairs.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    for form in FORMS:
        export(form, [pairs if form in ("dpo", "kto") else rows], folder / form, operands="said")
    return folder


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    pytest.importorskip("transformers")
    return byte_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes))


def _json(action: Any) -> dict[str, Any]:
    return {"tool": action.tool, "args": dict(action.args)}


def _load(folder: Path) -> Any:
    from datasets import load_dataset

    files = str(folder / "train.jsonl")
    return load_dataset("json", data_files=files, split="train", cache_dir=str(folder / "cache"))


@pytest.mark.parametrize("form", FORMS)
def test_datasets_reads_it(form: str, exported: Path) -> None:
    """Arrow gives every row the same columns; what is missing becomes null and nothing else changes."""
    written = [json.loads(line) for line in (exported / form / "train.jsonl").read_text("utf-8").splitlines()]
    read = _load(exported / form).to_list()
    assert [_without_null(line) for line in read] == [_without_null(line) for line in written]


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_null(v) for k, v in value.items() if v is not None}
    return [_without_null(v) for v in value] if isinstance(value, list) else value


def test_sft_trains_on_the_answers(exported: Path, tokenizer: Any, model: Any, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    args = SFTConfig(output_dir=str(tmp_path), report_to=[], max_length=None, use_cpu=True, bf16=False)
    data = _load(exported / "trl")
    trainer = SFTTrainer(model, args=args, train_dataset=data, processing_class=tokenizer)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(PLAYABLE))])
    for made, ids, labels in zip(PLAYABLE, batch["input_ids"], batch["labels"], strict=True):
        text = "".join(segment.text for segment in made.segments())
        padded = tokenizer.decode(ids[ids != tokenizer.pad_token_id])
        assert padded.rstrip("\n") == text.rstrip("\n")
        trained = tokenizer.decode(labels[labels != -100])
        assert trained.strip() == next(s.text for s in made.segments() if s.train)
        assert hermes_calls(trained) == said(made)


def test_dpo_takes_the_pairs(exported: Path, tokenizer: Any, model: Any, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    args = DPOConfig(output_dir=str(tmp_path), report_to=[], max_length=None, use_cpu=True, bf16=False)
    data = _load(exported / "dpo")
    trainer = DPOTrainer(
        model, ref_model=copy.deepcopy(model), args=args, train_dataset=data, processing_class=tokenizer
    )
    rejected = ([], said(row("", send("EAT bones"))))
    for made, wrong, line in zip((ROWS[0], ROWS[5]), rejected, trainer.train_dataset, strict=True):
        assert hermes_calls(tokenizer.decode(line["chosen_ids"])) == said(made)
        assert hermes_calls(tokenizer.decode(line["rejected_ids"])) == wrong
        assert tokenizer.decode(line["prompt_ids"]).endswith("<|im_start|>assistant\n")


def test_kto_takes_the_pairs(exported: Path, tokenizer: Any, model: Any, tmp_path: Path) -> None:
    from trl import KTOConfig, KTOTrainer

    args = KTOConfig(output_dir=str(tmp_path), report_to=[], max_length=None, use_cpu=True, bf16=False)
    data = _load(exported / "kto")
    trainer = KTOTrainer(
        model, ref_model=copy.deepcopy(model), args=args, train_dataset=data, processing_class=tokenizer
    )
    assert [line["label"] for line in trainer.train_dataset] == [True, False, True, False]
    turns = [tokenizer.decode(line["completion_ids"]) for line in trainer.train_dataset]
    assert [hermes_calls(turn) for turn in turns] == [
        said(ROWS[0]),
        [],
        said(ROWS[5]),
        said(row("", send("EAT bones"))),
    ]
    assert turns[1].strip() == "Done!<|im_end|>"


def test_the_template_gives_transformers_the_trained_text(exported: Path, tokenizer: Any) -> None:
    """jinja2, the engine of transformers and vLLM, over the OpenAI form; even with a tag in an argument."""
    odd = row("odd", ROWS[-1].say[0])
    for made in (*PLAYABLE, odd):
        text = tokenizer.apply_chat_template(chat_messages(made.messages()), tokenize=False)
        assert text == "".join(segment.text for segment in made.segments())
    for made, line in zip(PLAYABLE, _load(exported / "openai"), strict=True):
        assert openai_calls(line["messages"][-1]) == said(made)
