"""What a run will take: shapes, memory, time, steps, and how far off published runs the arithmetic is."""

import json
import runpy
from pathlib import Path

import pytest
import yaml

from enactor.cli import main
from enactor.curate.rows import Action, Row, write_rows
from enactor.errors import EnactorError
from enactor.train import RecipeError, load_recipe, recipe_names
from enactor.train.gpu import CARDS, GpuPlan, Shape, footprint, seconds, shape_of
from enactor.train.gpu.dry_run import dry_run
from enactor.train.gpu.footprint import GIB, weights
from enactor.train.gpu.report import lines
from enactor.train.gpu.shapes import KNOWN
from enactor.train.recipe import PROJECTIONS

STATE = {"location": [3222, 3218, 0], "health": [30, 30], "inventory": ["Tuna"]}
GPU_RECIPES = [name for name in recipe_names() if load_recipe(name).gpu]
ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "benchmarks/data/published_runs.yaml"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def row(message: str, command: str) -> Row:
        say = (Action("send_command", {"command": command}),)
        return Row(message, "loop", "combat", "made.up", "h1:0", STATE, say=say)

    path = tmp_path_factory.mktemp("rows") / "train.jsonl"
    made = [row(f"kill {n} cows" + " please" * (n % 7), f"KILL_LOOP cows none {n}") for n in range(1, 78)]
    write_rows(path, [*made, row("kill a wumpus", "KILL_LOOP wumpus")])
    return path


# From the bases' pages on the hub, in billions of weights.
@pytest.mark.parametrize(
    ("base", "billions"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 0.1345),
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.494),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1.54),
        ("Qwen/Qwen2.5-3B-Instruct", 3.09),
        ("Qwen/Qwen2.5-7B-Instruct", 7.62),
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03),
        ("mistralai/Mistral-7B-Instruct-v0.3", 7.25),
    ],
)
def test_shapes_have_the_weights_that_their_makers_state(base: str, billions: float) -> None:
    assert KNOWN[base].parameters / 1e9 == pytest.approx(billions, rel=0.003)


def test_a_shape_comes_from_a_folder_too(tmp_path: Path) -> None:
    config = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 300,
        "model_type": "llama",
    }
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    assert shape_of(str(tmp_path)) == Shape(64, 2, 4, 4, 16, 128, 300)
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(EnactorError, match=r"config\.json"):
        shape_of(str(tmp_path))
    with pytest.raises(EnactorError, match="not known"):
        shape_of("someone/else")


