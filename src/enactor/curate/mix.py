"""How many rows of which kind, and where synthetic ones come from until there are enough."""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from enactor.curate.prerequisite import prerequisite_rows
from enactor.curate.recipe import MAIN
from enactor.curate.recovery import recovery_rows
from enactor.curate.rows import Row
from enactor.curate.several import several
from enactor.curate.synthesize import Funnel, make_row
from enactor.world.phrasebook import Group, Template

TRIES = 3
"""Draws for each row that is wanted; a template may refuse (its calls do not lower, for one)."""
# What players of the system ask for most gets more of its kind's rows than its share of templates.
_WEIGHT = {"query": 0.6, "system": 0.6, "exchange": 0.6, "camera": 0.5, "quest": 0.6, "dialogue": 0.8}

COMPOSED = 0.5
"""Share of the rows of several tasks whose phrasing is composed of phrasings of one."""
PLAYED = ("recovery", "prerequisite")
"""Kinds whose rows are made from those of others, by running them."""


def grown(counts: Mapping[str, int], recorded: Mapping[str, int], limit: float) -> dict[str, int]:
    """The counts, grown alike by at most `limit` so that the recorded rows of the mix's kinds have room."""
    factors = [recorded.get(kind, 0) / counts[kind] for kind in MAIN if counts.get(kind)]
    factor = min(max([1.0, *factors]), limit)
    return {kind: math.ceil(n * factor) for kind, n in counts.items()}


def by_kind(found: Iterable[Template]) -> dict[str, list[Template]]:
    """Templates by the kind of their group."""
    kinds: dict[str, list[Template]] = {}
    for template in found:
        kinds.setdefault(template.group.kind, []).append(template)
    return kinds


def source(
    kind: str, found: Mapping[str, Sequence[Template]], rng: random.Random, funnel: Funnel
) -> Iterator[Row | None]:
    """Rows of one kind, made of the phrasings of one side by kind; without end, or none where there is
    nothing to make them of. None stands for a draw that gave none."""
    if kind == "recovery":
        yield from recovery_rows(found, rng)
    elif kind == "prerequisite":
        yield from prerequisite_rows(found, rng)
    elif kind in found:
        written = draws(found[kind], rng, funnel)
        composed = several(found, rng) if kind == "multi" else iter(())
        while True:
            other = next(composed, None) if rng.random() < COMPOSED else None
            yield next(written) if other is None else make_row(other, rng, funnel)


def draws(found: Iterable[Template], rng: random.Random, funnel: Funnel) -> Iterator[Row | None]:
    """Rows of the templates without end, None for a draw that gave none. Groups are drawn by the square root
    of their size, so that a meaning with few phrasings still comes up; inside a group its phrasings in random
    order, again from the start when they are used up."""
    groups: dict[str, list[Template]] = {}
    for template in found:
        groups.setdefault(template.group.id, []).append(template)
    names = sorted(groups)
    weights = [math.sqrt(len(groups[n])) * _weight(groups[n][0].group) for n in names]
    waiting: dict[str, list[Template]] = {}
    while True:
        name = rng.choices(names, weights)[0]
        if not waiting.get(name):
            waiting[name] = rng.sample(groups[name], len(groups[name]))
        yield make_row(waiting[name].pop(), rng, funnel)


def _weight(group: Group) -> float:
    return _WEIGHT.get(group.family, 1.0)
