"""Files that take their names together: all of them whole, or none."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from enactor.errors import EnactorError
from enactor.trace.files import cure


@contextlib.contextmanager
def replaced_together() -> Iterator[Callable[[Path], Path]]:
    """Gives a function from the path of a file to where it is written meanwhile. Without an error all files
    take their names at the end; with one what stood there before stays, and what was begun goes.

    An error of the system, a full disk for one, becomes an `EnactorError` with its cure.
    """
    begun: dict[Path, Path] = {}

    def beside(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        begun[path] = path.with_name(path.name + ".partial")
        return begun[path]

    try:
        yield beside
        for path, fresh in begun.items():
            os.replace(fresh, path)
    except OSError as error:
        where = error.filename or next((path.parent for path in begun), "the data set")
        raise EnactorError(
            f"{where} cannot be written ({error.strerror or error}), and nothing was changed. {cure(error)}"
        ) from error
    finally:
        for fresh in begun.values():
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
