"""`enactor eval`: see `enactor.evaluate`."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.evaluate.folder import RunFolder
    from enactor.evaluate.named import Named
    from enactor.evaluate.run import Policy
    from enactor.evaluate.suite import Suite


class Eval(Config):
    """Let one or more policies play a suite in the simulator and compare them.

    Every prompt and answer is kept in the run's folder. The same command again goes on where it was stopped,
    or writes the report again.
    """

    suite: str | None = Field(
        None,
        description="core, novel, multi, robust, nocall, adversarial, or real with --cases",
        json_schema_extra={"positional": True},
    )
    rows: Path | None = Field(None, description="Instead of a suite: test.jsonl of a data set.")
    cases: Path | None = Field(None, description="The folder of your own cases, for the suite real.")
    policy: tuple[str, ...] = Field(
        ("default",),
        description="A model, `rules`, or a model with +raw, +once, +grammar or +described; may be repeated.",
    )
    out: Path | None = Field(None, description="The run's folder. Without it: runs/eval/SUITE-HASH.")
    trials: int = Field(
        0, ge=0, le=100, description="Sampled rounds (temperature 0.7) beside the greedy one; pass^8 needs 8."
    )
    limit: int | None = Field(None, ge=1, description="Only so many plays, evenly over the suite.")
    sample: tuple[str, ...] = Field(
        (), description="POLICY=N: that policy, a slow one, plays only N, evenly over them; may be repeated."
    )
    trained: Path | None = Field(
        None, description="The rows that the models were trained on, to be checked against the suite."
    )
    curves: tuple[Path, ...] = Field((), description="curves.jsonl of a training, for the report.")
    inspect: bool = Field(False, description="Write an Inspect log of each policy too.")
    families: bool = Field(False, description="Print a line for each family too.")

    @model_validator(mode="after")
    def _one_source(self) -> "Eval":
        if (self.suite is None) == (self.rows is None):
            raise ValueError("name a suite or --rows, one of the two")
        if self.cases is not None and self.suite != "real":
            raise ValueError("--cases goes with the suite real")
        for name, count in self.samples:
            if name not in self.policy or not count.isdecimal() or not int(count):
                raise ValueError(f"--sample {name}={count}: write POLICY=N, a policy that plays and a number")
        return self

    @property
    def samples(self) -> "tuple[tuple[str, str], ...]":
        """(policy, number) as they were written."""
        return tuple((name, count) for name, _, count in (one.rpartition("=") for one in self.sample))


def run(config: Eval, settings: Settings) -> int:
    """Play what is missing, print the table of metrics, one column a policy, and write the report."""
    from enactor.evaluate.drive import head
    from enactor.evaluate.folder import RunFolder
    from enactor.evaluate.named import parse_policy

    suite = _suite(config)
    named = [parse_policy(name) for name in dict.fromkeys(config.policy)]
    standings = {one.name: _standing(config, suite, one) for one in named}
    suite = suite.first(config.limit)
    about = head(suite, {one.name: _identity(one) for one in named}, standings)
    out = config.out or Path("runs/eval") / f"{suite.name}-{suite.hash.rpartition(':')[2][:8]}"
    folder = RunFolder(out, about)
    counts = {name: int(count) for name, count in config.samples}
    for one in named:
        _play(one, suite.first(counts.get(one.name)), folder, config, settings)
    _tell(folder, [one.name for one in named], config)
    return 0


def _suite(config: Eval) -> "Suite":
    from enactor.curate import read_rows
    from enactor.errors import EnactorError
    from enactor.evaluate.cases import cases_of
    from enactor.evaluate.suite import Suite, load_suite

    if config.rows is None:
        return load_suite(str(config.suite), config.cases)
    if not config.rows.is_file():
        raise EnactorError(f"no rows at {config.rows}: build a data set with `enactor build`")
    return Suite("rows", 1, f"the rows of {config.rows}", _distinct(cases_of(read_rows(config.rows))))


def _distinct(cases: Sequence[Any]) -> tuple[Any, ...]:
    """Of cases that are alike in words, state and meaning the first."""
    return tuple({case.id: case for case in reversed(cases)}.values())[::-1]


def _standing(config: Eval, suite: "Suite", policy: "Named") -> str:
    from enactor.evaluate.certified import standing, suite_standing

    model = _folder(policy.model)
    if config.rows is not None:
        return standing(config.rows, model)
    return suite_standing(suite, model, config.trained if model else None)


def _folder(model: str) -> Path | None:
    """The adapter's folder that a model's name stands for, if any: there its provenance is."""
    from enactor.models import current, default_adapter

    shipped = model == "shipped" or (model == "default" and current() is None)
    path = default_adapter() if shipped else Path(model)
    return path if path.is_dir() else None


def _identity(policy: "Named") -> dict[str, Any]:
    """What makes the policy this one: weights or phrasings by their hash, and how it is let play."""
    import hashlib

    from enactor.evaluate.named import RULES
    from enactor.models import model_file
    from enactor.models.remote import is_remote
    from enactor.trace import content_hash
    from enactor.world.phrasebook import templates

    found: dict[str, Any] = {"model": policy.model, "variants": list(policy.variants)}
    if policy.model == RULES:
        found["phrases"] = content_hash(sorted(template.key for template in templates()))
    elif not is_remote(policy.model):
        with model_file(policy.model).open("rb") as weights:
            found["sha256"] = hashlib.file_digest(weights, "sha256").hexdigest()
    return found


def _play(named: "Named", suite: "Suite", folder: "RunFolder", config: Eval, settings: Settings) -> None:
    from enactor.evaluate.again import Again, said_before
    from enactor.evaluate.drive import drive, todo

    jobs = todo(folder, named.name, suite, config.trials)
    if not jobs:
        return
    with _open(named, suite, settings) as policy, _progress(named.name, len(jobs)) as step:
        again = Again(policy.engine, said_before(folder, named.name))
        drive(replace(policy, engine=again), jobs, folder, slots=settings.slots, progress=step)


@contextmanager
def _open(named: "Named", suite: "Suite", settings: Settings) -> "Iterator[Policy]":
    from enactor.evaluate.named import RULES
    from enactor.evaluate.rules import RuleEngine, RuleParser
    from enactor.evaluate.run import Policy
    from enactor.prompt import system_with_tools
    from enactor.serve.opening import DESCRIBED_CONTEXT, open_engine, system_turn
    from enactor.world import openai_tools

    if named.model == RULES:
        engine = RuleEngine(RuleParser(leave_out=suite.held_out))
        yield Policy(named.name, engine, ladder=False, recover=False)
        return
    context = max(settings.context, DESCRIBED_CONTEXT) if named.described else settings.context
    chosen = settings.model_copy(update={"model": named.model, "context": context})
    system = system_with_tools(openai_tools()) if named.described else system_turn(named.model)
    with open_engine(chosen, slots=settings.slots) as loaded:
        yield Policy(named.name, loaded, system, named.ladder, named.recover, named.grammar)


@contextmanager
def _progress(name: str, total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task(name, total=total)
        yield lambda: bars.advance(task)


def _tell(folder: "RunFolder", names: list[str], config: Eval) -> None:
    """The tables on the terminal, the report and the logs in the folder."""
    from enactor.evaluate.metrics import comparisons, figures
    from enactor.evaluate.report import write_report
    from enactor.evaluate.tables import print_comparisons, print_families, print_figures

    plays = {name: folder.plays(name) for name in names}
    found = {name: figures(part) for name, part in plays.items()}
    compared = comparisons(plays)
    print_figures(folder.head, found, plays)
    print_comparisons(compared)
    if config.families:
        print_families(plays)
    print(f"report: {write_report(folder, names, config.curves)}")
    if config.inspect:
        from enactor.evaluate.inspect_log import write_logs

        for path in write_logs(folder, names):
            print(f"Inspect log: {path}")


COMMAND = Command(
    Eval, run, ("slots", "threads", "context", "endpoint", "key_file", "engine_timeout", "fallback", "cache")
)
