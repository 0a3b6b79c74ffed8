"""Build a data set: templates split, rows drawn to the mix, and a manifest that says what came of it."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from enactor.curate.certificate import certify
from enactor.curate.conversation import converse
from enactor.curate.files import replaced_together
from enactor.curate.mix import PLAYED, TRIES, by_kind, source
from enactor.curate.rename import SHARE, renaming
from enactor.curate.rows import Row, rows_hash, write_rows
from enactor.curate.synthesize import Funnel
from enactor.world import world_hash
from enactor.world.phrasebook import Template, templates

# Shares of the kinds in the rows. The first four keep 40 : 30 : 20 : 10 among themselves.
MIX: dict[str, float] = {
    "simple": 0.285,
    "loop": 0.215,
    "multi": 0.145,
    "status": 0.07,
    "followup": 0.06,
    "correction": 0.025,
    "protest": 0.02,
    "emergency": 0.025,
    "recovery": 0.02,
    "prerequisite": 0.015,
    "chat": 0.115,
    "refuse": 0.06,
    "ask": 0.045,
}


class BuildConfig(BaseModel):
    """What to build. `rows` counts the training rows, `test_rows` those of held-out phrasings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(4000, ge=10)
    test_rows: int = Field(400, ge=10)
    seed: int = 0
    out: Path = Path("runs/data")
    renamed: float = Field(
        SHARE, ge=0, le=1, description="share of the training rows whose commands bear made-up names"
    )
    leave_out: tuple[str, ...] = Field((), description="families of the phrasebook to hold out entirely")


@dataclass(frozen=True, slots=True)
class Dataset:
    """The rows of both splits and the manifest: counts, hashes, the funnel, the certificate."""

    train: tuple[Row, ...]
    test: tuple[Row, ...]
    manifest: dict[str, Any]


def build(config: BuildConfig) -> Dataset:
    """Draw both splits, check that they share no template, write `train.jsonl`, `test.jsonl` and
    `manifest.json` to `config.out`, all three or none. Same configuration, world and phrasebook: the same
    bytes."""
    everything = [t for t in templates() if t.group.family not in config.leave_out]
    train_funnel, test_funnel = Funnel(), Funnel()
    plain = draw(
        [t for t in everything if not t.held_out],
        config.rows,
        random.Random(f"train {config.seed}"),
        train_funnel,
    )
    train = list(renaming(plain, config.renamed, random.Random(f"renamed {config.seed}")))
    test = draw([t for t in everything if t.held_out], config.test_rows, random.Random("test"), test_funnel)
    with replaced_together() as beside:
        train_file, test_file = beside(config.out / "train.jsonl"), beside(config.out / "test.jsonl")
        write_rows(train_file, train)
        write_rows(test_file, test)
        certificate = certify(train_file, test_file)
        manifest = {
            "config": json.loads(config.model_dump_json(exclude={"out"})),
            "world": world_hash(),
            "train": _counts(train),
            "test": _counts(test),
            "template_overlap": certificate.templates,
            "certificate": certificate.to_json(),
            "refused": dict(sorted((train_funnel.refused + test_funnel.refused).items())),
            "examples": {**test_funnel.examples, **train_funnel.examples},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        beside(config.out / "manifest.json").write_text(text, encoding="utf-8")
    return Dataset(tuple(train), tuple(test), manifest)


def draw(found: Sequence[Template], rows: int, rng: random.Random, funnel: Funnel) -> list[Row]:
    """`rows` rows in the proportions of `MIX`, each template used once before any is used twice. Rows of
    recovery and of missing prerequisites are made from others by running them."""
    kinds = by_kind(found)
    shares = {kind: share for kind, share in MIX.items() if kind in kinds or kind in PLAYED}
    total = sum(shares.values())
    made: list[Row] = []
    for kind, share in shares.items():
        wanted = round(rows * share / total)
        drawn = islice(source(kind, kinds, rng, funnel), wanted * TRIES)
        made += islice((row for row in drawn if row is not None), wanted)
    rng.shuffle(made)
    return converse(made, rng)


def _counts(rows: Sequence[Row]) -> dict[str, Any]:
    kinds = Counter(row.mix_kind for row in rows)
    return {
        "rows": len(rows),
        "hash": rows_hash(rows),
        "templates": len({row.template for row in rows}),
        "kinds": dict(sorted(kinds.items())),
        "renamed": sum("renamed" in row.meta for row in rows),
        "families": dict(sorted(Counter(row.family for row in rows).items())),
    }
