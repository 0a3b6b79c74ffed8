"""The phrasebook becomes a data set.

In: `BuildConfig` (counts, seed, families left out). Out: a `Dataset` of `Row`s in two splits that share no
phrasing, written as `train.jsonl`, `test.jsonl` and `manifest.json`. Every row's calls parse, and lower in
the row's state; rows of recovery were run in the simulator.
"""

from enactor.curate.build import MIX, BuildConfig, Dataset, build
from enactor.curate.rows import Action, Row, read_rows, rows_hash, write_rows
from enactor.curate.synthesize import Funnel, make_row
from enactor.world.phrasebook import Group, Template, phrasebook, templates

__all__ = [
    "MIX",
    "Action",
    "BuildConfig",
    "Dataset",
    "Funnel",
    "Group",
    "Row",
    "Template",
    "build",
    "make_row",
    "phrasebook",
    "read_rows",
    "rows_hash",
    "templates",
    "write_rows",
]
