"""Files of rows and of preference pairs, as examples."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from enactor.curate.export.example import Example, Operands, from_pair, from_row
from enactor.curate.export.unfit import Unfit
from enactor.curate.rows import Row
from enactor.errors import EnactorError
from enactor.prompt import tool_call
from enactor.trace.values import Message


def read_examples(path: Path, operands: Operands) -> Iterator[Example | Unfit]:
    """The examples of a file in order, and in the place of each that has no form the reason.

    A line is a row of a data set, or a preference pair: `{"prompt": [messages], "chosen": message,
    "rejected": message, "reason"}` with messages as in a row's history. A pair stands as it was made; its
    operands are not lowered. Raises EnactorError for a file or a line that cannot be read.
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
        made = _pair(data) if "rejected" in data else Row.from_json(data)
        return from_row(made, operands) if isinstance(made, Row) else made
    except Unfit as reason:
        return reason
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnactorError(
            f"{where}: neither a row of a data set nor a preference pair ({error!r}). Build it again."
        ) from error


def _pair(data: Mapping[str, Any]) -> Example:
    prompt = [_message(turn) for turn in data["prompt"]]
    return from_pair(prompt, _message(data["chosen"]), _message(data["rejected"]), str(data["reason"]))


def _message(data: Mapping[str, Any]) -> Message:
    calls = tuple(tool_call(c["tool"], json.loads(c["arguments"])) for c in data.get("tool_calls", ()))
    return Message(data["role"], data["content"], calls)
