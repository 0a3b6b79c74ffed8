"""From plays to figures: each with its n and its 95% interval, and with what makes it better."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from enactor.evaluate.calibration import calibrate, pass_hat
from enactor.evaluate.paired import Paired, bootstrap, bootstrap_mean, compare_means, compare_shares, holm
from enactor.evaluate.plays import Play
from enactor.evaluate.stats import Rate, quantile

Unit = Literal["share", "ms", "tokens", "score"]
KS = (1, 4, 8)


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one policy. `value` and its interval are NaN where n is 0; shares lie in [0, 1]."""

    key: str
    value: float
    low: float
    high: float
    n: int
    unit: Unit = "share"

    def __str__(self) -> str:
        if not self.n:
            return "–"
        scale, digits = {"share": (100, 1), "ms": (1, 0), "tokens": (1, 0), "score": (1, 3)}[self.unit]
        unit = {"share": "%", "ms": " ms"}.get(self.unit, "")
        shown = [f"{scale * v:,.{max(0, digits - (self.unit == 'share'))}f}" for v in (self.low, self.high)]
        return f"{scale * self.value:,.{digits}f}{unit} [{shown[0]}, {shown[1]}]"


Flag = Callable[[Play], bool | None]


def _score(key: str) -> Flag:
    def flag(play: Play) -> bool | None:
        found = None if play.score is None else play.score[key]
        return None if found is None else bool(found)

    return flag


def _due(play: Play) -> bool:
    return play.score is None or play.score["called"] is not None


def _called(play: Play) -> bool | None:
    return _score("called")(play)


def _raw(play: Play) -> bool | None:
    called = _called(play)
    return None if called is None else called and set(play.origins) <= {"raw", "direct", "recovered"}


def _unforced(play: Play) -> bool | None:
    called = _called(play)
    return None if called is None else called and "forced" not in play.origins


SHARES: Mapping[str, tuple[str, Flag]] = {
    "passed": ("passed", lambda play: play.passed),
    "passed_cases": ("passed, cases", lambda play: play.passed if play.task == "case" else None),
    "passed_scenarios": ("passed, scenarios", lambda play: play.passed if play.task == "scenario" else None),
    "executed": ("executed", _called),
    "executed_raw": ("executed without repair", _raw),
    "executed_repaired": ("executed without force", _unforced),
    "verb": ("correct verb", _score("verb")),
    "operands": ("all operands right", _score("operands")),
    "complete": ("task completed", _score("complete")),
    "quiet": ("no call where none is due", _score("quiet")),
}
"""Key -> its name, and whether a play counts: None where it says nothing about it."""

NAMES: Mapping[str, str] = {
    **{key: name for key, (name, _) in SHARES.items()},
    "progress": "share of steps done",
    "agree": "paraphrase groups that agree",
    "agree_right": "paraphrase groups all right",
    **{f"pass^{k}": f"pass^{k}" for k in KS},
    "calibration": "calibration error",
    "area": "area under risk–coverage",
    "latency_p50": "latency, median",
    "latency_p95": "latency, 95%",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
}
LESS_IS_BETTER = frozenset(
    {"calibration", "area", "latency_p50", "latency_p95", "prompt_tokens", "completion_tokens"}
)


def figures(plays: Sequence[Play]) -> dict[str, Figure]:
    """Every metric that the plays of one policy say something about, by its key, in the order of `NAMES`."""
    greedy = [play for play in plays if play.trial == 0]
    found: dict[str, Figure] = {}
    for key, (_, flag) in SHARES.items():
        flags = [value for play in greedy if (value := flag(play)) is not None]
        if flags:
            share = Rate(sum(flags), len(flags))
            found[key] = Figure(key, share.value, *share.interval, share.n)
    steps = [play for play in greedy if play.progress is not None and _due(play)]
    if steps:
        found["progress"] = _mean("progress", steps, lambda play: float(play.progress or 0.0), "share")
    found |= _agreement(greedy)
    found |= _trials(plays)
    found |= _confidence(greedy)
    if greedy:
        times = [play.latency_ms for play in greedy]
        for key, q in (("latency_p50", 0.5), ("latency_p95", 0.95)):
            spread = bootstrap(times, lambda values, q=q: quantile(values, q))  # type: ignore[misc]
            found[key] = Figure(key, quantile(times, q), *spread, len(times), "ms")
        counted = any(play.prompt_tokens for play in greedy)  # not every engine tells
        for key in ("prompt_tokens", "completion_tokens") if counted else ():
            found[key] = _mean(key, greedy, lambda play, key=key: float(getattr(play, key)), "tokens")  # type: ignore[misc]
    return found