@pytest.mark.train
def test_a_shape_counts_what_torch_counts() -> None:
    pytest.importorskip("torch")
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, Qwen2Config

    config = Qwen2Config(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    model = AutoModelForCausalLM.from_config(config)
    shape = Shape(64, 2, 4, 2, 16, 128, 300, bias=True)
    assert shape.parameters == model.num_parameters()
    adapted = get_peft_model(model, LoraConfig(r=8, target_modules=list(PROJECTIONS), task_type="CAUSAL_LM"))
    assert shape.adapter(8, PROJECTIONS) == adapted.get_nb_trainable_parameters()[0]


@pytest.mark.train
def test_four_bits_take_what_is_predicted() -> None:
    """The bytes of bitsandbytes' own matrices, scales included."""
    torch = pytest.importorskip("torch")
    bnb = pytest.importorskip("bitsandbytes")
    for double in (True, False):
        made = bnb.nn.Linear4bit(512, 512, bias=False, quant_type="nf4", compress_statistics=double)
        made.weight.data = torch.randn(512, 512)
        made = made.to("cpu")
        state = made.weight.quant_state
        held = made.weight.numel() + state.absmax.numel() * state.absmax.element_size()
        if double:
            held += state.state2.absmax.numel() * state.state2.absmax.element_size()
        shape = Shape(512, 1, 1, 1, 512, 512, 1)
        plan = GpuPlan(double_quantize=double)
        predicted = (weights(shape, plan) - 2 * shape.other) / shape.linear * 512 * 512
        assert held == pytest.approx(predicted, rel=0.01)


def test_published_runs_are_met_as_the_page_says() -> None:
    """`docs/gpu.md` states these bounds; `python benchmarks/gpu.py` prints each."""
    for source in yaml.safe_load(PUBLISHED.read_text("utf-8")):
        if "runs" not in source:
            continue
        shape = Shape(**source["shape"]) if "shape" in source else shape_of(source["base"])
        targets = PROJECTIONS if source["targets"] == "all" else tuple(source["targets"])
        plan = GpuPlan(optimizer="adamw_torch", checkpointing=source.get("checkpointing", True))
        for run in source["runs"]:
            n, rank = run["tokens"], source["rank"]
            memory = footprint(shape, plan, rank=rank, targets=targets, tokens=n, answers=n).total / GIB
            if "memory" in run:
                assert 0.69 <= memory / run["memory"] <= 1.15
            speed = run.get("speed") or n * run.get("micro_batches", 0) / run.get("step_seconds", 1)
            if not speed:
                continue
            taken = seconds(
                shape,
                plan,
                CARDS[source["card"]],
                rank=rank,
                targets=targets,
                tokens=n,
                length=n,
                micro_batches=1,
                answers=n,
            )
            assert 0.65 <= n / taken / speed <= 2.0


def test_the_page_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    """Its table is what the benchmark prints; it has every recipe and every setting."""
    page = (ROOT / "docs/gpu.md").read_text("utf-8")
    runpy.run_path(str(ROOT / "benchmarks/gpu.py"), run_name="__main__")
    table = page.split("<!-- published -->\n")[1].split("\n<!-- /published -->")[0]
    assert capsys.readouterr().out.strip() == table
    for name in (*GPU_RECIPES, *GpuPlan.model_fields):
        assert f"| `{name}` |" in page


def test_the_steps_are_those_of_the_trainer(rows: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("trl")
    from enactor.train.batches import plan
    from enactor.train.gpu.counting import count
    from enactor.train.gpu.rows import read_framed
    from enactor.train.trainer import micro_batches

    recipe = load_recipe("mistral-7b-16gb", {"batch": 12, "micro_batch": 4})
    assert recipe.gpu is not None
    found = dry_run(recipe, rows)
    assert found.rows == 77
    assert found.left_out == {"no lowered form": 1}
    lengths = count(read_framed(rows, recipe.gpu, "hermes").rows, recipe.base, "mistral").all
    steps = plan(lengths, 12, recipe.epochs, recipe.seed)
    assert found.steps == len(steps) == 14
    assert found.tokens == 2 * sum(lengths)
    parts = micro_batches(steps, 4, 3)
    assert found.micro_batches <= len(parts)
    assert found.peak_tokens == max(len(part) * max(lengths[row] for row in part) for part in parts)


@pytest.mark.parametrize("name", GPU_RECIPES)
def test_every_shipped_recipe_fits_its_card_and_says_so(name: str, rows: Path) -> None:
    found = dry_run(load_recipe(name), rows)
    text = "\n".join(lines(found))
    assert found.fits
    assert "fits" in text
    assert "NOT fit" not in text
    assert found.memory.weights < found.memory.total < found.plan.memory_gb * GIB
    assert not found.exact
    assert "estimated from characters" in text
    # The longest rows there may be, in every place of a micro-batch, fit too.
    recipe = load_recipe(name)
    worst = footprint(
        found.shape,
        found.plan,
        rank=recipe.rank,
        targets=recipe.targets,
        tokens=600 * (recipe.micro_batch or recipe.batch),
        answers=60 * (recipe.micro_batch or recipe.batch),
    )
    assert worst.total < found.plan.memory_gb * GIB


def test_a_run_that_does_not_fit_says_so_and_fails(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.yaml"
    values = load_recipe("qwen2.5-7b-24gb").model_dump(mode="json", exclude_none=True)
    path.write_text(yaml.safe_dump({**values, "gpu": {**values["gpu"], "memory_gb": 6}}), "utf-8")
    assert main(["train", str(path), "--dry-run", "--rows", str(rows)]) == 1
    assert "does NOT fit: lower micro_batch" in capsys.readouterr().out
    assert main(["train", "qwen2.5-7b-24gb", "--dry-run", "--rows", str(rows)]) == 0


def test_rows_and_recipes_that_cannot_be(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no section `gpu`"):
        dry_run(load_recipe("demo"), rows)
    with pytest.raises(RecipeError, match="raise max_length"):
        dry_run(load_recipe("qwen2.5-7b-24gb", {"max_length": 8}), rows)
    with pytest.raises(EnactorError, match="no rows at"):
        dry_run(load_recipe("qwen2.5-7b-24gb"), tmp_path / "none.jsonl")
    torn = tmp_path / "torn.jsonl"
    torn.write_text('{"message": "kill', "utf-8")
    with pytest.raises(EnactorError, match=r"torn.jsonl:1"):
        dry_run(load_recipe("qwen2.5-7b-24gb"), torn)
