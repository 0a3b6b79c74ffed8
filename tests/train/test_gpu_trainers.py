"""The configurations in the trainers' own parsers, and their ids beside ours.

`ENACTOR_TRAINERS` names a folder with the bare packages; `docs/gpu.md` says how to fill it. What is not
there is skipped.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
import yaml
from gpu_bases import byte_tokenizer, tiny

from enactor.curate.rows import Action, Row, write_rows
from enactor.prompt import tool_call
from enactor.trace.values import Message
from enactor.train import Recipe, load_recipe, recipe_names
from enactor.train.configs import emit
from enactor.train.gpu import FRAMES
from enactor.train.gpu.rows import read_framed

pytestmark = [pytest.mark.slow, pytest.mark.train]
FOLDER = Path(os.environ.get("ENACTOR_TRAINERS") or "absent")
NAMES = [name for name in recipe_names() if load_recipe(name).gpu]
EACH_FRAME = ["qwen2.5-7b-24gb", "llama3.1-8b-24gb", "mistral-7b-24gb"]
STATE = {"location": [3222, 3218, 0], "health": [30, 30], "inventory": ["Tuna"]}


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    """The folder, importable; what is installed comes first."""
    if not FOLDER.is_dir():
        pytest.skip("ENACTOR_TRAINERS names no folder: see docs/gpu.md")
    sys.path.append(str(FOLDER))
    with pytest.MonkeyPatch.context() as patch:
        # LLaMA-Factory names the versions of transformers that it was tested with; ours is newer.
        patch.setenv("DISABLE_VERSION_CHECK", "1")
        audio = types.ModuleType("torchaudio")  # its plug-in for sound asks for it; there is no sound here
        audio.__spec__ = ModuleSpec("torchaudio", None)
        patch.setitem(sys.modules, "torchaudio", audio)
        yield FOLDER
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    call = tool_call("send_command", {"command": "EAT tuna"})
    result = Message("tool", '{"status": "ok", "command": "EAT Tuna"}')
    past = (Message("user", "eat a tuna"), Message("assistant", "", (call, call)), result, result)

    def row(message: str, *commands: str, **more: Any) -> Row:
        say = tuple(Action("send_command", {"command": command}) for command in commands)
        return Row(message, "simple", "combat", "made.up", "h1:0", STATE, say=say, **more)

    path = tmp_path_factory.mktemp("rows") / "train.jsonl"
    write_rows(
        path,
        [
            row("kill five cows", "KILL_LOOP cows none five"),
            row("go 20 east and stop", "GOTO east 20", "STOP"),
            row("thanks", reply="Any time."),
            row("thanks", reply="Any time.", history=past),
        ],
    )
    return path


@pytest.fixture(scope="module")
def emitted(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("emitted")
    for name in NAMES:
        for trainer in ("axolotl", "llamafactory", "unsloth"):
            emit(trainer, load_recipe(name), rows, rows, folder / name / trainer)
    return folder


def module(packages: Path, name: str) -> Any:
    if not (packages / name.partition(".")[0]).is_dir():
        pytest.skip(f"{name.partition('.')[0]} is not in {packages}")
    return importlib.import_module(name)


def config_of(folder: Path, trainer: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / trainer / f"{trainer}.yaml").read_text("utf-8"))
    return found


def ours(recipe: Recipe, rows: Path) -> list[tuple[str, str]]:
    """Each row's whole text and its answer."""
    assert recipe.gpu is not None
    return [
        ("".join(s.text for s in row), next(s.text for s in row if s.train))
        for row in read_framed(rows, recipe.gpu, "hermes").rows
    ]


@pytest.mark.parametrize("name", NAMES)
def test_axolotl_takes_the_configuration(packages: Path, emitted: Path, name: str) -> None:
    """Its whole validation, as if on an RTX 4090: unknown keys and settings that contradict each other."""
    config = config_of(emitted / name, "axolotl")
    schema = module(packages, "axolotl.utils.schemas.config").AxolotlInputConfig
    assert set(config) <= set(schema.model_fields)
    from axolotl.utils.config import validate_config
    from axolotl.utils.dict import DictDefault

    card = {"bf16": True, "fp8": False, "tf32": True, "n_gpu": 1, "n_node": 1, "compute_capability": "sm_89"}
    taken = validate_config(
        DictDefault(config), capabilities=card, env_capabilities={"torch_version": "2.9.0"}
    )
    recipe = load_recipe(name)
    assert taken.lora_r == recipe.rank
    assert bool(taken.load_in_4bit) == (recipe.gpu is not None and recipe.gpu.quantize == "nf4")


@pytest.mark.parametrize("name", EACH_FRAME)
def test_axolotl_trains_on_our_ids(packages: Path, emitted: Path, rows: Path, name: str) -> None:
    strategies = module(packages, "axolotl.prompt_strategies.chat_template")
    from axolotl.utils.dict import DictDefault

    recipe = load_recipe(name)
    assert recipe.gpu is not None
    tokenizer = byte_tokenizer(recipe.gpu.frame)
    config = {**config_of(emitted / name, "axolotl"), "sequence_len": 8192}
    strategy = strategies.load(tokenizer, DictDefault(config), DictDefault(config["datasets"][0]))
    lines = (emitted / name / "axolotl/train.jsonl").read_text("utf-8").splitlines()
    for line, (text, answer) in zip(lines, ours(recipe, rows), strict=True):
        made = strategy.tokenize_prompt(json.loads(line))
        assert tokenizer.decode(made["input_ids"]) == text
        trained = tokenizer.decode([label for label in made["labels"] if label != -100])
        assert trained.strip() == answer.strip()