def _mean(key: str, plays: Sequence[Play], value: Callable[[Play], float], unit: Unit) -> Figure:
    values = [value(play) for play in plays]
    low, high = bootstrap_mean(values, [play.cluster for play in plays])
    return Figure(key, sum(values) / len(values), low, high, len(values), unit)


def groups(plays: Iterable[Play]) -> dict[str, list[Play]]:
    """The groups of paraphrases with two members or more."""
    found: dict[str, list[Play]] = {}
    for play in plays:
        if play.group:
            found.setdefault(play.group, []).append(play)
    return {name: members for name, members in found.items() if len(members) > 1}


def _agreement(greedy: Sequence[Play]) -> dict[str, Figure]:
    """Groups whose members all came to the same calls, and groups whose members were all right."""
    found = groups(greedy).values()
    if not found:
        return {}
    agree = Rate(sum(len({play.got for play in members}) == 1 for members in found), len(found))
    right = Rate(sum(all(play.passed for play in members) for members in found), len(found))
    return {
        key: Figure(key, share.value, *share.interval, share.n)
        for key, share in (("agree", agree), ("agree_right", right))
    }


def _trials(plays: Sequence[Play]) -> dict[str, Figure]:
    """pass^k over the sampled trials; the interval resamples the items."""
    tried: dict[str, list[Play]] = {}
    for play in plays:
        if play.trial:
            tried.setdefault(play.item, []).append(play)
    found = {}
    for k in KS:
        enough = [trials for trials in tried.values() if len(trials) >= k]
        if enough:
            values = [pass_hat(sum(p.passed for p in trials), len(trials), k) for trials in enough]
            low, high = bootstrap_mean(values, [trials[0].cluster for trials in enough])
            found[f"pass^{k}"] = Figure(f"pass^{k}", sum(values) / len(values), low, high, len(values))
    return found


def answers(greedy: Iterable[Play]) -> list[tuple[float, bool]]:
    """(log-probability, passed) of the plays that made a call, where the engine gives it. Words alone are
    right or not by being no call, and their probability is that of one wording among many."""
    return [(play.logprob, play.passed) for play in greedy if play.logprob is not None and play.origins]


def _confidence(greedy: Sequence[Play]) -> dict[str, Figure]:
    known = answers(greedy)
    if not known:
        return {}
    made = calibrate(known)
    error = bootstrap(known, lambda sample: calibrate(sample).error)
    area = bootstrap(known, lambda sample: calibrate(sample).area)
    return {
        "calibration": Figure("calibration", made.error, *error, made.n, "score"),
        "area": Figure("area", made.area, *area, made.n, "score"),
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies on the items that both played. `adjusted` are the p-values after Holm's correction over
    all comparisons of the report."""

    first: str
    second: str
    key: str
    found: Paired
    adjusted: float = math.nan


COMPARED = ("passed", "executed", "verb", "operands", "complete", "quiet", "progress", "latency")


def comparisons(plays: Mapping[str, Sequence[Play]]) -> list[Comparison]:
    """The first policy with each of the others, on each metric of `COMPARED`. Not every two of them: each
    question more makes the correction for all of them stricter."""
    names = list(plays)
    made = [
        Comparison(names[0], second, key, found)
        for second in names[1:]
        for key in COMPARED
        if (found := _compare(plays[names[0]], plays[second], key)) is not None
    ]
    adjusted = holm({str(at): one.found.p for at, one in enumerate(made)})
    return [
        Comparison(one.first, one.second, one.key, one.found, adjusted[str(at)])
        for at, one in enumerate(made)
    ]


def _compare(first: Sequence[Play], second: Sequence[Play], key: str) -> Paired | None:
    there = {play.item: play for play in second if play.trial == 0}
    both = [(play, there[play.item]) for play in first if play.trial == 0 and play.item in there]
    if key in SHARES:
        flag = SHARES[key][1]
        flags = [(flag(a), flag(b), a.cluster) for a, b in both]
        kept = [(a, b, where) for a, b, where in flags if a is not None and b is not None]
        if not kept:
            return None
        return compare_shares([a for a, _, _ in kept], [b for _, b, _ in kept], [w for _, _, w in kept])
    if key == "progress":
        both = [(a, b) for a, b in both if a.progress is not None and b.progress is not None and _due(a)]
    if not both:
        return None
    value = _latency if key == "latency" else _progress
    return compare_means(
        [value(a) for a, _ in both], [value(b) for _, b in both], [a.cluster for a, _ in both]
    )


def _latency(play: Play) -> float:
    return play.latency_ms


def _progress(play: Play) -> float:
    return float(play.progress or 0.0)
