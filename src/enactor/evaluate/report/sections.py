"""The parts of the page but the worst cases: tables and charts over the plays of each policy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from enactor.evaluate.calibration import Calibration, calibrate
from enactor.evaluate.metrics import (
    KS,
    LESS_IS_BETTER,
    NAMES,
    Comparison,
    Figure,
    answers,
    comparisons,
)
from enactor.evaluate.plays import Play
from enactor.evaluate.report.charts import bars, histogram, lines, stacked
from enactor.evaluate.report.markup import Markup, joined, tag
from enactor.evaluate.stats import Rate, rate
from enactor.evaluate.tables import by_family, difference
from enactor.trace.values import OUTCOMES

Plays = Mapping[str, Sequence[Play]]
Figures = Mapping[str, Mapping[str, Figure]]
_VERBS = 16  # rows of a table of confusions


def header(head: Mapping[str, Any], plays: Plays) -> Markup:
    """What was run, on what, by whom."""
    source = head.get("source") or {}
    commit = str(source.get("commit", ""))[:12] + (", changed since" if source.get("dirty") else "")
    facts = (
        ("suite", f"{head['suite']}, version {head['version']}"),
        ("suite's hash", head["hash"]),
        ("size", f"{head['cases']} cases, {head['scenarios']} scenarios"),
        ("world", head["world"]),
        ("commit", commit),
        ("begun", head["started"]),
    )
    listed = [joined(tag("dt", name), tag("dd", value)) for name, value in facts if value]
    policies = []
    for index, (name, part) in enumerate(plays.items()):
        weights = str(head["policies"].get(name, {}).get("sha256", ""))[:12]
        standing = head["standings"].get(name, "uncertified")
        about = f"{len(part)} plays, {standing}" + (f", weights {weights}" if weights else "")
        policies.append(tag("li", _swatch(index), tag("b", name), tag("span", f" {about}", class_="soft")))
    return joined(
        tag("h1", f"{head['suite']}: {', '.join(plays)}"),
        tag("p", head.get("about", ""), class_="soft"),
        tag("section", tag("dl", *listed), tag("ul", *policies)),
    )


def headline_section(plays: Plays, found: Figures) -> Markup:
    """Every metric with its interval and n; the best value of a row in bold."""
    rows = []
    for key, label in NAMES.items():
        shown = [found[name].get(key) for name in plays]
        if not any(shown):
            continue
        most = max(f.n for f in shown if f is not None)  # a policy that played a sample is no rival
        known = [f.value for f in shown if f is not None and f.n == most]
        best = (min if key in LESS_IS_BETTER else max)(known) if len(known) > 1 else None
        rows.append(tag("tr", tag("th", label, scope="row"), *(_cell(f, best, most) for f in shown)))
    top = tag("tr", tag("th", ""), *(tag("th", name, scope="col") for name in plays))
    share = [
        (name, [_bar(index, found[name]["passed"])])
        for index, name in enumerate(plays)
        if "passed" in found[name]
    ]
    note = (
        "95% intervals: Wilson for shares, bootstrap for the rest (whole groups of paraphrases are drawn). "
        "Passed: the end state is right, by calls, and nothing was done that was not asked for."
    )
    return tag(
        "section",
        tag("h2", "Results"),
        bars(share),
        tag("div", tag("table", tag("thead", top), tag("tbody", *rows)), class_="scroll"),
        tag("p", note, class_="soft small"),
    )


def _cell(found: Figure | None, best: float | None, most: int) -> Markup:
    if found is None:
        return tag("td", "–", class_="soft")
    value, _, interval = str(found).partition(" [")
    low = f"[{interval} of {found.n}" if interval else f"of {found.n}"
    leads = found.n == most and found.value == best
    return tag("td", value, tag("span", low, class_="interval"), class_="best" if leads else None)


def comparison_section(plays: Plays) -> Markup:
    """Paired differences; nothing for one policy."""
    found = comparisons(plays)
    if not found:
        return Markup("")
    names = ("", "difference", "n", "only first / second", "p", "Holm", "")
    top = tag("tr", *(tag("th", name) for name in names))
    parts = []
    for pair in dict.fromkeys((one.first, one.second) for one in found):
        rows = [_compared(one) for one in found if (one.first, one.second) == pair]
        table = tag("table", tag("thead", top), tag("tbody", *rows))
        parts += [tag("h3", f"{pair[1]} − {pair[0]}"), tag("div", table, class_="scroll")]
    note = (
        "The same cases, paired; a difference above 0 is in favour of the second, but for latency. p is that "
        "of McNemar's exact test for shares, of the paired bootstrap for means; then Holm's over all rows."
    )
    return tag("section", tag("h2", "Comparison"), *parts, tag("p", note, class_="soft small"))


def _compared(one: Comparison) -> Markup:
    paired = one.found
    alone = f"{paired.only_first} / {paired.only_second}" if paired.only_first is not None else ""
    better = (paired.difference > 0) != (one.key == "latency")
    verdict = f"{one.second if better else one.first} is better" if one.adjusted < 0.05 else "not told apart"
    cells = (difference(one), paired.n, alone, f"{paired.p:.2g}", f"{one.adjusted:.2g}", verdict)
    name = tag("th", NAMES.get(one.key, one.key), scope="row")
    return tag("tr", name, *(tag("td", cell, class_="fixed") for cell in cells))


def families_section(plays: Plays) -> Markup:
    """Passed by family, and by kind of request."""
    families = sorted({play.family for part in plays.values() for play in part})
    shares = [by_family(part) for part in plays.values()]
    rows = [
        (family, [_share(index, found[family]) for index, found in enumerate(shares) if family in found])
        for family in families
    ]
    kinds = sorted({_of_kind(play) for part in plays.values() for play in part})
    of_kind = [
        (
            kind,
            [
                _share(index, rate(p.passed for p in part if _of_kind(p) == kind and p.trial == 0))
                for index, part in enumerate(plays.values())
            ],
        )
        for kind in kinds
    ]
    return tag(
        "section",
        tag("h2", "Passed, by family"),
        _legend(plays),
        bars(rows),
        tag("h3", "By kind"),
        bars(of_kind),
    )


def _of_kind(play: Play) -> str:
    return play.kind if play.task == "case" else f"scenario, {play.kind}"


def outcomes_section(plays: Plays) -> Markup:
    """What the ledger says of each turn, before repair and after."""
    legend = [
        tag("span", tag("i", class_=f"s{place % 8}"), outcome, class_="key")
        for place, outcome in enumerate(OUTCOMES)
    ]
    parts = []
    for name, part in plays.items():
        greedy = [play for play in part if play.trial == 0]
        counts = Counter(origin for play in greedy for origin in play.origins)
        told = ", ".join(f"{origin} {n}" for origin, n in sorted(counts.items())) or "none"
        rows = [
            ("the model's turn", Counter(play.model_outcome for play in greedy)),
            ("in all", Counter(play.outcome for play in greedy)),
        ]
        parts += [tag("h3", name), stacked(rows, OUTCOMES), tag("p", f"Calls: {told}", class_="soft small")]
    return tag("section", tag("h2", "Outcomes"), tag("p", *legend), *parts)


def reliability_section(plays: Plays, found: Figures) -> Markup:
    """pass^k over k; nothing without sampled trials."""
    series = []
    for index, name in enumerate(plays):
        one = found[name]
        points = [(float(k), one[f"pass^{k}"].value) for k in KS if f"pass^{k}" in one]
        if len(points) > 1:
            series.append((f"s{index % 8}", points))
    if not series:
        return Markup("")
    chart = lines(series, x_name="k trials", y_name="all k pass", low=0.0, high=1.0, share=True)
    return tag("section", tag("h2", "pass^k at temperature 0.7"), _legend(plays), chart)


def confusion_section(plays: Plays) -> Markup:
    """Which verb was called where another was due: the first that differs of each case."""
    parts = []
    for name, part in plays.items():
        pairs = Counter(filter(None, map(_confused, part)))
        if pairs:
            parts += [tag("h3", name), _heat(pairs)]
    if not parts:
        return Markup("")
    note = "Rows: the verb that was due. Columns: the one that was called. Only mistakes, the most frequent."
    return tag("section", tag("h2", "Verbs mistaken"), tag("p", note, class_="soft small"), *parts)


def _confused(play: Play) -> tuple[str, str] | None:
    if play.trial or play.task != "case":
        return None
    due, got = _verbs(play.expected), _verbs(play.got)
    if due == got:
        return None
    size = max(len(due), len(got))
    due += ["no call"] * (size - len(due))
    got += ["no call"] * (size - len(got))
    return next((a, b) for a, b in zip(due, got, strict=True) if a != b)


def _verbs(calls: Sequence[str]) -> list[str]:
    return [call.split()[0] if call.split() else "?" for call in calls]


def _heat(pairs: Counter[tuple[str, str]]) -> Markup:
    due: Counter[str] = Counter()
    got: Counter[str] = Counter()
    for (a, b), n in pairs.items():
        due[a] += n
        got[b] += n
    rows = [verb for verb, _ in due.most_common(_VERBS)]
    columns = [verb for verb, _ in got.most_common(_VERBS)]
    most = max(pairs.values())
    lines_ = []
    for a in rows:
        cells = []
        for b in columns:
            n = pairs.get((a, b), 0)
            shade = f"background: color-mix(in srgb, var(--s4) {round(70 * n / most)}%, transparent)"
            cells.append(tag("td", n or "", class_="heat", style=shade if n else None))
        lines_.append(tag("tr", tag("th", a, scope="row"), *cells))
    top = tag("tr", tag("th", ""), *(tag("th", b) for b in columns))
    table = tag("table", tag("thead", top), tag("tbody", *lines_), class_="confusion")
    return tag("div", table, class_="scroll")


def calibration_section(plays: Plays) -> Markup:
    """Risk over coverage, and the share that was right over the model's own probability."""
    risk, bins, keys = [], [], []
    for index, (name, part) in enumerate(plays.items()):
        known = answers(play for play in part if play.trial == 0)
        if len(known) > 1:
            made = calibrate(known)
            keys.append(tag("span", _swatch(index), f"{name}: {_area(made)}", class_="key"))
            risk.append((f"s{index % 8}", made.curve))
            bins.append((f"s{index % 8}", [(b.confidence, b.right) for b in made.bins]))
    if not risk:
        return Markup("")
    diagonal = ("s7", [(0.0, 0.0), (1.0, 1.0)])
    ordered = [(colour, sorted(points)) for colour, points in bins]
    note = (
        "Confidence is the probability of the whole first turn, where that made a call. If only the surest "
        "share is answered, how much of it is wrong. The area under that curve is the share of wrong answers "
        "where the probability says nothing; the best is what an order without a mistake would give."
    )
    return tag(
        "section",
        tag("h2", "Risk and coverage"),
        tag("p", note, class_="soft small"),
        tag("p", *keys),
        lines(risk, x_name="coverage", y_name="wrong", low=0.0, whole=True, share=True),
        tag("h3", "Probability against being right"),
        lines(
            [diagonal, *ordered],
            x_name="the model's probability",
            y_name="right",
            low=0.0,
            high=1.0,
            whole=True,
            share=True,
        ),
    )


def _area(made: Calibration) -> str:
    return f"area {made.area:.3f}, by chance {made.chance:.3f}, at best {made.best:.3f}"


def latency_section(plays: Plays) -> Markup:
    """How long requests took, whole."""
    series = [
        (f"s{index % 8}", [play.latency_ms for play in part if play.trial == 0])
        for index, part in enumerate(plays.values())
    ]
    return tag(
        "section",
        tag("h2", "Latency"),
        tag("p", "Milliseconds from the request to the reply, calls included; a logarithmic axis."),
        _legend(plays),
        histogram(series, x_name="ms"),
    )


def _legend(plays: Plays) -> Markup:
    return tag("p", *(tag("span", _swatch(i), name, class_="key") for i, name in enumerate(plays)))


def _swatch(index: int) -> Markup:
    return tag("i", class_=f"s{index % 8}")


def _bar(index: int, found: Figure) -> tuple[str, float, float, float, int]:
    return f"s{index % 8}", found.value, found.low, found.high, found.n


def _share(index: int, found: Rate) -> tuple[str, float, float, float, int]:
    return f"s{index % 8}", found.value, *found.interval, found.n
