"""A run's folder: what was run, and every play as one line, so that a run that was killed goes on.

`run.json` says which suite (by its hash) which policies (by theirs) play; `plays/POLICY.jsonl` grows by one
line a play. A last line that was torn by a kill is cut off and played again.
"""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.evaluate.plays import Play

HEAD = "run.json"


class RunFolder:
    """One run on disk. Opening it makes the folder, or takes up the run that is in it."""

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        """`head` identifies the run: `suite` with its `hash`, `policies` by name. Raises `EnactorError` when
        the folder holds another run."""
        self.path = path
        self._lock = threading.Lock()
        before = read_head(path) if (path / HEAD).is_file() else None
        if before is not None:
            _same(before, head, path)
            both = {k: {**before.get(k, {}), **head.get(k, {})} for k in ("policies", "standings")}
            head = {**before, **both}
        self.head: dict[str, Any] = dict(head)
        (path / "plays").mkdir(parents=True, exist_ok=True)
        partial = path / f"{HEAD}.partial"
        partial.write_text(json.dumps(self.head, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path / HEAD)

    def file(self, policy: str) -> Path:
        """Where the plays of a policy stand."""
        return self.path / "plays" / f"{slug(policy)}.jsonl"

    def plays(self, policy: str) -> list[Play]:
        """All plays of a policy that are whole, in the order in which they ended; the torn end of the file,
        if there is one, is cut off. Raises `EnactorError` for a line in the middle that is no play."""
        path = self.file(policy)
        if not path.is_file():
            return []
        whole = path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            with path.open("r+b") as file:
                file.truncate(end)
        return list(read_plays(path, whole[:end]))

    def keep(self, policy: str, play: Play) -> None:
        """Append one play. Safe from several threads."""
        line = json.dumps(play.to_json(), ensure_ascii=False, default=str) + "\n"
        with self._lock, self.file(policy).open("ab") as file:
            file.write(line.encode("utf-8", "backslashreplace"))


def read_head(folder: Path) -> dict[str, Any]:
    """What `run.json` says. Raises `EnactorError`."""
    try:
        found = json.loads((folder / HEAD).read_text(encoding="utf-8"))
        if not isinstance(found["policies"], dict):
            raise TypeError("no policies")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnactorError(f"{folder} is no run of `enactor eval` ({error}): name another folder") from error
    return dict(found)


def read_plays(path: Path, content: bytes | None = None) -> Iterable[Play]:
    """The plays of a file, line by line. Raises `EnactorError`."""
    for number, line in enumerate((path.read_bytes() if content is None else content).splitlines(), 1):
        try:
            yield Play.from_json(json.loads(line.decode("utf-8")))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise EnactorError(
                f"{path}:{number}: not a play ({error!r}). Take the line out; it will be played again."
            ) from error


def slug(policy: str) -> str:
    """A policy's name as a file's."""
    return re.sub(r"[^\w.+-]+", "_", policy).strip("._") or "policy"


def _same(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Raise unless both heads are of one run, policies of the same name included."""
    for key in ("suite", "hash", "world"):
        if before.get(key) != now.get(key):
            raise EnactorError(
                f"{path} holds a run with {key} {before.get(key)!r}, and this one has {now.get(key)!r}: name "
                "another folder with --out"
            )
    for name, identity in now["policies"].items():
        if name in before["policies"] and before["policies"][name] != identity:
            raise EnactorError(
                f"{path} holds plays of another {name!r} (its weights or its settings have changed): name "
                "another folder with --out"
            )
