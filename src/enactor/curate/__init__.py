"""Records and the phrasebook become a data set.

In: `BuildConfig` (phrasebook alone) or `BuildRecipe` (recorded traces first, synthetic rows to its counts).
Out: `Row`s in splits that share no phrasing, conversation or held-out family, written as `train.jsonl`,
`test.jsonl`, `novel.jsonl` and `manifest.json` with the `Certificate` of that. Every row's calls parse, and
lower in the row's state; rows of recovery were run in the simulator. `Pair`s are a right answer and a wrong
one, with what is wrong about it.
"""

from enactor.curate.build import MIX, BuildConfig, Dataset, build
from enactor.curate.certificate import Certificate, certify, read_certificate
from enactor.curate.chain import run_recipe
from enactor.curate.pairs import Pair
from enactor.curate.recipe import BuildRecipe, build_recipe_names, load_build_recipe
from enactor.curate.rows import Action, Row, read_rows, rows_hash, write_rows
from enactor.curate.synthesize import Funnel, make_row
from enactor.world.phrasebook import Group, Template, phrasebook, templates

__all__ = [
    "MIX",
    "Action",
    "BuildConfig",
    "BuildRecipe",
    "Certificate",
    "Dataset",
    "Funnel",
    "Group",
    "Pair",
    "Row",
    "Template",
    "build",
    "build_recipe_names",
    "certify",
    "load_build_recipe",
    "make_row",
    "phrasebook",
    "read_certificate",
    "read_rows",
    "rows_hash",
    "run_recipe",
    "templates",
    "write_rows",
]
