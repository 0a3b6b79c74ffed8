"""The whole loop in one run: a small turn of the flywheel, and then the tuned model plays."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from enactor.agent import Controller, Session, Toolbox
from enactor.evaluate import Report
from enactor.models import LlamaEngine
from enactor.prompt import SYSTEM
from enactor.serve.changes import changes
from enactor.serve.flywheel import load_flywheel_recipe, turn
from enactor.settings import Settings
from enactor.sim import Simulator

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


def demo(recipe_name: str, out: Path, settings: Settings, *, cases: int, parity_prompts: int) -> int:
    """A turn of the flywheel without the shadow, shown; then the tuned model plays. 0 when it won and its
    export is sound."""
    console = Console()
    started = time.perf_counter()
    recipe = load_flywheel_recipe("demo")
    recipe = recipe.model_copy(
        update={
            "out": out,
            "train": recipe.train.model_copy(update={"recipe": recipe_name}),
            "evaluate": recipe.evaluate.model_copy(update={"cases": cases}),
            "parity": recipe.parity.model_copy(update={"prompts": parity_prompts}),
        }
    )
    outcome = turn(recipe, settings, console)
    if outcome.gguf is None or not outcome.reports:
        return 1
    sound = any(step.name == "parity" and step.state == "passed" for step in outcome.steps)
    base, tuned = outcome.reports
    console.print(_table(outcome.reports))
    won = tuned.executed.value > base.executed.value
    console.print("The tuned model wins." if won else "The base was not beaten.")
    console.print(f"The export is {'no worse than the trained weights' if sound else 'not proved'}.")
    console.rule("The tuned model plays", align="left")
    with LlamaEngine(outcome.gguf, warm=f"<|im_start|>system\n{SYSTEM}<|im_end|>\n", name="demo") as engine:
        play(engine, console)
    minutes = (time.perf_counter() - started) / 60
    console.print(f"\nAll of it took {minutes:.1f} minutes. It stands in {outcome.folder}.")
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


def _table(reports: Sequence[Report]) -> Table:
    table = Table(title=f"{reports[0].n} requests in words that were not trained on")
    table.add_column("")
    for report in reports:
        table.add_column(report.policy)
    for lines in zip(*(report.rows() for report in reports), strict=True):
        table.add_row(lines[0][0], *(value for _, value in lines))
    return table
