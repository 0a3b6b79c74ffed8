"""`enactor eval`: see `enactor.evaluate`."""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.evaluate import Policy, Report, by, cases_of, evaluate, suite_hash
from enactor.settings import Settings


class Eval(Config):
    """Play the rows of a data set with one or more models and compare them."""

    rows: Path = Field(description="The held-out rows: test.jsonl of a data set.")
    policy: tuple[str, ...] = Field(("default",), description="A model; may be repeated.")
    out: Path | None = Field(None, description="Folder for one JSON report a model, every score in it.")
    limit: int | None = Field(None, ge=1, description="Only the first so many cases.")
    families: bool = Field(False, description="Print a line for each family too.")


def run(config: Eval, settings: Settings) -> int:
    """Print the table of metrics, one column a model."""
    from enactor.curate import read_rows
    from enactor.errors import EnactorError
    from enactor.evaluate.certified import standing
    from enactor.serve.opening import open_engine, system_turn

    if not config.rows.is_file():
        raise EnactorError(f"no rows at {config.rows}: build a data set with `enactor build`")
    standings = {model: standing(config.rows, _folder(model)) for model in config.policy}
    cases = cases_of(read_rows(config.rows))[: config.limit]
    reports = []
    for model in config.policy:
        chosen = settings.model_copy(update={"model": model})
        with open_engine(chosen, slots=settings.slots) as engine:
            report = evaluate(Policy(model, engine, system_turn(model)), cases, slots=settings.slots)
        reports.append(report)
        if config.out:
            write_report(config.out / f"{Path(model).name}.json", report, suite_hash(cases))
    print_reports(reports)
    for model, certified in standings.items():
        print(f"{model}: {certified}")
    if config.families:
        for report in reports:
            print(f"\n{report.policy}, by family: executed, verb, operands")
            for family, part in by(report.scores, lambda s: s.family).items():
                print(f"  {family:16} {part.executed}  {part.verb}  {part.operands}")
    return 0


def _folder(model: str) -> Path | None:
    """The adapter's folder that a model's name stands for, if any: there its provenance is."""
    from enactor.models import default_adapter

    path = default_adapter() if model == "default" else Path(model)
    return path if path is not None and path.is_dir() else None


def print_reports(reports: list[Report]) -> None:
    """A table: metrics down, models across."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{reports[0].n} requests")
    table.add_column("")
    for report in reports:
        table.add_column(report.policy)
    for lines in zip(*(report.rows() for report in reports), strict=True):
        table.add_row(lines[0][0], *(value for _, value in lines))
    console = Console()
    console.print(table)
    for report in reports:
        outcomes = ", ".join(f"{name} {n}" for name, n in sorted(report.outcomes.items()))
        console.print(f"{report.policy}: {outcomes}", highlight=False)


def write_report(path: Path, report: Report, suite: str) -> None:
    """The report as JSON, its scores included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"suite": suite, "metrics": dict(report.rows()), **asdict(report)}
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


COMMAND = Command(
    Eval, run, ("slots", "threads", "context", "endpoint", "key_file", "engine_timeout", "fallback", "cache")
)
