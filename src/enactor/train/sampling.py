"""Answers drawn from a model, carried out, and those that reached the goal as rows."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from enactor.curate.rows import Row
from enactor.errors import EnactorError
from enactor.models import Engine
from enactor.trace import canonical_json
from enactor.train.judge import Judge, Judged, judgeable, prompt_of, shortest
from enactor.train.plans import RejectionPlan
from enactor.train.scenario_judge import ScenarioJudge, scenario_rows

SAMPLES = "samples.jsonl"


class Judging(Protocol):
    """Tells what an answer to its `row` is worth."""

    row: Row

    def __call__(self, text: str) -> Judged: ...


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a request: answers that reached the goal, the shortest first, of `distinct` different ones
    among all that were drawn."""

    number: int
    right: tuple[str, ...]
    distinct: int


def requests(rows: Iterable[Row], plan: RejectionPlan) -> tuple[list[Judging], list[Row]]:
    """The first `plan.requests` rows that ask for calls, and the scenarios that are asked for; and of the
    rows on the way those in which no call is due, which have no goal to reach and are trained on as they are.
    """
    found: list[Judging] = []
    quiet: list[Row] = []
    for row in judgeable(rows):
        if len(found) == plan.requests:
            break
        if row.say:
            found.append(Judge(row))
        else:
            quiet.append(row)
    found += [ScenarioJudge(*one) for one in scenario_rows(plan.scenarios)]
    if not found:
        raise EnactorError("no request can be carried out in the simulator: name other rows")
    return found, quiet


def draw(
    engine: Engine, judges: Sequence[Judging], plan: RejectionPlan, seed: int, skip: int = 0
) -> Iterator[Drawn]:
    """Sample each request from number `skip` on. Seeds depend on the request's number alone, so that a run
    that goes on draws what it would have drawn. Raises what the engine raises."""
    for number, judge in enumerate(judges[skip:], start=skip):
        prompt = prompt_of(judge.row)
        texts = dict.fromkeys(
            engine.complete(
                prompt,
                max_tokens=plan.max_tokens,
                temperature=plan.temperature,
                seed=seed + number * plan.samples + sample,
            ).text.strip()
            for sample in range(plan.samples)
        )
        right = shortest([one for one in map(judge, texts) if one.reached])
        yield Drawn(number, tuple(one.text for one in right), len(texts))


def draw_all(
    engine: Callable[[], AbstractContextManager[Engine]],
    judges: Sequence[Judging],
    plan: RejectionPlan,
    seed: int,
    folder: Path,
    run: Mapping[str, Any],
    progress: Callable[[int, int], object],
) -> list[Drawn]:
    """As `draw`, each request kept in a file of `folder` at once; what stands there of the same run is not
    drawn again, and the engine is opened only when something is left."""
    path = folder / SAMPLES
    known = _read(path, run)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text("".join(_lines(run, known)), encoding="utf-8")
    partial.replace(path)
    if len(known) == len(judges):
        return known
    with engine() as opened, path.open("a", encoding="utf-8") as file:
        for one in draw(opened, judges, plan, seed, skip=len(known)):
            known.append(one)
            file.write(_line(one))
            file.flush()
            progress(len(known), len(judges))
    return known


def rows_of(
    drawn: Sequence[Drawn], judges: Sequence[Judging], plan: RejectionPlan
) -> tuple[list[Row], Counter[str]]:
    """The answers that are kept, as rows, and what became of the requests."""
    rows: list[Row] = []
    counts: Counter[str] = Counter(requests=len(drawn), drawn=len(drawn) * plan.samples)
    for one in drawn:
        judge = judges[one.number]
        counts["distinct"] += one.distinct
        counts["right"] += len(one.right)
        counts["solved" if one.right else "unsolved"] += 1
        for text in one.right[: plan.keep]:
            meta = {**judge.row.meta, "sampled": True}
            rows.append(replace(judge.row, say=judge(text).calls, reply="", meta=meta))
        if not one.right and plan.unsolved == "answer" and judge.row.say:
            rows.append(judge.row)
            counts["answered for it"] += 1
    counts["kept"] = len(rows)
    return rows, counts


def _lines(run: Mapping[str, Any], known: Sequence[Drawn]) -> list[str]:
    return [canonical_json({"run": dict(run)}) + "\n", *map(_line, known)]


def _line(one: Drawn) -> str:
    return canonical_json({"number": one.number, "right": list(one.right), "distinct": one.distinct}) + "\n"


def _read(path: Path, run: Mapping[str, Any]) -> list[Drawn]:
    """What was drawn before by the same run; a line that a kill cut off ends it."""
    if not path.is_file():
        return []
    found: list[Drawn] = []
    try:
        first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if json.loads(first)["run"] != dict(run):
            return []
        for line in rest:
            data = json.loads(line)
            if not line.endswith("\n") or data["number"] != len(found):
                break
            found.append(Drawn(data["number"], tuple(data["right"]), data["distinct"]))
    except (ValueError, LookupError, TypeError):
        return found
    return found
