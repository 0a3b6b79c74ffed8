"""The import order of the packages, and what the core may not need."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import enactor

ROOT = Path(enactor.__file__).parent
ORDER = (
    {"errors"},
    {"settings"},
    {"trace", "world"},
    {"prompt"},
    {"sim", "bridge"},
    {"models"},
    {"agent"},
    {"ingest"},
    {"curate"},
    {"evaluate"},
    {"train"},
    {"deploy"},
    {"serve"},
    {"cli"},
    {"__main__"},
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "accelerate")


def imports(path: Path) -> Iterator[str]:
    """Modules of enactor that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("enactor."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "enactor":
                yield from (f"enactor.{alias.name}" for alias in node.names)
            elif (node.module or "").startswith("enactor."):
                yield str(node.module)


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_package_has_a_place_in_the_order() -> None:
    assert {part(path) for path in ROOT.rglob("*.py")} - {"__init__"} <= set(RANK)


def test_a_package_imports_only_what_stands_before_it() -> None:
    wrong = []
    for path in ROOT.rglob("*.py"):
        mine = part(path)
        for module in imports(path):
            other = module.split(".")[1]
            if mine == "__init__" or (other in RANK and other != mine and RANK[other] >= RANK[mine]):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_core_imports_without_the_train_extra() -> None:
    core = [
        ".".join(("enactor", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in sorted(ROOT.rglob("*.py"))
        if part(path) not in ("train", "deploy", "__main__", "__init__")
    ]
    python(
        f"""
import importlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY}:
            raise ImportError(f"{{name}} is not for the core")

sys.meta_path.insert(0, Refuse())
for name in {core}:
    importlib.import_module(name)
"""
    )


@pytest.mark.parametrize("package", ["enactor", "enactor.cli"])
def test_the_door_imports_next_to_nothing(package: str) -> None:
    loaded = python(f"import sys, {package}; print(*sys.modules)").split()
    third = {"pydantic", "numpy", "yaml", "rich", "httpx", "xllamacpp", "gguf", "rapidfuzz", *HEAVY}
    assert not third & set(loaded)
    assert {name for name in loaded if name.startswith("enactor.")} <= {"enactor.cli", "enactor.errors"}


def test_help_answers_within_four_tenths_of_a_second() -> None:
    times = []
    for _ in range(3):
        before = os.times()
        python("from enactor.cli import main; raise SystemExit(main(['--help']))")
        after = os.times()  # of the child's own work: other programs may keep it waiting
        times.append(sum(after[2:4]) - sum(before[2:4]))
    assert min(times) < 0.4
