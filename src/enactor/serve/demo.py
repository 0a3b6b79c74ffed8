"""The whole loop in one run: data, training, export, comparison, play.

Every stage keeps what it made with the hash of what it was made from; a second run redoes only what changed.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from enactor.agent import Controller, Session, Toolbox
from enactor.curate import BuildConfig, Row, build, read_rows
from enactor.deploy import Parity, compare
from enactor.evaluate import Case, Policy, Report, Score, cases_of, evaluate, suite_hash, summarize
from enactor.models import LlamaEngine, known_sha256, merged_model, pull
from enactor.prompt import END, SYSTEM, render_prompt, system_with_tools
from enactor.serve.changes import changes
from enactor.serve.opening import DESCRIBED_CONTEXT
from enactor.sim import Simulator
from enactor.trace import content_hash
from enactor.train import load_recipe, train
from enactor.world import GameState, openai_tools, world_hash

ALPHA = 0.05
"""An export is unsound when its losses against the trained weights are less likely than this by chance."""

REQUESTS = (
    "yo go kill 20 giant frogs",
    "stop",
    "eat some tuna",
    "whats my hp and what have i got on me",
    "walk to the chiken coop and kill five chickens",
    "switch to strength",
    "thanks, you are the best",
    "go south a bit",
    "chop some trees",
    "drop everything",
    "no",
    "you there? what are my levels",
    "go to draynor bank, open it and put everything in",
)
START = {
    "location": [3197, 3169, 0],
    "health": [31, 35],
    "inventory": ["Tuna", "Tuna", "Tuna", "Bronze axe", "Tinderbox"],
    "equipment": {"weapon": "Iron scimitar"},
}


class Stages:
    """What was made before, by stage: the hash of its inputs and its result, in `stages.json`."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._path = folder / "stages.json"
        self._console = console
        self._done: dict[str, Any] = json.loads(self._path.read_text("utf-8")) if self._path.is_file() else {}
        self._number = 0

    def run(self, name: str, inputs: Any, make: Callable[[], Any], *needed: Path) -> Any:
        """The stage's result (anything JSON holds): the one of before when the inputs are the same and the
        files `needed` are there, else made now."""
        self._number += 1
        self._console.rule(f"{self._number}. {name}", align="left")
        key = content_hash(inputs)
        before = self._done.get(name)
        if before and before["inputs"] == key and all(path.exists() for path in needed):
            self._console.print("done before")
            return before["result"]
        started = time.perf_counter()
        result = make()
        self._done[name] = {"inputs": key, "result": result}
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._done), "utf-8")
        partial.replace(self._path)
        self._console.print(f"[dim]{time.perf_counter() - started:.0f} s[/dim]")
        return result


