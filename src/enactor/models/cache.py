"""The cache folder, files that appear in it whole or not at all, and their hashes."""

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from enactor.errors import EnactorError

_STALE = 24 * 3600
"""Seconds after which a partial file belongs to a process that died."""

UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)
"""What the system says of a folder that cannot be made or written."""


class CacheError(EnactorError):
    """The cache folder cannot take the file."""


def cache_folder() -> Path:
    """`$ENACTOR_CACHE`, or the platform's cache folder for `enactor`. It need not exist yet."""
    if chosen := os.environ.get("ENACTOR_CACHE"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("enactor", appauthor=False))


@contextmanager
def writing(target: Path, need: int = 0) -> Iterator[Path]:
    """A fresh `<name>.<random>.partial` beside `target`, renamed to it when the block ends well and deleted
    when it does not. Two processes that write the same target do not meet; the last one wins.

    `need` is the space in bytes that must be free first. Raises `CacheError` when the folder is read-only
    or full.
    """
    partial = target.with_name(f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        free = shutil.disk_usage(target.parent).free
        if free < need:
            raise CacheError(
                f"{target.parent} has {free // 2**20} MB free and {target.name} needs {need // 2**20} MB: "
                f"make room, or set ENACTOR_CACHE to a folder on another disk"
            )
        yield partial
        os.replace(partial, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CacheError(
                f"the disk of {target.parent} is full: make room, or set ENACTOR_CACHE to a folder "
                f"on another disk"
            ) from error
        if error.errno in UNWRITABLE:
            raise CacheError(
                f"cannot write to the cache folder {target.parent} ({error.strerror}): make it writable, or "
                f"set ENACTOR_CACHE to a folder that is"
            ) from error
        raise
    finally:
        with suppress(OSError):  # a folder that cannot be entered; what went wrong has been raised already
            partial.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for leftover in folder.glob("*.partial"):
        try:
            if time.time() - leftover.stat().st_mtime < _STALE:
                continue
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()
        except FileNotFoundError:
            continue  # another process swept it


def sha256(path: Path) -> str:
    """Hex SHA-256 of the file's bytes (98 MB take some 0.1 s)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """`sha256`, remembered in `<name>.hash.json` beside the file for as long as size and time of change stay,
    so that a start does not read the whole file. Where the folder is read-only it is computed each time."""
    stat = path.stat()
    stamp = [stat.st_size, stat.st_mtime_ns]
    note = path.with_name(f"{path.name}.hash.json")
    try:
        remembered = json.loads(note.read_text(encoding="utf-8"))
        if remembered["stamp"] == stamp:
            return str(remembered["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or a damaged one: it is written anew
    digest = sha256(path)
    try:
        with writing(note) as partial:
            partial.write_text(json.dumps({"sha256": digest, "stamp": stamp}), encoding="utf-8")
    except CacheError:
        pass  # the note only saves time
    return digest
