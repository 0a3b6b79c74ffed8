"""The suites' versions and hashes: `python -m enactor.evaluate.versions` writes `suites/versions.json`.

A suite that has changed needs a new version, so that figures of one version are of one suite. The hash covers
the cases; scenarios are hashed when a run begins.
"""

import json
from importlib.resources import files
from pathlib import Path

from enactor.errors import EnactorError
from enactor.evaluate.cases import suite_hash
from enactor.evaluate.suite import SUITES, load_suite


def versions() -> dict[str, dict[str, object]]:
    """Name -> version, hash and number of cases, as the files are now."""
    return {
        name: {"version": suite.version, "hash": suite_hash(suite.cases), "cases": len(suite.cases)}
        for name in SUITES
        if name != "real"
        for suite in (load_suite(name),)
    }


def recorded() -> dict[str, dict[str, object]]:
    """The same as it was recorded."""
    text = (files("enactor.evaluate") / "suites" / "versions.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def changed() -> list[str]:
    """The suites whose cases are others than those recorded under their version."""
    before, now = recorded(), versions()
    return [name for name in now if before.get(name) != now[name]]


def record(path: Path) -> None:
    """Write the record. Raises `EnactorError` for a suite that has changed and kept its version."""
    now = versions()
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept = [
        name
        for name, found in now.items()
        if name in before and before[name]["version"] == found["version"] and before[name] != found
    ]
    if kept:
        raise EnactorError(f"{', '.join(kept)}: the cases have changed; raise `version` in the suite's file")
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(Path(str(files("enactor.evaluate"))) / "suites" / "versions.json")