def demo(recipe_name: str, out: Path, *, cases: int, parity_prompts: int, slots: int) -> int:
    """Run all stages and print what came of them; 0 when the tuned model won and its export is sound."""
    console = Console()
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages(out, console)
    recipe = load_recipe(recipe_name)
    data, folder, gguf = out / "data", out / "adapter", out / "enactor-demo-q8_0.gguf"

    console.rule("Weights", align="left")
    base = pull(recipe.base)
    console.print(f"{base.name}, {base.stat().st_size / 2**20:.0f} MB")
    plan = BuildConfig(**recipe.data.model_dump(), out=data)
    made = stages.run(
        "Data set from the phrasebook",
        [plan.model_dump(mode="json"), world_hash()],
        lambda: _build(plan, console),
        data / "train.jsonl",
        data / "test.jsonl",
    )
    recipe_key = [recipe.model_dump(mode="json"), made["train"]["hash"], known_sha256(base)]
    stages.run(
        "Fine-tuning",
        recipe_key,
        lambda: dict(train(recipe, data / "train.jsonl", folder, console=console).metrics),
        folder / "adapter_model.safetensors",
    )
    rows = list(read_rows(data / "test.jsonl"))
    exported = stages.run(
        "Export through llama.cpp's converter, calls before and after",
        [recipe_key, parity_prompts],
        lambda: _export(base, folder, gguf, rows[:parity_prompts], slots, console),
        gguf,
    )
    parity = Parity(**exported)
    console.print(str(parity))
    chosen = cases_of(rows)[:cases]
    described = system_with_tools(openai_tools())
    reports = []
    for name, path, system in (("base", merged_model(base, None), described), ("tuned", gguf, SYSTEM)):
        scores = stages.run(
            f"Playing held-out requests: {name}",
            [recipe_key if name == "tuned" else known_sha256(base), suite_hash(chosen), system],
            partial(_scores, name, path, system, chosen, slots, console),
        )
        reports.append(summarize(name, tuple(map(_score, scores))))
    console.print(_table(reports))
    won = reports[1].executed.value > reports[0].executed.value
    sound = parity.loss_probability >= ALPHA
    console.print(
        f"{'The tuned model wins' if won else 'The base was not beaten'}; "
        f"the export is {'no worse' if sound else 'worse'} than the trained weights."
    )
    console.rule("The tuned model plays", align="left")
    with LlamaEngine(gguf, warm=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n", name="demo") as engine:
        play(engine, console)
    console.print(f"\nAll of it took {(time.perf_counter() - started) / 60:.1f} minutes. It stands in {out}.")
    return 0 if won and sound else 1


def play(engine: LlamaEngine, console: Console) -> None:
    """A dozen requests in one game: what was asked, which calls were made, what changed."""
    toolbox = Toolbox(Simulator(seed=1, start=START))
    session = Session(Controller(engine, toolbox))
    for request in REQUESTS:
        before = toolbox.observe()
        trace = session.say(request)
        for step in trace.steps:
            toolbox.settle(step.call, step.result)
        console.print(f"[bold]{request}[/bold]", highlight=False)
        for step in trace.steps:
            line = step.result.lowered or f"{step.call.tool} {step.call.arguments}"
            console.print(
                f"   → {line}  [dim]{step.call.origin}, {step.result.status}[/dim]", highlight=False
            )
        console.print(f"   {trace.reply}", highlight=False, markup=False)
        if differences := changes(before, toolbox.observe()):
            console.print(f"   [green]{'; '.join(differences)}[/green]", highlight=False)


def _build(plan: BuildConfig, console: Console) -> dict[str, Any]:
    manifest = build(plan).manifest
    kinds = ", ".join(f"{kind} {n}" for kind, n in manifest["train"]["kinds"].items())
    console.print(f"{manifest['train']['rows']} rows ({kinds}), {manifest['test']['rows']} held out")
    return manifest


def _export(
    base: Path, adapter: Path, gguf: Path, rows: list[Row], slots: int, console: Console
) -> dict[str, Any]:
    from enactor.train.export import export_gguf
    from enactor.train.greedy import greedy

    prompts = [
        render_prompt(row.message, GameState.from_case(row.state), row.history, offered=row.offered)
        for row in rows
    ]
    with _progress("trained weights", len(prompts), console) as step:
        before = greedy(base, adapter, prompts, progress=step)
    export_gguf(base, adapter, gguf)
    with LlamaEngine(gguf) as engine, _progress("exported GGUF", len(prompts), console) as step:
        after = []
        for prompt in prompts:
            after.append(engine.complete(prompt, max_tokens=160).text)
            step()
    right = [next(s.text for s in row.segments() if s.train).removesuffix(END) for row in rows]
    return asdict(compare(before, after, right))


def _scores(
    name: str, path: Path, system: str, cases: list[Case], slots: int, console: Console
) -> list[dict[str, Any]]:
    context = DESCRIBED_CONTEXT if system != SYSTEM else 2048
    with (
        LlamaEngine(
            path, slots=slots, context=context, warm=f"<|im_start|>system\n{system}<|im_end|>\n"
        ) as engine,
        _progress(name, len(cases), console) as step,
    ):
        policy = Policy(name, engine, system, ladder=system == SYSTEM, recover=system == SYSTEM)
        report = evaluate(policy, cases, slots=slots, progress=step)
    return [asdict(score) for score in report.scores]


def _score(data: dict[str, Any]) -> Score:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    return Score(**values)


def _table(reports: list[Report]) -> Table:
    table = Table(title=f"{reports[0].n} requests in words that were not trained on")
    table.add_column("")
    for report in reports:
        table.add_column(report.policy)
    for lines in zip(*(report.rows() for report in reports), strict=True):
        table.add_row(lines[0][0], *(value for _, value in lines))
    return table


@contextmanager
def _progress(name: str, total: int, console: Console) -> Iterator[Callable[[], object]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=total)
        yield lambda: bars.advance(task)
