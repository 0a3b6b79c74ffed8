"""Rows on the disk, with what is needed to choose among them in memory: some 300 bytes a row."""

import contextlib
import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from enactor.curate.near import Signatures, Sketches
from enactor.curate.rows import Row
from enactor.trace import canonical_json


class Spool:
    """An append-only file of rows. `kinds`, `sides`, `recorded`, `keys`, `signatures` have an entry a row.

    `keys` are of what a row does: equal for rows with equal calls, reply and history, whatever the words.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: BinaryIO = path.open("w+b")
        self._names: dict[str, int] = {}
        self._starts = array("Q", [0])
        self._kinds = array("B")
        self._sides = array("B")
        self._recorded = array("B")
        self._keys = array("Q")
        self._sketches = Sketches()

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, row: Row, kind: str, side: int, *, recorded: bool, like: Row | None = None) -> None:
        """Write the row at the end. It is a repeat where `like` would be one (itself without it)."""
        line = canonical_json(row.to_json()).encode() + b"\n"
        self._file.write(line)
        self._starts.append(self._starts[-1] + len(line))
        self._kinds.append(self._names.setdefault(kind, len(self._names)))
        self._sides.append(side)
        self._recorded.append(recorded)
        self._keys.append(_key(like or row))
        self._sketches.add(row.message)

    @property
    def kinds(self) -> NDArray[np.uint8]:
        return np.array(self._kinds, np.uint8)

    @property
    def sides(self) -> NDArray[np.uint8]:
        return np.array(self._sides, np.uint8)

    @property
    def recorded(self) -> NDArray[np.bool_]:
        return np.array(self._recorded, np.bool_)

    @property
    def keys(self) -> NDArray[np.uint64]:
        return np.array(self._keys, np.uint64)

    @property
    def kind_numbers(self) -> dict[str, int]:
        """Kind -> its number in `kinds`."""
        return dict(self._names)

    @property
    def signatures(self) -> Signatures:
        """One row of minima a row; a view."""
        return self._sketches.rows()

    def forget(self) -> None:
        """Let go of the signatures: the choice is made."""
        self._sketches = Sketches()

    def write(self, path: Path, at: Iterable[int]) -> dict[str, Any]:
        """Copy the rows at those places to a file; its counts, and the hash that `write_rows` gives for the
        same rows."""
        self._file.flush()
        names = {number: kind for kind, number in self._names.items()}
        kinds: Counter[str] = Counter()
        recorded: Counter[str] = Counter()
        families: Counter[str] = Counter()
        groups = array("Q")
        history = quiet = renamed = 0
        hasher = hashlib.sha256(b"[")
        with path.open("wb") as out:
            for number, index in enumerate(at):
                line = self._line(index)
                out.write(line)
                text = line[:-1].decode()
                hasher.update((b"," if number else b"") + json.dumps(text, ensure_ascii=False).encode())
                row = json.loads(text)
                kind = names[self._kinds[index]]
                kinds[kind] += 1
                recorded[kind] += self._recorded[index]
                families[row["family"]] += 1
                groups.append(int(row["template"][-32:-16], 16))
                history += bool(row["history"])
                quiet += not (row["say"] or row["failed"])
                renamed += "renamed" in row["meta"]
        hasher.update(b"]")
        return {
            "rows": kinds.total(),
            "hash": f"h1:{hasher.hexdigest()[:32]}",
            "templates": len(np.unique(np.array(groups, np.uint64))),
            "kinds": dict(sorted(kinds.items())),
            "families": dict(sorted(families.items())),
            "recorded": {kind: n for kind, n in sorted(recorded.items()) if n},
            "with_history": history,
            "without_call": quiet,
            "renamed": renamed,
        }

    def close(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            self._file.close()
        self.path.unlink(missing_ok=True)

    def _line(self, index: int) -> bytes:
        start, end = self._starts[index], self._starts[index + 1]
        return os.pread(self._file.fileno(), end - start, start)


def _key(row: Row) -> int:
    data = row.to_json()
    answer = canonical_json([data["say"], data["reply"], data["history"], data["failed"]])
    return int.from_bytes(hashlib.sha256(answer.encode()).digest()[:8], "little")
