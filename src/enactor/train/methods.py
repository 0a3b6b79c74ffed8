"""The methods by the names that recipes call them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.curate.certificate import read_certificate
from enactor.train.adapter import Adapter
from enactor.train.grpo import grpo
from enactor.train.preference import preference
from enactor.train.recipe import Method, Recipe
from enactor.train.rejection import rejection
from enactor.train.rows import RowsError
from enactor.train.sft import supervised

METHODS: Mapping[Method, Callable[..., Adapter]] = {
    "supervised": supervised,
    "preference": preference,
    "rejection": rejection,
    "grpo": grpo,
}


def train(
    recipe: Recipe,
    rows: Any,
    out: Path,
    *,
    held_out_rows: Any = None,
    fresh: bool = False,
    console: Console | None = None,
) -> Adapter:
    """Train by the method of the recipe: see the function of its name. `rows` and `held_out_rows` are files,
    or what that function takes in their place. Raises what it raises, and `RowsError` for a file whose data
    set has a certificate that fails."""
    if isinstance(rows, Path):
        _refuse_leaks(rows)
    return METHODS[recipe.method](
        recipe, rows, out, held_out_rows=held_out_rows, fresh=fresh, console=console
    )


def _refuse_leaks(rows: Path) -> None:
    if not rows.is_file():
        raise RowsError(f"no rows at {rows}: build a data set with `enactor build`, or leave --rows out")
    certificate = read_certificate(rows)
    if certificate is not None and certificate.problems:
        raise RowsError(
            f"the certificate of the data set at {rows.parent} fails: {'; '.join(certificate.problems)}. "
            f"What is trained on it could not be tested. Build it again, or train on a copy of the rows alone"
        )
