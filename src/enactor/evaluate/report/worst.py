"""The worst cases of each policy: wrong and sure of it, or furthest from what was asked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from enactor.evaluate.plays import Play
from enactor.evaluate.report.markup import Markup, joined, tag

WORST = 25
_LONG = 6000  # characters of a prompt that are shown; the run's folder has all of it


def worst_section(plays: Mapping[str, Sequence[Play]]) -> Markup:
    """At most `WORST` failures of each policy, folded."""
    parts = []
    for name, part in plays.items():
        failed = [play for play in part if play.trial == 0 and not play.passed]
        shown = sorted(failed, key=_badness)[:WORST]
        told = f"{len(failed)} did not pass" + (f", {len(shown)} shown" if len(shown) < len(failed) else "")
        parts += [tag("h3", name), tag("p", told, class_="soft small"), *map(_case, shown)]
    return tag("section", tag("h2", "Worst cases"), *parts)


def _badness(play: Play) -> tuple[Any, ...]:
    """Sure and wrong first; without probabilities what got least done."""
    sure = play.logprob if play.logprob is not None else float("-inf")
    return (-sure, play.progress if play.progress is not None else 0.0, play.item)


def _case(play: Play) -> Markup:
    sure = f" · log p {play.logprob:.2f}" if play.logprob is not None else ""
    top = tag(
        "summary",
        tag("b", play.message[:160]),
        tag("span", f" {play.item} · {play.family} · {play.outcome}{sure}", class_="soft small"),
    )
    expected = play.expected or ("no call",)
    facts = [
        ("right", _lines(expected)),
        ("got", _lines(play.got or ("no call",))),
        ("reply", tag("span", play.reply)),
        ("state", tag("span", json.dumps(play.state, ensure_ascii=False), class_="call")),
    ]
    if play.task == "scenario":
        facts[0] = ("goals", _lines(play.expected))
        facts += [("do not hold", _lines(play.open)), ("forbidden, held", _lines(play.broken))]
    listed = [joined(tag("dt", name), tag("dd", value)) for name, value in facts if value]
    return tag("details", top, tag("dl", *listed), _trace(play), *map(_asked, play.asked))


def _lines(calls: Sequence[str]) -> Markup:
    return joined(*(tag("div", call, class_="call") for call in calls))


def _trace(play: Play) -> Markup:
    """The calls with what the simulator said."""
    rows = []
    for step in play.steps:
        said = json.dumps(step["said"], ensure_ascii=False, default=str)
        rows.append(
            tag(
                "tr",
                tag("td", step["call"], class_="call"),
                tag("td", f"{step['status']}, {step['origin']}"),
                tag("td", said if len(said) < 700 else f"{said[:700]} …", class_="call"),
            )
        )
    if not rows:
        return tag("p", "No call was made.", class_="soft small")
    top = tag("tr", *(tag("th", name) for name in ("call", "answer", "the simulator's words")))
    return tag("div", tag("table", tag("thead", top), tag("tbody", *rows)), class_="scroll")


def _asked(one: Mapping[str, Any]) -> Markup:
    prompt = str(one["prompt"])
    cut = len(prompt) - _LONG
    if cut > 0:
        half = _LONG // 2
        prompt = f"{prompt[:half]}\n… {cut:,} characters …\n{prompt[-half:]}"
    kind = "under the grammar" if one["grammar"] else "free"
    about = f"{kind}, {one['prompt_tokens']} + {one['completion_tokens']} tokens, {one['ms']:.0f} ms"
    return joined(
        tag("p", f"Prompt ({about})", class_="soft small"),
        tag("pre", prompt),
        tag("p", "Answer", class_="soft small"),
        tag("pre", one["text"] or "(nothing)"),
    )
