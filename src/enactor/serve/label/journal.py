"""The feedback file of a trace store: label events appended as the store appends, read as the file grows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enactor.serve.label.labels import Labels
from enactor.trace import canonical_json
from enactor.trace.files import append_line, cured, set_torn_aside
from enactor.trace.lock import locked
from enactor.trace.removal import FEEDBACK


class Journal:
    """The events about the traces in `folder`, shared with every other writer of the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FEEDBACK
        self._labels = Labels()
        self._file = 0  # inode: a player that is forgotten has the file replaced
        self._offset = 0

    def labels(self) -> Labels:
        """What stands now. Only what was added since the last call is read."""
        with cured(self.folder):
            if not self._path.exists():
                self._labels, self._offset = Labels(), 0
                return self._labels
            with self._path.open("rb") as file:
                found = self._path.stat()
                if found.st_ino != self._file or found.st_size < self._offset:
                    self._labels, self._file, self._offset = Labels(), found.st_ino, 0
                file.seek(self._offset)
                added = file.read()
        whole = added[: added.rfind(b"\n") + 1]  # a line without its end is being written, or torn
        self._labels.add_lines(whole.splitlines())
        self._offset += len(whole)
        return self._labels

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event; it is on the disk when this returns. Raises `EnactorError` when it could not be
        written: then nothing of it is left."""
        line = (canonical_json(event) + "\n").encode("utf-8", "backslashreplace")
        with cured(self.folder), locked(self.folder / ".lock"):
            set_torn_aside(self._path)
            append_line(self._path, line)
