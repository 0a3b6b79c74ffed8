"""The leakage certificate: what training and test rows share, measured on the files themselves.

A phrasing or a conversation in both splits is leakage, and so is a held-out family among the answers that are
trained. Requests that are nearly the same words come about by chance too ("do it again"): their share of the
test rows is limited, not forbidden.
"""

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from enactor.curate.near import MINIMA, THRESHOLD, Signatures, Sketches, near_any
from enactor.curate.rows import Action, Row, read_rows
from enactor.world import COMMANDS, TOOLS

NEAR_LIMIT = 0.05
"""Greatest share of test rows that may be near a training row."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Overlaps of a data set's splits. `near` counts the test rows whose message has a similarity of
    `threshold` or more (MinHash, `minima` minima) to a training row's; `families` are those held out."""

    train: int
    test: int
    novel: int
    templates: int
    near: int
    novel_near: int
    families: tuple[str, ...]
    family_overlap: int
    threshold: float = THRESHOLD
    minima: int = MINIMA
    near_limit: float = NEAR_LIMIT

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the certificate fails; empty where it passes."""
        found = []
        if self.templates:
            found.append(f"{self.templates} phrasings or conversations stand in both splits")
        if self.near > self.near_limit * self.test:
            found.append(
                f"{self.near} of {self.test} test rows are near a training row (similarity "
                f"{self.threshold} or more), over {self.near_limit:.0%}"
            )
        if self.novel_near > self.near_limit * self.novel:
            found.append(f"{self.novel_near} of {self.novel} novel rows are near a training row")
        if self.family_overlap:
            held = ", ".join(self.families)
            found.append(f"{self.family_overlap} training rows teach a family that is held out ({held})")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """For the manifest: every figure, `passes`, and the problems in words."""
        return {**asdict(self), "families": list(self.families), "passes": not self.problems} | (
            {"problems": list(self.problems)} if self.problems else {}
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Certificate":
        """The inverse of `to_json`; what is derived is left aside. Raises TypeError on a missing field."""
        kept = {key: value for key, value in data.items() if key not in ("passes", "problems")}
        return cls(**{**kept, "families": tuple(kept.get("families", ()))})


def certify(train: Path, test: Path, novel: Path | None = None, families: Iterable[str] = ()) -> Certificate:
    """Measure the files. `families` are the command families that `novel` holds out. Reads row by row: some
    300 bytes a training row stay in memory. Raises `EnactorError` for a file that is no data set."""
    held = frozenset(families)
    keys = array("Q")
    taught = 0
    trained = Sketches()
    for row in read_rows(train):
        keys.append(_short(row.template))
        trained.add(row.message)
        taught += bool(held & families_of(row))
    others = array("Q")

    def read(path: Path | None) -> Signatures:
        sketches = Sketches()
        for row in read_rows(path) if path else ():
            sketches.add(row.message)
            others.append(_short(row.template))
        return sketches.rows()

    tested, fresh = read(test), read(novel)
    shared = np.intersect1d(np.array(keys, np.uint64), np.array(others, np.uint64))
    return Certificate(
        train=len(keys),
        test=len(tested),
        novel=len(fresh),
        templates=len(shared),
        near=int(near_any(tested, trained.rows()).sum()),
        novel_near=int(near_any(fresh, trained.rows()).sum()),
        families=tuple(sorted(held)),
        family_overlap=taught,
    )


def families_of(row: Row) -> frozenset[str]:
    """The families of all commands and tools that the row shows the model doing: in its answer, in its
    history, in a first try. What is merely offered in the prompt is not taught. A renamed command is of the
    family of the command that it stands for."""
    actions = [*row.say, *row.expect]
    for message in (*row.history, *row.failed):
        actions += [Action(call.tool, call.parsed or {}) for call in message.tool_calls]
    meant = {made_up: verb for verb, made_up in row.meta.get("renamed", {}).items()}
    return frozenset(family_of(action, meant) for action in actions)


def family_of(action: Action, meant: Mapping[str, str] = MappingProxyType({})) -> str:
    """The declared family of a command's verb or of a tool; empty for what is not declared. `meant`: the
    verbs that made-up names stand for."""
    if action.tool == "send_command":
        words = str(action.args.get("command", "")).split()
        spec = COMMANDS.get(meant.get(words[0], words[0].upper())) if words else None
        return spec.family if spec else ""
    return TOOLS[action.tool].family if action.tool in TOOLS else ""


def read_certificate(rows: Path) -> Certificate | None:
    """The certificate in the manifest beside a file of rows; None where there is no manifest, or none in it
    that can be read."""
    manifest = rows.parent / "manifest.json"
    try:
        found = json.loads(manifest.read_text(encoding="utf-8")).get("certificate")
        return Certificate.from_json(found) if isinstance(found, dict) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _short(template: str) -> int:
    return int(template[-32:-16], 16)  # half of the hash's digits