@pytest.mark.parametrize("name", NAMES)
def test_llama_factory_takes_the_configuration(
    packages: Path, emitted: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own parser and its checks of what goes together."""
    parser = module(packages, "llamafactory.hparams.parser")
    monkeypatch.chdir(emitted / name / "llamafactory")
    config = config_of(emitted / name, "llamafactory")
    model, data, training, tuning, _ = parser.get_train_args({**config, "use_cpu": True})
    recipe = load_recipe(name)
    assert recipe.gpu is not None
    assert (tuning.lora_rank, model.quantization_bit) == (
        recipe.rank,
        4 if recipe.gpu.quantize == "nf4" else None,
    )
    assert data.mask_history
    assert training.optim.value == recipe.gpu.optimizer


@pytest.mark.parametrize("name", EACH_FRAME)
def test_llama_factory_trains_on_our_text(packages: Path, emitted: Path, rows: Path, name: str) -> None:
    parser = module(packages, "llamafactory.data.parser")
    converter = importlib.import_module("llamafactory.data.converter")
    templates = importlib.import_module("llamafactory.data.template")
    processor = importlib.import_module("llamafactory.data.processor.supervised")
    from datasets import load_dataset
    from llamafactory.hparams.data_args import DataArguments

    recipe = load_recipe(name)
    assert recipe.gpu is not None
    folder = emitted / name / "llamafactory"
    config = config_of(emitted / name, "llamafactory")
    arguments = DataArguments(
        template=config["template"], dataset_dir=str(folder), mask_history=True, cutoff_len=16384
    )
    [attributes] = parser.get_dataset_list([config["dataset"]], str(folder))
    data = load_dataset("json", data_files=str(folder / attributes.dataset_name), split="train")
    once = types.SimpleNamespace(local_process_index=0)
    aligned = converter.align_dataset(data, attributes, arguments, once)
    tokenizer = byte_tokenizer(recipe.gpu.frame)
    template = templates.get_template_and_fix_tokenizer(tokenizer, arguments)
    worker = processor.SupervisedDatasetProcessor(template, tokenizer, None, arguments)
    batch = worker.preprocess_dataset(aligned.to_dict())
    between = {
        "chatml": "<|im_start|>assistant\nDone.<|im_end|>\n",
        "llama3": "<|start_header_id|>assistant<|end_header_id|>\n\nDone.<|eot_id|>",
        "mistral": "",
    }[recipe.gpu.frame]
    expected = ours(recipe, rows)
    assert len(batch["labels"]) == len(expected)
    for ids, labels, (text, answer) in zip(batch["input_ids"], batch["labels"], expected, strict=True):
        assert tokenizer.decode(ids).replace(between, "") == text
        assert tokenizer.decode([label for label in labels if label != -100]).strip() == answer.strip()


@pytest.mark.parametrize("name", NAMES)
def test_unsloth_takes_the_configuration(packages: Path, emitted: Path, name: str) -> None:
    """The reader of `unsloth train --config`, from its module alone."""
    path = packages / "unsloth_cli" / "config.py"
    if not path.is_file():
        pytest.skip(f"unsloth_cli/config.py is not in {packages}")
    spec = importlib.util.spec_from_file_location("unsloth_config", path)
    assert spec is not None
    assert spec.loader is not None
    reader = importlib.util.module_from_spec(spec)
    sys.modules["unsloth_config"] = reader
    spec.loader.exec_module(reader)
    taken = reader.load_config(emitted / name / "unsloth/unsloth.yaml")
    assert taken.lora.lora_r == load_recipe(name).rank
    assert taken.training.batch_size * taken.training.gradient_accumulation_steps == 32


STANDIN = """
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer


def is_bfloat16_supported():
    return False


class FastLanguageModel:
    @staticmethod
    def from_pretrained(name, max_seq_length, load_in_4bit):
        return AutoModelForCausalLM.from_pretrained(name), AutoTokenizer.from_pretrained(name)

    @staticmethod
    def get_peft_model(model, r, lora_alpha, target_modules, **more):
        config = LoraConfig(r=r, lora_alpha=lora_alpha, target_modules=target_modules, task_type="CAUSAL_LM")
        return get_peft_model(model, config)
"""


@pytest.mark.parametrize("frame", FRAMES)
def test_the_script_for_unsloth_runs(frame: str, rows: Path, tmp_path: Path) -> None:
    """TRL's part of it for real, on a tiny base; plain PEFT stands in for Unsloth, which wants a card."""
    base = tiny(tmp_path / "base", frame)
    name = next(n for n in EACH_FRAME if load_recipe(n).gpu.frame == frame)
    made = load_recipe(name)
    gpu = {**made.gpu.model_dump(), "optimizer": "adamw_torch", "quantize": "none"}
    recipe = Recipe.model_validate({**made.model_dump(exclude_none=True), "base": str(base), "gpu": gpu})
    emit("unsloth", recipe, rows, rows, tmp_path / "out")
    (tmp_path / "unsloth.py").write_text(STANDIN, "utf-8")
    run = subprocess.run(
        [sys.executable, str(tmp_path / "out/unsloth_train.py")],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert (tmp_path / "out/adapter/adapter_model.safetensors").is_file()
