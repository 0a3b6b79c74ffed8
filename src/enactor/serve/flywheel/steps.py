"""The steps of a turn, each a function from what is there to a result that JSON holds."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from rich.console import Console

from enactor.curate import BuildConfig, Row, build, load_build_recipe, run_recipe
from enactor.deploy import Matrix, Parity, Prompts, check, held_out_prompts, make_files, prompts_of
from enactor.deploy.gate import Decoder, Step, embedded, trained
from enactor.deploy.kept import kept
from enactor.errors import EnactorError
from enactor.evaluate import Case, Policy, Score, evaluate
from enactor.models import LlamaEngine, adapter_hash, known_sha256
from enactor.prompt import SYSTEM
from enactor.serve.flywheel.recipe import BuildPart, FlywheelRecipe, ParityPart, Ship
from enactor.serve.flywheel.stages import progress
from enactor.serve.opening import DESCRIBED_CONTEXT
from enactor.train import Recipe


def build_data(
    part: BuildPart, recipe: Recipe, traces: Sequence[Path], out: Path, console: Console
) -> dict[str, Any]:
    """Write the data set to `out`; its manifest. Raises `EnactorError`, for a leak too."""
    if part.recipe is None:
        manifest = build(BuildConfig(**recipe.data.model_dump(), out=out)).manifest
    else:
        plan = load_build_recipe(part.recipe, {**part.changes, "out": out})
        if plan.gather.teacher:
            raise EnactorError("a turn asks no teacher: build with it by hand, or leave gather.teacher out")
        gather = plan.gather.model_copy(update={"traces": tuple(traces)})
        manifest = run_recipe(plan.model_copy(update={"gather": gather}), progress=console.print)
    kinds = ", ".join(f"{kind} {n}" for kind, n in manifest["train"]["kinds"].items())
    console.print(f"{manifest['train']['rows']} rows ({kinds}), {manifest['test']['rows']} held out")
    return manifest


def export(recipe: FlywheelRecipe, base: Path, adapter: Path, out: Path, name: str) -> Path:
    """The file that is shipped, and the others that are to be compared."""
    wanted = {recipe.parity.reference, recipe.ship, *recipe.parity.also} - {"trained", "converter"}
    if wanted:
        precisions = cast("set[Literal['f16', 'q8_0', 'q4_k_m']]", wanted)
        make_files(adapter, out, name, precisions=tuple(sorted(precisions)), base=base)
    if recipe.ship == "converter":
        from enactor.train.export import export_gguf

        export_gguf(base, adapter, exported(out, name, "converter"))
    return exported(out, name, recipe.ship)


def exported(out: Path, name: str, kind: Ship) -> Path:
    """Where a file of a kind stands."""
    return out / f"{name}-{kind}.gguf"


def decode_all(
    part: ParityPart,
    ship: Ship,
    base: Path,
    adapter: Path,
    out: Path,
    name: str,
    rows: Sequence[Row],
    console: Console,
) -> dict[str, Any]:
    """The parity matrix as JSON; `matrix_of` reads it. Where `rows`, which training did not see, are too few,
    prompts in held-out phrasings of the phrasebook join them. What is decoded is kept under `out`."""
    prompts = prompts_of(rows[: part.prompts])
    if missing := part.prompts - len(prompts.texts):
        more = held_out_prompts(missing)
        prompts = Prompts(prompts.texts + more.texts, prompts.right + more.right)
    first: list[Ship] = [] if part.reference == "trained" else ["f16"]
    kinds: list[Ship] = [*first, ship, *part.also]
    said = out / "parity"
    ways: dict[str, Decoder] = {}
    if part.reference == "trained":
        weights = known_sha256(base) + adapter_hash(adapter)
        decode = kept(trained(base, adapter), said / "trained.jsonl", of=weights, chunk=part.prompts)
        ways["trained"] = _shown("trained weights", decode, console)
    for kind in dict.fromkeys(kinds):
        file = exported(out, name, kind)
        decode = kept(embedded(file), said / f"{kind}.jsonl", of=known_sha256(file))
        ways[kind] = _shown(kind, decode, console)
    return check(ways, prompts).to_json()


def _shown(name: str, decode: Decoder, console: Console) -> Decoder:
    def showing(prompts: Sequence[str], step: Step) -> list[str]:
        with progress(name, len(prompts), console) as bar:
            return decode(prompts, bar)

    return showing


def matrix_of(value: dict[str, Any]) -> Matrix:
    """A matrix as `Matrix.to_json` wrote it."""
    ways = {
        way: Parity(**{**found, "differing": tuple(map(tuple, found["differing"]))})
        for way, found in value["ways"].items()
    }
    return Matrix(value["reference"], value["n"], ways, value["right"])


def play_cases(
    name: str, path: Path, system: str, cases: Sequence[Case], slots: int, console: Console
) -> list[dict[str, Any]]:
    """Every case played by a GGUF; the scores as JSON, which `scores_of` reads. A base that is told of its
    tools gets no help: neither repair nor a second try."""
    tuned = system == SYSTEM
    with (
        LlamaEngine(
            path,
            slots=slots,
            context=2048 if tuned else DESCRIBED_CONTEXT,
            warm=f"<|im_start|>system\n{system}<|im_end|>\n",
        ) as engine,
        progress(name, len(cases), console) as step,
    ):
        policy = Policy(name, engine, system, ladder=tuned, recover=tuned)
        report = evaluate(policy, cases, slots=slots, progress=step)
    return [asdict(score) for score in report.scores]


def scores_of(values: Sequence[dict[str, Any]]) -> tuple[Score, ...]:
    """Scores as `play_cases` wrote them."""
    made = []
    for one in values:
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in one.items()}
        made.append(Score(**known))
    return tuple(made)
