"""A data set in the forms that trainers take.

In: files of rows or of preference pairs. Out: `export` writes each as JSONL in one of `FORMS`, with the files
that the trainer needs beside it. `from_row` and `from_pair` make the `Example` that every form starts from.
`docs/exports.md` describes the forms and which trainers' own loaders have read them.
"""

from enactor.curate.export.example import OPERANDS, Example, Operands, from_pair, from_row
from enactor.curate.export.form import Form
from enactor.curate.export.lowered import state_header
from enactor.curate.export.read import read_examples
from enactor.curate.export.unfit import Unfit
from enactor.curate.export.write import FORMS, Exported, export

__all__ = [
    "FORMS",
    "OPERANDS",
    "Example",
    "Exported",
    "Form",
    "Operands",
    "Unfit",
    "export",
    "from_pair",
    "from_row",
    "read_examples",
    "state_header",
]
