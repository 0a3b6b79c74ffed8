"""Files of lines that survive their writers: durable appends, torn tails set aside, replacement as a whole.

Everything that writes is called under the store's lock.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from enactor.errors import EnactorError
from enactor.trace.values import Json

_CURES = {
    errno.ENOSPC: "The disk is full: free some space and try again.",
    errno.EDQUOT: "The disk quota is used up: free some space and try again.",
    errno.EFBIG: "The file has reached its size limit: raise the limit (`ulimit -f`) and try again.",
    errno.EROFS: "The file system is read-only: set another folder, one that can be written.",
    errno.EACCES: "No permission: change the folder's owner or set another folder.",
    errno.EPERM: "No permission: change the folder's owner or set another folder.",
}


@contextlib.contextmanager
def cured(path: Path) -> Iterator[None]:
    """The system's errors as EnactorErrors that say what to do."""
    try:
        yield
    except OSError as error:
        raise EnactorError(
            f"The trace store {path} cannot be used ({error.strerror or error}). {cure(error)}"
        ) from error


def cure(error: OSError) -> str:
    """What to do about an error of the system, as a sentence."""
    return _CURES.get(error.errno or 0, "Check the folder and try again.")


def append_line(path: Path, line: bytes) -> None:
    """Write `line` (or several, each with its end) behind the others and return once it is on the disk. On an
    error nothing of it stays: it was not acknowledged, so the caller may try again."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        start = os.fstat(handle).st_size
        try:
            write_all(handle, line)
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, start)
            raise
    finally:
        os.close(handle)
    if start == 0:
        sync_folder(path.parent)


def set_torn_aside(path: Path) -> tuple[Path, int] | None:
    """Move a last line without its end to a `.torn` file beside it; that file and its size in bytes.

    A last line that is whole but for its end is completed instead (None): other programs write files so.
    """
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return None
        torn = _tail(file)
        size = file.seek(0, os.SEEK_END)
        if parse(torn) is not None:
            file.write(b"\n")
            _flush(file)
            return None
        aside = path.with_name(f"{path.name}.{hashlib.sha256(torn).hexdigest()[:8]}.torn")
        with aside.open("wb") as kept:
            os.chmod(aside, 0o600)
            kept.write(torn)
            _flush(kept)
        sync_folder(path.parent)
        file.truncate(size - len(torn))
        _flush(file)
    return aside, len(torn)


def replace_lines(path: Path, keep: Callable[[bytes], bool]) -> int:
    """Leave out the lines for which `keep` is false; how many. The file is replaced as a whole, or removed
    where nothing is left, and not touched where all stay."""
    fresh, removed, kept = path.with_name(path.name + ".new"), 0, 0
    with path.open("rb") as lines, fresh.open("wb") as file:
        os.chmod(fresh, 0o600)
        for line in lines:
            if keep(line):
                file.write(line)
                kept += 1
            else:
                removed += 1
        _flush(file)
    if removed and kept:
        os.replace(fresh, path)
    else:
        fresh.unlink()
        if removed:
            path.unlink()
    sync_folder(path.parent)
    return removed


def write_new(path: Path, data: bytes) -> None:
    """Make a file readable by its owner only, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        os.chmod(fresh, 0o600)
        file.write(data)
        _flush(file)
    os.replace(fresh, path)
    sync_folder(path.parent)


def lines_up_to(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines of the first `size` bytes; what is written meanwhile stays out."""
    for line in file:
        yield line[:size]
        size -= len(line)
        if size <= 0:
            return


def parse(line: bytes) -> dict[str, Json] | None:
    """The JSON object of a line, None where it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable too, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(paths: Iterable[Path]) -> None:
    """Remove the files that are there."""
    for path in paths:
        path.unlink(missing_ok=True)


def _tail(file: BinaryIO) -> bytes:
    """What stands behind the last line end."""
    start = file.seek(0, os.SEEK_END)
    tail = b""
    while start > 0 and b"\n" not in tail:
        step = min(start, 65536)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    return tail[tail.rfind(b"\n") + 1 :]


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
