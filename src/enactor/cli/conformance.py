"""`enactor conformance`: see `enactor.curate.conformance`."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.curate.conformance import Tally
    from enactor.trace.values import Message


class Conformance(Config):
    """Render the rows of a data set with the template that ships and read them back as each runtime does.

    Fails when a row does not survive one of the runtimes.
    """

    rows: tuple[Path, ...] = Field(description="A file of rows; may be given more than once.")
    runtime: str = Field("all", description="The runtimes that the rows are meant for, separated by commas.")
    operands: Literal["said", "lowered"] = Field(
        "said", description="Operands in the player's words, or as the plugin takes them."
    )
    dialect: Literal["hermes", "compact"] = Field("hermes", description="How the calls are written.")
    as_json: bool = Field(False, alias="json", description="Print the matrix as JSON on stdout.")


def run(config: Conformance, settings: Settings) -> int:
    """Exit code 0 when every row survives every runtime that was named, 1 when one does not."""
    from enactor.curate.conformance import RUNTIMES, check, failing

    named = [name.strip() for name in config.runtime.split(",") if name.strip()]
    runtimes = RUNTIMES if named == ["all"] else named
    left_out: dict[str, int] = {}
    progress = _progress if sys.stderr.isatty() else None
    tallies = check(_conversations(config, left_out), runtimes, dialect=config.dialect, progress=progress)
    if progress:
        print(file=sys.stderr)
    if config.as_json:
        matrix = {name: tally.to_json() for name, tally in tallies.items()}
        print(json.dumps({"dialect": config.dialect, "left_out": left_out, "runtimes": matrix}))
    else:
        _show(tallies)
        for reason, count in left_out.items():
            print(f"left out, {reason}: {count}")
    lost = failing(tallies)
    if lost:
        print(f"enactor: not every row survives {'; '.join(lost)}", file=sys.stderr)
    return 1 if lost else 0


def _conversations(config: Conformance, left_out: dict[str, int]) -> Iterator[Sequence["Message"]]:
    from enactor.curate.export import Unfit, from_row
    from enactor.curate.rows import read_rows

    for path in config.rows:
        for row in read_rows(path):
            try:
                yield from_row(row, config.operands).messages
            except Unfit as error:
                left_out[error.reason] = left_out.get(error.reason, 0) + 1


def _show(tallies: Mapping[str, "Tally"]) -> None:
    print(f"{'runtime':12} {'calls':>15} {'text':>13} {'all':>15}  survive")
    for name, tally in tallies.items():
        called = f"{tally.called[True]}/{tally.called.total()}"
        spoken = f"{tally.spoken[True]}/{tally.spoken.total()}"
        share = tally.survived / tally.rows if tally.rows else 0.0
        # Cut, not rounded: 100.0% is written for every row and for nothing less.
        shown = int(share * 1000) / 10
        print(f"{name:12} {called:>15} {spoken:>13} {f'{tally.survived}/{tally.rows}':>15}  {shown:.1f}%")
    for name, tally in tallies.items():
        for reason, count in tally.lost.most_common():
            print(f"  {name}: {reason}: {count}, such as {_short(tally.examples[reason][0])}")


def _short(turn: Any) -> str:
    return repr(turn)[:120]


def _progress(done: int) -> None:
    if done % 50 == 0:
        print(f"\r{done} rows", end="", file=sys.stderr, flush=True)


COMMAND = Command(Conformance, run)
