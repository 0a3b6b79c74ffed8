"""The reports that other commands wrote, listed and shown as files that can do nothing."""

from datetime import datetime
from pathlib import Path
from typing import Any

KINDS = {
    ".json": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""A report is a page of its own without scripts, without loads and without this page's origin."""

MOST = 200
DEPTH = 4
LARGE = 5 * 2**20


class Reports:
    """The report files under `folder`, those of at most 5 MB and four folders deep."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def listed(self) -> list[dict[str, Any]]:
        """Path, bytes and time of each, the newest first."""
        found = sorted(self._files().items(), key=lambda row: row[1].stat().st_mtime, reverse=True)
        return [
            {
                "path": path,
                "bytes": file.stat().st_size,
                "changed": datetime.fromtimestamp(file.stat().st_mtime).isoformat(" ", "minutes"),
            }
            for path, file in found[:MOST]
        ]

    def read(self, path: str) -> tuple[bytes, str] | None:
        """A listed file with its type; None for every other path."""
        file = self._files().get(path)
        return (file.read_bytes(), KINDS[file.suffix]) if file is not None else None

    def _files(self) -> dict[str, Path]:
        """By path below the folder. Only what the walk itself met is ever opened; links are passed over."""
        found: dict[str, Path] = {}
        level = [self._folder] if self._folder.is_dir() else []
        for _ in range(DEPTH):
            below: list[Path] = []
            for folder in level:
                try:
                    entries = sorted(folder.iterdir())
                except OSError:
                    continue
                for entry in entries:
                    if entry.is_symlink() or entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        below.append(entry)
                    elif entry.suffix in KINDS and entry.stat().st_size <= LARGE:
                        found[entry.relative_to(self._folder).as_posix()] = entry
            level = below
        return found
