"""An adapter becomes the files that are shipped: GGUFs in several precisions, a Modelfile, the template."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from enactor.deploy.modelfile import modelfile
from enactor.deploy.quantize import quantize
from enactor.errors import EnactorError
from enactor.models import BASES, adapter_hash, check_gguf, known_sha256, merge, pull
from enactor.models.adapter import read_adapter
from enactor.models.cache import writing
from enactor.models.load import BASE
from enactor.prompt import CHAT_TEMPLATE
from enactor.trace import canonical_json, content_hash
from enactor.world import world_hash

Precision = Literal["f16", "q8_0", "q4_k_m"]
PRECISIONS: tuple[Precision, ...] = ("f16", "q8_0", "q4_k_m")
NOTE = "deploy.json"
VERSION = 1
"""Counts changes that make other files from the same inputs."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What `make_files` left in `folder`: `files` by precision, the adapter and base they are of, and the
    adapter's provenance as training wrote it (empty where there is none)."""

    name: str
    folder: Path
    files: Mapping[Precision, Path]
    adapter: Path
    base: Path
    training: Mapping[str, Any]


def make_files(
    adapter: Path,
    out: Path,
    name: str,
    *,
    precisions: Sequence[Precision] = PRECISIONS,
    base: Path | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> Deployed:
    """Merge and quantize into `out`; files that were made from the same inputs before are kept.

    Each GGUF carries the template and, as `enactor.<key>`, the recipe, the hashes of base, adapter, data and
    world, the commit and the metrics. `base` stands in for the one that the adapter names. Raises
    `EnactorError`.
    """
    base = base or base_of(adapter)
    training = _read(adapter / "provenance.json")
    key = content_hash([VERSION, known_sha256(base), adapter_hash(adapter), CHAT_TEMPLATE, training])
    done = _read(out / NOTE)
    before = done.get("files", {}) if done.get("inputs") == key else {}
    stamps = provenance_stamps(training)
    files: dict[Precision, Path] = {}
    for precision in sorted(set(precisions), key=PRECISIONS.index):
        target = out / f"{name}-{precision}.gguf"
        if not _is_made(target, before.get(precision)):
            progress(f"writing {target.name}")
            if precision == "q4_k_m":
                half = _half(files, base, adapter, out / f"{name}-f16.gguf", stamps)
                quantize(half, target)
                if "f16" not in files:
                    half.unlink()
            else:
                _merge(base, adapter, target, stamps, precision)
        files[precision] = target
    folder = Deployed(name, out, files, adapter, base, training)
    _write_text(out / "chat_template.jinja", CHAT_TEMPLATE)
    _write_text(out / "Modelfile", modelfile(shipped(folder)))
    _write_text(out / NOTE, json.dumps({"inputs": key, "files": _hashes(files)}, indent=1) + "\n")
    return folder


def shipped(made: Deployed) -> Path:
    """The file that is put to use: Q8_0 where it was made, since four bits hurt small models."""
    return next(made.files[p] for p in ("q8_0", "f16", "q4_k_m") if p in made.files)


def base_of(adapter: Path) -> Path:
    """The base that the adapter was trained on, fetched if need be. Raises `EnactorError` for one that is not
    known here."""
    note = read_adapter(adapter)
    if note.base_name is None:
        return pull(BASE)
    if note.base_name not in BASES:
        raise EnactorError(
            f"{adapter} was trained on {note.base_name}, which is not known here: name its GGUF with --base"
        )
    return pull(note.base_name)


def provenance_stamps(training: Mapping[str, Any]) -> dict[str, str]:
    """What a GGUF says of where it comes from."""
    source, rows = training.get("source") or {}, training.get("rows") or {}
    stamps = {
        "dialect": str(training.get("dialect", "hermes")),
        "world": str(training.get("world") or world_hash()),
        "data": str(rows.get("hash", "")),
        "commit": str(source.get("commit", "")),
        "dirty": str(source.get("dirty", "")).lower(),
        "recipe": canonical_json(training["recipe"]) if "recipe" in training else "",
        "metrics": canonical_json(training["metrics"]) if "metrics" in training else "",
    }
    return {key: value for key, value in stamps.items() if value}


def _half(
    files: Mapping[Precision, Path], base: Path, adapter: Path, path: Path, stamps: Mapping[str, str]
) -> Path:
    """The file in half precision that the other is made from."""
    if "f16" not in files:
        _merge(base, adapter, path, stamps, "f16")
    return path


def _merge(
    base: Path, adapter: Path, out: Path, stamps: Mapping[str, str], precision: Literal["f16", "q8_0"]
) -> None:
    merge(base, adapter, out, chat_template=CHAT_TEMPLATE, provenance=stamps, precision=precision)


def _is_made(path: Path, sha256: str | None) -> bool:
    if sha256 is None or not path.is_file() or known_sha256(path) != sha256:
        return False
    check_gguf(path)
    return True


def _hashes(files: Mapping[Precision, Path]) -> dict[str, str]:
    return {precision: known_sha256(path) for precision, path in files.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_text(path: Path, text: str) -> None:
    with writing(path) as partial:
        partial.write_text(text, encoding="utf-8")
