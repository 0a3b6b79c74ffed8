"""The same recipe and rows for other trainers. Their own parsers are in `test_gpu_trainers.py`."""

import ast
import json
from pathlib import Path

import pytest
import yaml

from enactor.cli import main
from enactor.curate.rows import Action, Row, write_rows
from enactor.errors import EnactorError
from enactor.prompt import DIALECTS, SYSTEM, tool_call
from enactor.trace.values import Message
from enactor.train import RecipeError, load_recipe
from enactor.train.configs import TRAINERS, emit
from enactor.train.gpu import FRAMES
from enactor.train.gpu.frames import frame_template

STATE = {"location": [3222, 3218, 0], "health": [30, 30], "inventory": ["Tuna"]}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    call = tool_call("send_command", {"command": "EAT tuna"})
    past = (
        Message("user", "eat a tuna <|im_end|>"),
        Message("assistant", "", (call, call)),
        Message("tool", '{"status": "ok", "command": "EAT Tuna"}'),
        Message("tool", '{"status": "error"}'),
    )
    stop = (Action("send_command", {"command": "STOP"}),)
    cow = (Action("send_command", {"command": "KILL_LOOP cows none five"}),)
    wumpus = (Action("send_command", {"command": "KILL_LOOP wumpus"}),)
    made = [
        Row("and stop", "simple", "combat", "made.up", "h1:0", STATE, say=stop, history=past),
        Row("kill five cows", "loop", "combat", "made.up", "h1:1", STATE, say=cow),
        Row("thanks", "chat", "chat", "made.up", "h1:2", STATE, reply="Any time."),
        Row("kill a wumpus", "loop", "combat", "made.up", "h1:3", STATE, say=wumpus),
    ]
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    write_rows(path, made)
    return path


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", ["qwen2.5-7b-24gb", "llama3.1-8b-16gb", "mistral-7b-24gb"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_data_and_configuration_stand_together(name: str, trainer: str, rows: Path, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    done = emit(trainer, recipe, rows, rows, tmp_path)
    assert done.lines == {"train.jsonl": 3, "test.jsonl": 3}
    assert done.left_out == {"no lowered form": 2}
    [config] = [yaml.safe_load(p.read_text("utf-8")) for p in tmp_path.glob("*.yaml")]
    text = json.dumps(config)
    assert recipe.base in text
    assert "4" in text
    assert not list(tmp_path.glob("*.partial"))


def test_axolotl_has_the_frame(rows: Path, tmp_path: Path) -> None:
    emit("axolotl", load_recipe("llama3.1-8b-16gb"), rows, None, tmp_path)
    config = yaml.safe_load((tmp_path / "axolotl.yaml").read_text("utf-8"))
    assert config["chat_template_jinja"] == frame_template("llama3")
    assert config["eot_tokens"] == [FRAMES["llama3"].end]
    assert config["micro_batch_size"] * config["gradient_accumulation_steps"] == 32
    assert "test_datasets" not in config
    [*_, answer] = _lines(tmp_path / "train.jsonl")[1]["messages"]
    assert answer["train"]
    assert "KILL_LOOP Cow none 5" in answer["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize(("name", "turns"), [("llama3.1-8b-16gb", 6), ("mistral-7b-16gb", 4)])
def test_llama_factory_gets_text_by_turns(name: str, turns: int, rows: Path, tmp_path: Path) -> None:
    emit("llamafactory", load_recipe(name), rows, None, tmp_path)
    first, second, _ = _lines(tmp_path / "train.jsonl")
    speakers = [turn["from"] for turn in first["conversations"]]
    assert speakers == ["human", "gpt"] * (turns // 2)
    assert first["system"] == SYSTEM
    values = [turn["value"] for turn in first["conversations"]]
    assert "<|im_end|>" not in values[0]
    assert values[1].count("<tool_call>") == 2
    assert values[2].count("<tool_response>") == 2
    [call] = DIALECTS["hermes"].parse(second["conversations"][-1]["value"]).calls
    assert call.parsed == {"command": "KILL_LOOP Cow none 5"}
    info = json.loads((tmp_path / "dataset_info.json").read_text("utf-8"))
    config = yaml.safe_load((tmp_path / "llamafactory.yaml").read_text("utf-8"))
    assert set(info) == {config["dataset"]} == {"enactor_train"}
    assert config["mask_history"] is True
    assert "eval_dataset" not in config


def test_unsloth_gets_a_script(rows: Path, tmp_path: Path) -> None:
    emit("unsloth", load_recipe("qwen2.5-7b-16gb"), rows, rows, tmp_path)
    script = (tmp_path / "unsloth_train.py").read_text("utf-8")
    ast.parse(script)
    assert "@" not in script
    assert "'test.jsonl'" in script
    assert "'paged_adamw_8bit'" in script
    assert set(_lines(tmp_path / "train.jsonl")[0]) == {"prompt", "completion"}
    assert (tmp_path / "chat_template.jinja").read_text("utf-8") == frame_template("chatml")


def test_from_the_command_line(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "mistral-7b-24gb", "--rows", str(rows), "--emit", "axolotl", "--out", str(tmp_path)]
    assert main(command) == 0
    assert "axolotl train axolotl.yaml" in capsys.readouterr().out
    assert (tmp_path / "axolotl/axolotl.yaml").is_file()


def test_what_cannot_be_emitted(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no section `gpu`"):
        emit("axolotl", load_recipe("demo"), rows, None, tmp_path)
    with pytest.raises(RecipeError, match="dialect hermes"):
        emit("axolotl", load_recipe("mistral-7b-24gb", {"dialect": "compact"}), rows, None, tmp_path)
    only = tmp_path / "wumpus.jsonl"
    only.write_text(rows.read_text("utf-8").splitlines(keepends=True)[-1], "utf-8")
    with pytest.raises(EnactorError, match="has a form"):
        emit("axolotl", load_recipe("mistral-7b-24gb"), only, None, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.jsonl*"))
    (tmp_path / "train.jsonl").write_text(rows.read_text("utf-8"), "utf-8")
    with pytest.raises(EnactorError, match="overwritten"):
        emit("axolotl", load_recipe("mistral-7b-24gb"), tmp_path / "train.jsonl", None, tmp_path)
    assert len(_lines(tmp_path / "train.jsonl")) == 4
