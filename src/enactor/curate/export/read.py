"""Files of rows and of preference pairs, as examples."""

import json
from collections.abc import Iterator
from pathlib import Path

from enactor.curate.export.example import Example, Operands, from_pair, from_row
from enactor.curate.export.unfit import Unfit
from enactor.curate.rows import Row
from enactor.errors import EnactorError


def read_examples(path: Path, operands: Operands) -> Iterator[Example | Unfit]:
    """The examples of a file in order, and in the place of each that has no form the reason.

    A line is a row of a data set or a preference pair. Raises EnactorError for a file or a line that cannot
    be read.
    """
    if not path.is_file():
        raise EnactorError(f"no rows at {path}: name a file that `enactor build` wrote")
    with path.open(encoding="utf-8") as file:
        try:
            for number, line in enumerate(file, 1):
                yield _read(line, f"{path}:{number}", operands)
        except UnicodeDecodeError as error:
            raise EnactorError(f"{path}: not UTF-8 ({error.reason}); build the data set again") from error


def _read(line: str, where: str, operands: Operands) -> Example | Unfit:
    try:
        data = json.loads(line)
        if "rejected" in data:
            from enactor.curate.pairs import Pair  # reaches into much that rows do not need

            return from_pair(Pair.from_json(data), operands)
        return from_row(Row.from_json(data), operands)
    except Unfit as reason:
        return reason
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnactorError(
            f"{where}: neither a row of a data set nor a preference pair ({error!r}). Build it again."
        ) from error
