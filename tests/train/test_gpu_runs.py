"""The road to a 7B on tiny models of the real architectures: random weights, each base's own marks, NF4."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from gpu_bases import tiny
from rich.console import Console

from enactor.curate.rows import Action, Row, write_rows
from enactor.errors import EnactorError
from enactor.prompt import tool_call
from enactor.trace.values import Message
from enactor.train import Recipe, RecipeError, load_recipe, train
from enactor.train.gpu import FRAMES, GpuPlan
from enactor.train.gpu.frames import frame_template

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("trl")

STATE = {"location": [3222, 3218, 0], "health": [30, 30], "inventory": ["Tuna"]}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {frame: tiny(tmp_path_factory.mktemp(frame), frame) for frame in FRAMES}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with a history of calls, an answer in words, two tasks, and one that has no lowered form."""
    call = tool_call("send_command", {"command": "EAT tuna"})
    done = Message("tool", '{"status": "ok", "command": "EAT Tuna"}')
    past = (Message("user", "eat a tuna"), Message("assistant", "", (call,)), done)

    def row(message: str, *commands: str, **more: Any) -> Row:
        say = tuple(Action("send_command", {"command": command}) for command in commands)
        return Row(message, "simple", "combat", "made.up", "h1:0", STATE, say=say, **more)

    path = tmp_path_factory.mktemp("rows") / "train.jsonl"
    made = [row(f"kill {n} cows", f"KILL_LOOP cows none {n}") for n in (3, 7, 11)]
    made += [row("go 20 east and stop", "GOTO east 20", "STOP"), row("thanks", reply="Any time.")]
    made += [row("and stop", "STOP", history=past), row("kill a wumpus", "KILL_LOOP wumpus")]
    write_rows(path, made)
    return path


def recipe(base: Path, frame: str, **gpu: Any) -> Recipe:
    plan = {"quantize": "none", "optimizer": "adamw_torch", **gpu}
    return Recipe(
        base=str(base),
        rank=4,
        alpha=8,
        batch=4,
        micro_batch=2,
        epochs=2,
        max_length=1024,
        learning_rate=1e-2,
        dtype="float32",
        fused=False,
        gpu=GpuPlan(frame=frame, **plan),
    )


def curves(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "curves.jsonl").read_text("utf-8").splitlines()]


QUIET = Console(quiet=True)


@pytest.mark.parametrize("frame", FRAMES)
def test_ids_are_those_of_the_template(bases: dict[str, Path], frame: str) -> None:
    """What is trained on is what a runtime renders: the whole row, and the prompt up to the answer."""
    from transformers import AutoTokenizer

    from enactor.prompt import SYSTEM, chat_messages

    tokenizer = AutoTokenizer.from_pretrained(bases[frame])
    call = tool_call("send_command", {"command": "GOTO east 20"})
    messages = [
        Message("system", SYSTEM),
        Message("user", "go east <|im_end|> [INST] </s> <|eot_id|>"),
        Message("assistant", "Going.", (call, tool_call("stop", {"why": "</tool_call>"}))),
        Message("tool", '{"status": "ok"}'),
        Message("tool", "done"),
        Message("user", " and back "),
        Message("assistant", "", (call,)),
    ]
    segments = FRAMES[frame].segments(messages, masked={2})
    text = "".join(segment.text for segment in segments)
    ids = [i for segment in segments for i in tokenizer(segment.text, add_special_tokens=False).input_ids]
    chat = chat_messages(messages)
    whole = tokenizer.apply_chat_template(chat, tokenize=False)
    assert text == whole
    assert ids == tokenizer(whole, add_special_tokens=False).input_ids
    prompt = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
    [trained] = [segment.text for segment in segments if segment.train]
    assert whole.rstrip("\n") == prompt + trained
    assert trained.endswith(f"</tool_call>{FRAMES[frame].end}")
    # What a player wrote is never structure: each mark stands as often as the frame puts it.
    assert sum(ids.count(tokenizer.convert_tokens_to_ids(mark)) for mark in FRAMES[frame].marks) == sum(
        segment.text.count(mark) for segment in segments for mark in FRAMES[frame].marks
    )
    assert "[INST] </s>" not in text


