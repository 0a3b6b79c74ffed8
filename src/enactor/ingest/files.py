"""Which files are meant: paths as given, folders searched, and the places where records are by default."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from enactor.errors import EnactorError

ENDINGS = (".jsonl", ".yaml", ".yml", ".jsonl.gz", ".yaml.gz", ".yml.gz")
"""Endings of the files that are taken from a folder. A file that is named itself may have any."""

BESIDE = ("user_feedback.jsonl", "unreadable.jsonl", "refused.jsonl", "origins.jsonl", "removed.jsonl")
"""Files that stand beside records and are none."""

PLACES = ("~/.claude/projects", "~/.manny", "/tmp/manny_sessions")
"""Where records are by default: coding-agent sessions, the bot's logs, raw command logs."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import. `name` is what an origin says, `size` in bytes as it is on the disk."""

    path: Path
    name: str
    size: int


def sources(paths: Iterable[Path], store: Path) -> list[Source]:
    """The files under `paths`, each once, in a fixed order. Raises EnactorError for a path that does not
    exist or is no file, and for a file of the store."""
    kept = store.absolute()
    found: dict[tuple[int, int], Source] = {}
    for given in paths:
        path = given.expanduser()
        if not path.exists():
            raise EnactorError(f"{path} does not exist: name a file or a folder of records")
        if path.is_dir():
            files: Iterable[Path] = _inside(path, kept)
        elif path.is_file():
            if path.absolute().parent == kept:
                raise EnactorError(f"{path} is in the store already: name another file, or another --store")
            if not os.access(path, os.R_OK):
                raise EnactorError(f"{path} cannot be read: permission denied; change its owner or its mode")
            files = [path]
        else:
            raise EnactorError(f"{path} is neither a file nor a folder: save the records to a file first")
        for file in files:
            about = file.stat()
            # One file under two names is read once; systems without file numbers say 0.
            key = (about.st_dev, about.st_ino) if about.st_ino else (0, hash(file.absolute()))
            found.setdefault(key, Source(file, _name(file), about.st_size))
    return list(found.values())


def _name(path: Path) -> str:
    """The whole path as text that can be written and printed, whatever bytes it is made of."""
    return str(path.absolute()).encode("utf-8", "backslashreplace").decode("utf-8")


def default_paths(settings: Sequence[Path] | None) -> list[Path]:
    """The places to look in where no path is given. Raises EnactorError where none is there."""
    places = [Path(place).expanduser() for place in settings or PLACES]
    there = [place for place in places if place.exists()]
    if not there:
        names = ", ".join(map(str, places))
        raise EnactorError(f"no records found: none of {names} is there; name a file or a folder of records")
    return there


def _inside(folder: Path, store: Path) -> Iterator[Path]:
    """The records in a folder and below it, but for the store."""
    for where, folders, names in os.walk(folder):
        here = Path(where)
        folders.sort()
        if here.absolute() == store:
            continue
        for name in sorted(names):
            path = here / name
            if name.endswith(ENDINGS) and name not in BESIDE and path.is_file():
                yield path
