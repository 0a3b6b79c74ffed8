"""One turn: what is new becomes a model in use, or a reason why not.

Each turn works in a folder of its own under the recipe's `out`, named by what it is made from, until a gate
has refused the candidate or it is in use. A turn that was stopped, or waits for its shadow, is gone on with
by the next call; nothing that is done is done again.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from enactor.curate import load_build_recipe, read_rows
from enactor.deploy.card import card_of
from enactor.deploy.files import Deployed, Precision
from enactor.deploy.parity import loss_probability
from enactor.deploy.sequential import Plan
from enactor.errors import EnactorError
from enactor.evaluate import Report, cases_of, suite_hash, summarize
from enactor.evaluate.certified import standing
from enactor.models import (
    Gate,
    Registry,
    adapter_hash,
    is_remote,
    known_sha256,
    merged_model,
    model_file,
    pull,
)
from enactor.models.cache import sha256, writing
from enactor.models.load import recorded_name
from enactor.prompt import SYSTEM
from enactor.serve.compare import Comparisons, advance, opened, status
from enactor.serve.flywheel.outcome import Outcome, Refused, StepReport, Waiting
from enactor.serve.flywheel.recipe import FlywheelError, FlywheelRecipe, ShadowPart
from enactor.serve.flywheel.stages import Stages
from enactor.serve.flywheel.steps import (
    build_data,
    decode_all,
    export,
    exported,
    matrix_of,
    play_cases,
    scores_of,
)
from enactor.serve.opening import system_turn, untuned
from enactor.settings import Settings
from enactor.trace import content_hash
from enactor.trace.lock import locked
from enactor.train import Recipe, load_recipe, train
from enactor.world import world_hash

KEEP = 3
"""Folders of turns that are kept, some 500 MB each; the oldest go."""

NOTE = "flywheel.json"


@dataclass(slots=True)
class _Turn:
    recipe: FlywheelRecipe
    settings: Settings
    console: Console
    registry: Registry
    training: Recipe
    base: Path
    state: dict[str, Any] = field(default_factory=dict)
    found: Outcome = field(default_factory=Outcome)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)

    # -- what is where ----------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return self.recipe.out / str(self.state["cycle"])

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def adapter(self) -> Path:
        return self.folder / "adapter"

    @property
    def name(self) -> str:
        return f"{self.recipe.name}-{adapter_hash(self.adapter)[:8]}"

    @property
    def file(self) -> Path:
        return exported(self.folder / "files", self.name, self.recipe.ship)

    @property
    def traces(self) -> tuple[Path, ...]:
        return self.recipe.gather.traces or (self.settings.training_log,)

    # -- the steps --------------------------------------------------------------------

    def gather(self) -> str:
        """Begin a turn, or go on with the one that has not ended."""
        self.console.rule("Gather", align="left")
        plan, n, now = self._inputs()
        before = _read(self.recipe.out / NOTE)
        if before and not before["ended"] and before["plan"] == plan:
            self.state = before
            return f"going on with {before['cycle']}"
        new = n - before["gathered"] if before and before["plan"] == plan else n
        cycle = content_hash([plan, now])[3:13]
        if before and before["cycle"] == cycle:
            self.state = before
            return "nothing has changed since the last turn"
        if new < self.recipe.gather.at_least:
            raise Waiting(f"{new} new requests, and {self.recipe.gather.at_least} are wanted for a turn")
        against = self.recipe.evaluate.against
        if against == "default":
            promoted = self.registry.current()
            against = promoted.name if promoted else "shipped"
        self.state = {
            "cycle": cycle, "plan": plan, "gathered": n, "against": against, "ended": ""
        }  # fmt: skip
        self._remember()
        return f"{n} recorded requests, {new} of them new" if self.recipe.build.recipe else "phrasebook alone"

    def build(self, stages: Stages) -> str:
        self.manifest = stages.run(
            "Data set",
            [self.state["cycle"]],
            partial(build_data, self.recipe.build, self.training, self.traces, self.data, self.console),
            self.data / "train.jsonl",
            self.data / "test.jsonl",
        )
        certificate = self.manifest["certificate"]
        if not certificate["passes"]:
            raise Refused(f"the data set leaks: {'; '.join(certificate['problems'])}")
        return f"{self.manifest['train']['rows']} rows, the certificate passes"

    def train(self, stages: Stages) -> str:
        inputs = [
            self.training.model_dump(mode="json"),
            self.manifest["train"]["hash"],
            known_sha256(self.base),
        ]

        def make() -> dict[str, float]:
            made = train(self.training, self.data / "train.jsonl", self.adapter, console=self.console)
            return dict(made.metrics)

        metrics = stages.run("Fine-tuning", inputs, make, self.adapter / "adapter_model.safetensors")
        self.found = replace(self.found, candidate=self.name)
        return ", ".join(f"{key} {value:.4f}" for key, value in metrics.items())

    def export(self, stages: Stages) -> str:
        recipe, out = self.recipe, self.folder / "files"
        kinds = [recipe.ship, recipe.parity.reference, list(recipe.parity.also)]
        stages.run(
            "Export",
            [adapter_hash(self.adapter), known_sha256(self.base), kinds],
            lambda: str(export(recipe, self.base, self.adapter, out, self.name)),
            self.file,
        )
        self.found = replace(self.found, gguf=self.file)
        return f"{self.file.name}, {self.file.stat().st_size / 2**20:.0f} MB"

    def evaluate(self, stages: Stages) -> str:
        rows = self.data / "test.jsonl"
        certified = standing(rows, self.adapter)
        cases = cases_of(read_rows(rows))[: self.recipe.evaluate.cases]
        suite, against = suite_hash(cases), str(self.state["against"])
        reports = []
        for name, path, system in (
            (against, self._file_of(against), system_turn(against)),
            (self.name, self.file, SYSTEM),
        ):
            scores = stages.run(
                f"Playing held-out requests: {'candidate' if name == self.name else name}",
                [known_sha256(path), suite, system],
                partial(play_cases, name, path, system, cases, self.settings.slots, self.console),
            )
            reports.append(summarize(name, scores_of(scores)))
        self.found = replace(self.found, reports=tuple(reports))
        gate = self._judged(*reports)
        self.gates["evaluate"] = gate
        if not gate.passed:
            raise Refused(gate.reason)
        return f"{gate.reason} ({certified})"

    def parity(self, stages: Stages) -> str:
        part, out = self.recipe.parity, self.folder / "files"
        rows = list(read_rows(self.data / "test.jsonl"))
        value = stages.run(
            "Parity of calls",
            [
                adapter_hash(self.adapter),
                known_sha256(self.file),
                part.model_dump(mode="json"),
                self.manifest["test"]["hash"],
            ],
            lambda: decode_all(
                part, self.recipe.ship, self.base, self.adapter, out, self.name, rows, self.console
            ),
        )
        gate = matrix_of(value).gate(self.recipe.ship, part.alpha, least=part.prompts)
        self.gates["parity"] = gate
        self._register()
        if not gate.passed:
            raise Refused(gate.reason)
        return gate.reason

    def shadow(self, part: ShadowPart) -> str:
        """Begin the comparison, or look how it stands."""
        self.console.rule("Shadow", align="left")
        comparisons = Comparisons(self.registry)
        experiment = comparisons.current()
        if experiment is None or experiment.candidate != self.name:
            if experiment is not None and experiment.running:
                raise Waiting(f"another comparison runs, of {experiment.candidate}")
            plan = Plan(part.alpha, part.margin, part.goal, part.most)
            experiment = comparisons.start(self.name, recorded_name(self.settings.model), plan=plan)
        loaded: dict[str, Any] = {}
        try:
            if experiment.running:
                experiment = advance(
                    comparisons,
                    experiment,
                    self.settings.training_log,
                    lambda: opened(self.settings, self.name, loaded),
                )
        finally:
            for engine, _ in loaded.values():
                engine.close()
        found = status(comparisons, experiment)
        if experiment.running:
            asks = f"some {found['expected']}" if found["expected"] else f"up to {found['most']}"
            raise Waiting(f"{found['told']}; {asks} requests in all are expected")
        gate = Gate(experiment.verdict in ("better", "not worse"), f"{experiment.verdict}: {found['told']}")
        self.gates["shadow"] = gate
        self._register()
        if not gate.passed:
            raise Refused(gate.reason)
        return gate.reason

    def promote(self) -> str:
        self.console.rule("Promote", align="left")
        before = self.registry.current()
        self.registry.promote(
            self.name, reason=f"flywheel {self.recipe.name}: {self.gates['evaluate'].reason}"
        )
        self.found = replace(self.found, promoted=True)
        self._end("promoted")
        if before and before.name == self.name:
            return f"{self.name} is in use already"
        return f"{self.name} is in use, {before.name if before else 'the shipped adapter'} before"

    # -- parts ------------------------------------------------------------------------

    def _inputs(self) -> tuple[str, int, str]:
        """Hash of what is to be done, number of recorded requests, and a hash of these."""
        part = self.recipe.build
        build = None
        files: list[Path] = []
        if part.recipe is not None:
            plan = load_build_recipe(part.recipe, part.changes)
            build = plan.model_dump(mode="json", exclude={"out"})
            files = [day for folder in self.traces for day in sorted(folder.glob("training_*.jsonl"))]
            files += [path for path in plan.gather.labelled if path.is_file()]
        todo = self.recipe.model_dump(mode="json", include={"build", "train", "ship"})
        training = self.training.model_dump(mode="json")
        plan_hash = content_hash([todo, build, training, world_hash(), known_sha256(self.base)])
        return plan_hash, sum(map(_lines, files)), content_hash([sha256(path) for path in files])

    def _file_of(self, model: str) -> Path:
        if is_remote(model):
            raise FlywheelError(f"evaluate.against: {model} is a remote one; name an embedded model")
        return merged_model(self.base, None) if untuned(model) else model_file(model)

    def _judged(self, incumbent: Report, candidate: Report) -> Gate:
        pairs = [(a.passed, b.passed) for a, b in zip(incumbent.scores, candidate.scores, strict=True)]
        lost, gained = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
        p = loss_probability(lost, gained)
        told = (
            f"{sum(b for _, b in pairs)} of {len(pairs)} right, {incumbent.policy} "
            f"{sum(a for a, _ in pairs)}; right before and not now {lost}, the reverse {gained}, p = {p:.3g}"
        )
        if p < self.recipe.evaluate.alpha:
            return Gate(False, f"worse than {incumbent.policy}: {told}")
        for metric, least in self.recipe.evaluate.at_least.items():
            rate = getattr(candidate, metric)
            if not rate.value >= least:
                return Gate(False, f"{metric} is {rate} and has to be {100 * least:g}%: {told}")
        return Gate(True, told)

    def _register(self) -> None:
        """Keep the candidate with its card, so that it can be compared, or looked at after all."""
        precision: Precision = "q8_0" if self.recipe.ship == "converter" else self.recipe.ship
        made = Deployed(
            self.name, self.folder / "files", {precision: self.file}, self.adapter, self.base,
            _read(self.adapter / "provenance.json"),
        )  # fmt: skip
        metrics = dict(self.found.reports[1].rows())
        card = card_of(made, precision, gates=self.gates, metrics=metrics, note=f"by {self.recipe.name}")
        self.registry.add(self.file, card, adapter=self.adapter)

    def _end(self, how: str) -> None:
        self.state["ended"] = how
        self._remember()

    def _remember(self) -> None:
        with writing(self.recipe.out / NOTE) as partial_file:
            partial_file.write_text(json.dumps(self.state, indent=1) + "\n", encoding="utf-8")


def turn(
    recipe: FlywheelRecipe, settings: Settings, console: Console, *, registry: Registry | None = None
) -> Outcome:
    """Go as far as the gates let. What a step raises ends the turn with its reason (`failed`); the next call
    tries it again. Raises `FlywheelError` for a recipe that cannot be followed."""
    training = load_recipe(recipe.train.recipe, recipe.train.changes)
    base = Path(training.base).expanduser() if training.base.endswith(".gguf") else pull(training.base)
    recipe.out.mkdir(parents=True, exist_ok=True)
    with locked(recipe.out / ".lock"):
        made = _Turn(recipe, settings, console, registry or Registry(), training, base)
        steps = _run(made)
        _sweep(recipe.out, made.state.get("cycle"))
    return replace(made.found, steps=tuple(steps), folder=made.folder if made.state else None)


def _run(made: _Turn) -> list[StepReport]:
    recipe = made.recipe
    reports: list[StepReport] = []

    def step(name: str, do: Callable[[], str]) -> bool:
        try:
            reports.append(StepReport(name, "passed", do()))
        except Refused as refusal:
            made._end("refused")
            reports.append(StepReport(name, "refused", str(refusal)))
        except Waiting as wait:
            reports.append(StepReport(name, "waiting", str(wait)))
        except EnactorError as error:
            reports.append(StepReport(name, "failed", str(error)))
        last = reports[-1]
        colour = {"passed": "green", "waiting": "yellow"}.get(last.state, "red")
        made.console.print(f"[{colour}]{last.state}[/{colour}]: ", end="")
        made.console.print(last.told, highlight=False, markup=False)
        return last.state == "passed"

    if not step("gather", made.gather):
        return reports
    made.folder.mkdir(parents=True, exist_ok=True)
    stages = Stages(made.folder, made.console)
    for name, do in (
        ("build", made.build), ("train", made.train), ("export", made.export), ("evaluate", made.evaluate),
        ("parity", made.parity),
    ):  # fmt: skip
        if not step(name, partial(do, stages)):
            return reports
    if recipe.shadow is None:
        reports.append(StepReport("shadow", "left out", "the recipe has none"))
    elif not step("shadow", partial(made.shadow, recipe.shadow)):
        return reports
    if recipe.promote:
        step("promote", made.promote)
    else:
        made._end("ready")
        reports.append(StepReport("promote", "left out", f"`enactor models promote {made.name}` does it"))
    return reports


def _sweep(out: Path, keep: str | None) -> None:
    """Remove the folders of old turns; what was promoted has its own copy in the registry."""
    turns = sorted(out.glob("*/stages.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in turns[KEEP:]:
        if path.parent.name != keep:
            shutil.rmtree(path.parent, ignore_errors=True)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
