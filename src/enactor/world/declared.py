"""The declared data of the world: reading a file of it, and the hash over all of it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"


@cache
def read_data(name: str) -> Any:
    """One of the package's own YAML data files, parsed. Treat as read-only: the value is shared."""
    text = (DATA / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def world_hash() -> str:
    """`w1:` and 32 hex digits over every data file of the world (names and bytes): what a model may say,
    what it means and which commands it is offered. Models and data sets carry it; a changed one is a
    warning."""
    digest = hashlib.sha256()
    for path in sorted(p for p in DATA.rglob("*") if p.suffix in (".yaml", ".csv", ".npz")):
        name = path.relative_to(DATA).as_posix()
        content = path.read_bytes()
        if path.suffix != ".npz":
            content = content.replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"w1:{digest.hexdigest()[:32]}"