def test_without_a_system_turn_ours_stands_there(bases: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    for frame, made in FRAMES.items():
        text = "".join(s.text for s in made.segments([Message("user", "hi"), Message("assistant", "Hello.")]))
        chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Hello."}]
        tokenizer = AutoTokenizer.from_pretrained(bases[frame])
        assert text == tokenizer.apply_chat_template(chat, tokenize=False)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_run_leaves_an_adapter_and_its_template(
    bases: dict[str, Path], rows: Path, tmp_path: Path, frame: str
) -> None:
    made = train(recipe(bases[frame], frame), rows, tmp_path, held_out_rows=rows, console=QUIET)
    assert curves(tmp_path)[-1] < curves(tmp_path)[0]
    assert (tmp_path / "chat_template.jinja").read_text("utf-8").rstrip("\n") == frame_template(frame)
    note = json.loads((tmp_path / "provenance.json").read_text("utf-8"))
    assert note["rows"]["trained"] == 6  # the wumpus has no lowered form
    assert note["recipe"]["gpu"]["frame"] == frame
    assert made.metrics["eval_loss"] > 0


def test_base_and_adapter_become_one(bases: dict[str, Path], rows: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from enactor.train.gpu.merge import merged

    train(recipe(bases["llama3"], "llama3"), rows, tmp_path / "adapter", console=QUIET)
    folder = merged(tmp_path / "adapter", tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template.rstrip("\n") == frame_template("llama3")
    ids = torch.tensor([tokenizer("<|begin_of_text|>kill 3 cows", add_special_tokens=False).input_ids])
    base = AutoModelForCausalLM.from_pretrained(bases["llama3"], dtype="float32")
    alone = base(ids).logits
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))(ids).logits
    one = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")(ids).logits
    assert (one - adapted).abs().max() < 0.1 * (alone - adapted).abs().max()
    note = json.loads((tmp_path / "adapter/provenance.json").read_text("utf-8"))
    note["recipe"]["gpu"] = None
    (tmp_path / "adapter/provenance.json").write_text(json.dumps(note), "utf-8")
    with pytest.raises(EnactorError, match="section `gpu`"):
        merged(tmp_path / "adapter", tmp_path / "other")
    with pytest.raises(EnactorError, match="does not say"):
        merged(tmp_path, tmp_path / "other")


def test_checkpointing_changes_nothing(bases: dict[str, Path], rows: Path, tmp_path: Path) -> None:
    for name, on in (("on", True), ("off", False)):
        train(recipe(bases["chatml"], "chatml", checkpointing=on), rows, tmp_path / name, console=QUIET)
    assert curves(tmp_path / "on") == pytest.approx(curves(tmp_path / "off"), rel=1e-5)


@pytest.mark.parametrize("frame", FRAMES)
def test_four_bits_train_too(bases: dict[str, Path], rows: Path, tmp_path: Path, frame: str) -> None:
    """NF4 with quantized scales and the paged optimizer, by bitsandbytes on the CPU."""
    pytest.importorskip("bitsandbytes")
    from enactor.train.load import load

    plan = {"quantize": "nf4", "optimizer": "paged_adamw_8bit"}
    wanted = recipe(bases[frame], frame, **plan)
    layer = load(wanted).model.model.layers[0].mlp.up_proj
    assert layer.weight.dtype is torch.uint8
    assert layer.weight.quant_state.nested
    train(wanted, rows, tmp_path, console=QUIET)
    assert curves(tmp_path)[-1] < curves(tmp_path)[0]


def test_a_stopped_run_goes_on(bases: dict[str, Path], rows: Path, tmp_path: Path) -> None:
    from enactor.train.watch import TrainingStopped

    wanted = recipe(bases["llama3"], "llama3")
    straight = train(wanted, rows, tmp_path / "straight", console=QUIET)

    class Impatient(Console):
        def print(self, *words: Any, **more: Any) -> None: ...

    changed = wanted.model_copy(update={"checkpoint_minutes": 1e-6})
    import enactor.train.watch as watch_module

    stop = watch_module.Watch.on_step_end

    def after_two(self: Any, args: Any, state: Any, control: Any, **more: Any) -> Any:
        made = stop(self, args, state, control, **more)
        if state.global_step == 2:
            self.interrupted = True
            control.should_training_stop = True
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch_module.Watch, "on_step_end", after_two)
        with pytest.raises(TrainingStopped):
            train(changed, rows, tmp_path / "stopped", console=Impatient(quiet=True))
    resumed = train(changed, rows, tmp_path / "stopped", console=QUIET)
    assert resumed.metrics["loss"] == pytest.approx(straight.metrics["loss"], rel=1e-6)
    files = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("straight", "stopped")]
    assert files[0] == files[1]


def test_a_frame_of_another_base_is_refused(bases: dict[str, Path], rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no token for .*\[INST\].*not its own"):
        train(recipe(bases["chatml"], "mistral"), rows, tmp_path, console=QUIET)


def test_what_cannot_go_together_is_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"gpu": {"quantise": "nf4"}}), "utf-8")
    with pytest.raises(RecipeError, match=r"gpu.quantise: no such setting; is it quantize\?"):
        load_recipe(path)
    path.write_text(yaml.safe_dump({"gpu": {}}), "utf-8")
    with pytest.raises(RecipeError, match="fused: false"):
        load_recipe(path)
