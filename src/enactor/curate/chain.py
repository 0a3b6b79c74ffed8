"""The whole build: gather, filter, relabel, dedupe, synthesize to the counts, balance, split, certify.

Rows lie on the disk all the while (`Spool`); what is decided about them is decided on arrays. So a million
rows need less than a kilobyte each, and the same inputs and seed give the same bytes.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enactor.curate.certificate import certify, families_of, family_of
from enactor.curate.conformance import check, failing
from enactor.curate.conversation import Conversations
from enactor.curate.files import replaced_together
from enactor.curate.gather import Selection, read_stores, rows_of
from enactor.curate.mix import TRIES, by_kind, grown, source
from enactor.curate.near import Places, near_any, repeats
from enactor.curate.quality import FilterReport
from enactor.curate.recipe import BuildError, BuildRecipe
from enactor.curate.rename import renamed
from enactor.curate.rows import Action, Row, read_rows
from enactor.curate.spool import Spool
from enactor.curate.synthesize import Funnel
from enactor.curate.teacher import Teacher
from enactor.trace import ReadReport
from enactor.world import world_hash
from enactor.world.phrasebook import KINDS, TEST_SHARE, Group, Template, phrasebook, templates

TRAIN, TEST, NOVEL = 0, 1, 2
SIDES = ("train", "test", "novel")
ROUNDS = 6
_HASH = re.compile(r"h1:[0-9a-f]{32}")


def run_recipe(
    recipe: BuildRecipe,
    *,
    teacher: Teacher | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> dict[str, Any]:
    """Build the data set of a recipe in its folder: `train.jsonl`, `test.jsonl`, `novel.jsonl` where families
    are held out, and `manifest.json`, which is returned. Raises `EnactorError` for traces that are not there
    and `BuildError` when leakage is left. The files appear together; where they cannot be written (also an
    `EnactorError`), those of an earlier run stay."""
    with replaced_together() as beside:
        spool = Spool(recipe.out / "rows.partial")
        try:
            manifest = _Build(recipe, spool, progress).run(teacher, beside)
        finally:
            spool.close()
        _write_manifest(beside(recipe.out / "manifest.json"), manifest)
    if problems := manifest["certificate"].get("problems"):
        raise BuildError(f"the data set in {recipe.out} leaks: {'; '.join(problems)}")
    if recipe.runtimes:
        _conform(recipe, manifest, progress)
    return manifest


def _conform(recipe: BuildRecipe, manifest: dict[str, Any], progress: Callable[[str], object]) -> None:
    """Every row back through the runtimes that the recipe names; the matrix goes into the manifest, and a row
    that is lost fails the build."""
    paths = [path for side in SIDES if (path := recipe.out / f"{side}.jsonl").is_file() and side in manifest]
    conversations = (row.messages() for path in paths for row in read_rows(path))
    tallies = check(conversations, recipe.runtimes)
    manifest["conformance"] = {name: tally.to_json() for name, tally in tallies.items()}
    with replaced_together() as beside:
        _write_manifest(beside(recipe.out / "manifest.json"), manifest)
    progress(f"survive {', '.join(recipe.runtimes)}: {min(t.survived for t in tallies.values())} rows")
    if lost := failing(tallies):
        raise BuildError(f"not every row in {recipe.out} survives {'; '.join(lost)}")


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


class _Build:
    """One run: the spool and what has been counted so far."""

    def __init__(self, recipe: BuildRecipe, spool: Spool, progress: Callable[[str], object]) -> None:
        self.recipe = recipe
        self.spool = spool
        self.progress = progress
        self.novel = frozenset(recipe.split.novel_families)
        self.funnel = Funnel()
        self.report = FilterReport()
        self.removed: Counter[str] = Counter()
        self.short: dict[str, int] = {}
        self.labelled = 0
        self.found: dict[int, dict[str, list[Template]]] = {}
        self.sources: dict[tuple[int, str], Iterator[Row | None]] = {}
        self.before: dict[int, Conversations] = {}

    def run(self, teacher: Teacher | None, beside: Callable[[Path], Path]) -> dict[str, Any]:
        read = ReadReport()
        self._gather(teacher, read)
        wanted = self._wanted()
        chosen: dict[int, Places] = {}
        for side in (TRAIN, TEST, NOVEL):
            trained = chosen.get(TRAIN)
            chosen[side] = self._fill(side, wanted[side], trained)
            self.progress(f"{SIDES[side]}: {len(chosen[side])} rows")
        sides = (TRAIN, TEST, NOVEL) if self.novel else (TRAIN, TEST)
        files = {side: beside(self.recipe.out / f"{SIDES[side]}.jsonl") for side in sides}
        counts = {SIDES[side]: self.spool.write(path, chosen[side].tolist()) for side, path in files.items()}
        self.spool.forget()
        certificate = certify(files[TRAIN], files[TEST], files.get(NOVEL), self.novel)
        return {
            "config": json.loads(self.recipe.model_dump_json(exclude={"out"})),
            "world": world_hash(),
            **counts,
            "template_overlap": certificate.templates,
            "certificate": certificate.to_json(),
            "gathered": {"rows": read.rows, "refused": dict(sorted(read.refused.items()))},
            "filter": self.report.to_json(),
            "removed": dict(sorted(self.removed.items())),
            "short": self.short,
            "refused": dict(sorted(self.funnel.refused.items())),
            "examples": self.funnel.examples,
        }

    def _gather(self, teacher: Teacher | None, read: ReadReport) -> None:
        """What a person corrected, then what was recorded and not corrected."""
        gather = self.recipe.gather
        corrected: set[str] = set()
        for path in gather.labelled:
            if not path.is_file():
                raise BuildError(f"no rows at {path}: write them with `enactor label rows`")
            for row in read_rows(path):
                label = row.meta.get("label")
                if isinstance(label, dict):
                    corrected.add(str(label.get("trace")))
                if row.kind not in KINDS or not _HASH.fullmatch(row.template):
                    raise BuildError(
                        f"{path}: a row of the kind {row.kind!r} with the template {row.template!r} has no "
                        "place in a mix: write the rows with `enactor label rows`"
                    )
                self.spool.add(row, row.kind, self._side(row), recorded=True)
        self.labelled = len(self.spool)
        selection = Selection(self.recipe.rules(), self.recipe.cures(), teacher, frozenset(corrected))
        private = "not personal" not in selection.rules  # then no message may go to a teacher unasked
        for row in rows_of(read_stores(gather.traces, read), selection, self.report):
            side = self._side(row)
            self.spool.add(row, row.mix_kind, side, recorded=True)
            if teacher is not None and gather.paraphrases and side == TRAIN and not private:
                for other in teacher.paraphrased(row, gather.paraphrases):
                    self.spool.add(other, other.mix_kind, side, recorded=False)
        if len(self.spool):
            self.progress(f"gathered {self.report.read} requests, {self.report.kept} of use")

    def _wanted(self) -> list[dict[str, int]]:
        """Rows of each kind for each side; recorded ones that are no repeats decide how far counts grow."""
        at = self._places(TRAIN)
        alive = at[~self._repeats(at)]
        kinds = self.spool.kinds[alive]
        recorded = {name: int((kinds == number).sum()) for name, number in self.spool.kind_numbers.items()}
        train = grown(self.recipe.counts.wanted(), recorded, self.recipe.grow)
        test = {kind: -(-n // (TEST_SHARE - 1)) for kind, n in train.items()}
        return [train, test, self._novel_wanted()]

    def _novel_wanted(self) -> dict[str, int]:
        """The novel rows, spread over the kinds that the held-out families have phrasings of."""
        if not self.novel:
            return {}
        sizes = {kind: len(found) for kind, found in self._templates(NOVEL).items()}
        total = sum(sizes.values())
        if not total:
            raise BuildError(f"no phrasing is of the families {', '.join(sorted(self.novel))} alone")
        return {kind: -(-self.recipe.split.novel_rows * n // total) for kind, n in sizes.items()}

    def _fill(self, side: int, wanted: Mapping[str, int], trained: Places | None) -> Places:
        """The places of the side's rows: recorded ones, then synthetic ones until each kind has its count,
        none a repeat, none of a test near a training row; shuffled."""
        near = repeated = np.zeros(0, np.bool_)
        at = self._places(side)
        for attempt in range(ROUNDS + 1):
            at = self._places(side)
            repeated = self._repeats(at)
            near = np.zeros(len(at), np.bool_)
            if trained is not None:
                found = self.spool.signatures
                near = near_any(found, found, self.recipe.near, at, trained)
            have = self._count(at[~repeated & ~near])
            missing = {kind: n - have[kind] for kind, n in wanted.items() if n > have[kind]}
            if not missing or attempt == ROUNDS or not self._synthesize(side, missing):
                break
        self.removed[f"{SIDES[side]}: repeats another row"] += int(repeated.sum())
        self.removed[f"{SIDES[side]}: near a training row"] += int((near & ~repeated).sum())
        self.short |= {f"{SIDES[side]}: {kind}": n for kind, n in missing.items()}
        return self._balance(side, at[~repeated & ~near], wanted)

    def _balance(self, side: int, at: Places, wanted: Mapping[str, int]) -> Places:
        """At most the wanted rows of each kind, corrected ones first, then recorded ones, in an order that
        the seed decides."""
        rng = np.random.default_rng([self.recipe.seed, side])
        kinds = self.spool.kinds[at]
        turn = np.where(at < self.labelled, 0, np.where(self.spool.recorded[at], 1, 2))
        kept: list[Places] = []
        for kind, number in self.spool.kind_numbers.items():
            mine = at[kinds == number]
            order = rng.permutation(len(mine))
            first = np.argsort(turn[kinds == number][order], kind="stable")
            limit = wanted.get(kind, 0)
            kept.append(mine[order[first]][:limit])
            self.removed[f"{SIDES[side]}: more than the mix takes"] += max(0, len(mine) - limit)
        together = np.concatenate(kept) if kept else at[:0]
        shuffled: Places = together[rng.permutation(len(together))]
        return shuffled

    def _synthesize(self, side: int, missing: Mapping[str, int]) -> bool:
        """Write synthetic rows of the kinds that are missing; False when nothing came of it."""
        before = len(self.spool)
        rng = random.Random(f"renamed {side} {before} {self.recipe.seed}")
        share = self.recipe.renamed if side == TRAIN else 0.0
        if side not in self.before:
            drawn = random.Random(f"conversations {side} {self.recipe.seed}")
            self.before[side] = Conversations(self.recipe.conversations, drawn)
        for kind, n in missing.items():
            source = self._source(side, kind)
            made = 0
            for row in islice(source, n * TRIES):
                if row is not None and self._side(row) == side:
                    shown = self.before[side].amid(row)
                    shown = (renamed(shown, rng) if rng.random() < share else None) or shown
                    self.spool.add(shown, kind, side, recorded=False, like=row)
                    made += 1
                    if made == n:
                        break
        return len(self.spool) > before

    def _source(self, side: int, kind: str) -> Iterator[Row | None]:
        """The synthetic rows of a kind for a side: one stream over all rounds."""
        key = (side, kind)
        if key not in self.sources:
            kinds = self._templates(side)
            rng = random.Random(f"{SIDES[side]} {kind} {self.recipe.seed}")
            self.sources[key] = source(kind, kinds, rng, self.funnel)
        return self.sources[key]

    def _templates(self, side: int) -> dict[str, list[Template]]:
        """The phrasings of a side by kind: the held-out ones are the test's, those of held-out families alone
        are the novel test's, and what mixes such families with others is nobody's."""
        if side not in self.found:
            families = {group.id: _families(group) for group in phrasebook()}
            novel = {name for name, called in families.items() if called and called <= self.novel}
            mixed = {name for name, called in families.items() if called & self.novel}
            self.found[side] = by_kind(
                t
                for t in templates()
                if (t.group.id in novel if side == NOVEL else t.group.id not in mixed)
                and (side == NOVEL or t.held_out == (side == TEST))
            )
        return self.found[side]

    def _side(self, row: Row) -> int:
        if self.novel & families_of(row):
            return NOVEL
        return TEST if int(row.template.rpartition(":")[2][:8], 16) % TEST_SHARE == 0 else TRAIN

    def _places(self, side: int) -> Places:
        return np.flatnonzero(self.spool.sides == side)

    def _repeats(self, at: Places) -> NDArray[np.bool_]:
        return repeats(self.spool.signatures, self.spool.keys, self.recipe.near, at)

    def _count(self, at: Places) -> Counter[str]:
        kinds = self.spool.kinds[at]
        return Counter(
            {name: int((kinds == number).sum()) for name, number in self.spool.kind_numbers.items()}
        )


def _families(group: Group) -> frozenset[str]:
    """The command families that a group's phrasings call, in the turns before too."""
    lines = (*group.do, *(line for turn in group.before for line in turn.do))
    return frozenset(
        family_of(
            Action(line.split()[0].removeprefix("@"), {})
            if line.startswith("@")
            else Action("send_command", {"command": line})
        )
        for line in lines
    )
