"""The figures of a run on the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from enactor.evaluate.metrics import NAMES, Comparison, Figure
from enactor.evaluate.plays import Play
from enactor.evaluate.stats import rate


def print_figures(
    head: Mapping[str, Any], found: Mapping[str, Mapping[str, Figure]], plays: Mapping[str, Sequence[Play]]
) -> None:
    """Metrics down, policies across; then the outcomes and the standing of each."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=f"{head['suite']}, version {head['version']}, {head['hash']}")
    table.add_column("")
    for name in found:
        table.add_column(name)
    for key, label in NAMES.items():
        if any(key in one for one in found.values()):
            cells = (f"{one[key]} of {one[key].n}" if key in one else "–" for one in found.values())
            table.add_row(label, *cells)
    console.print(table)
    for name, part in plays.items():
        outcomes = Counter(play.outcome for play in part if play.trial == 0)
        told = ", ".join(f"{outcome} {n}" for outcome, n in sorted(outcomes.items()))
        standing = head["standings"].get(name, "uncertified")
        console.print(f"{name} ({standing}): {told}", highlight=False)


def print_comparisons(found: Sequence[Comparison]) -> None:
    """The differences between policies, with what chance alone would do."""
    from rich.console import Console
    from rich.table import Table

    if not found:
        return
    table = Table(title="second minus first, paired; p by McNemar or the bootstrap, then by Holm")
    for name in ("first", "second", "metric", "difference", "n", "only first / second", "p", "Holm"):
        table.add_column(name)
    for one in found:
        paired = one.found
        alone = f"{paired.only_first} / {paired.only_second}" if paired.only_first is not None else ""
        table.add_row(
            one.first,
            one.second,
            NAMES.get(one.key, one.key),
            difference(one),
            str(paired.n),
            alone,
            f"{paired.p:.2g}",
            f"{one.adjusted:.2g}",
        )
    Console().print(table)


def difference(one: Comparison) -> str:
    """A difference with its interval: percentage points, or milliseconds."""
    paired = one.found
    if one.key == "latency":
        return f"{paired.difference:+.0f} ms [{paired.low:+.0f}, {paired.high:+.0f}]"
    return f"{100 * paired.difference:+.1f} [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"


def print_families(plays: Mapping[str, Sequence[Play]]) -> None:
    """How many passed of each family."""
    for name, part in plays.items():
        print(f"\n{name}, by family: passed")
        for family, share in by_family(part).items():
            print(f"  {family:16} {share} of {share.n}")


def by_family(plays: Sequence[Play]) -> dict[str, Any]:
    """Family -> the share that passed, greedy plays."""
    families = sorted({play.family for play in plays})
    return {f: rate(p.passed for p in plays if p.family == f and p.trial == 0) for f in families}
