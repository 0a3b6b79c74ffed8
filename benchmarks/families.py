"""Command families that were not in the training rows: does a small adapter read the offered cards?

    python benchmarks/families.py --group fishing
    python benchmarks/families.py                  # all four groups, then the table
    python benchmarks/families.py --smoke          # a few rows and steps, to see that it runs
    python benchmarks/families.py --retrieval      # how well the cards are offered; trains nothing

Two small adapters on the embedded base: `combat` is taught combat alone and tested on fishing; `others` is
taught whatever belongs to none of the four groups, and tested on the three others. Some 800 rows each without
the groups' commands (no phrasing of theirs, none in an earlier turn, no card of theirs among those offered).
The requests are of the group alone, each with twelve offered commands, the group's among their nearest
neighbours.

Cards are offered by what the commands' declarations say (`described.py`), for families seen and unseen alike;
what its measures count for is fitted to phrasings of the taught families. Where the first card is a command
that the adapter was taught, the adapter decides; else the answer begins with it. Beside both stands what the
adapter does alone, and what the retrieval scores when its first card is taken blindly. What is finished is
not run again; what was stopped goes on. Needs some 20 minutes of one core for each adapter.
"""

import argparse
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Unpack

from described import CARDS, Described

import enactor.agent.clauses as clauses_module
import enactor.agent.controller as controller_module
from enactor.curate import Funnel, make_row, read_rows
from enactor.curate.build import draw
from enactor.curate.rename import renaming
from enactor.curate.rows import Row, write_rows
from enactor.evaluate import Policy, Rate, cases_of, evaluate
from enactor.models import LlamaEngine
from enactor.models.engine import Completion, Engine, Options
from enactor.models.load import model_file
from enactor.prompt import SYSTEM
from enactor.trace import canonical_json
from enactor.train import Recipe, train
from enactor.world import COMMANDS, TOOLS, turn_gbnf
from enactor.world.cards import REPLY
from enactor.world.phrasebook import Template, templates

REQUESTS = 2500  # drawn from the taught families to fit the retrieval's measures; not all have one right call
RENAMED = 0.3  # of the training rows bear made-up names for their commands, so that cards have to be read
ACTING = frozenset({"simple", "loop", "multi"})
# A request's line of offered commands, after that of the state.
_OFFERED = re.compile(
    r"\[[^\n]*\]\n\[(?P<first>\w+)[^\n]*\| reply\]\n(?P<message>.*?)<\|im_end\|>", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Group:
    """Command families that are tested, and the adapter that never saw them."""

    families: frozenset[str]
    adapter: str


GROUPS = {
    "fishing": Group(frozenset({"fishing"}), "combat"),
    "skilling": Group(frozenset({"mining", "woodcutting", "smithing", "cooking", "firemaking"}), "others"),
    "trade": Group(frozenset({"exchange", "shop"}), "others"),
    "magic": Group(frozenset({"magic", "camera"}), "others"),
}
FAMILIES = frozenset(spec.family for spec in COMMANDS.values())
TAUGHT = {
    "combat": frozenset({"combat"}),
    "others": FAMILIES.difference(*(group.families for group in GROUPS.values())),
}


class FirstCard:
    """An engine that begins its answer with the first card offered where its adapter was never taught that
    command: what it makes of a name it does not know says nothing, and the retrieval has at least read its
    declaration. How likely an answer is, is what the retrieval finds: by it lists of tasks are cut."""

    def __init__(self, engine: Engine, index: Described, taught: frozenset[str]) -> None:
        self.engine, self.index, self.taught = engine, index, taught
        self.name = engine.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """As the engine's own where there is a grammar already, or nothing was offered."""
        found = _OFFERED.match(prompt.rpartition("<|im_start|>user\n")[2])
        if found is None or options.get("grammar") is not None:
            return self.engine.complete(prompt, **options)
        if found["first"] not in self.taught:
            options["grammar"] = turn_gbnf(first=found["first"])
        share = self.index.by_name(found["message"]).get(found["first"], 1e-6)
        return replace(self.engine.complete(prompt, **options), logprob=math.log(share), tokens=())

    def cancel(self) -> None:
        """As the engine's own."""
        self.engine.cancel()

    def close(self) -> None:
        """As the engine's own."""
        self.engine.close()


def called(template: Template) -> set[str]:
    """The verbs and tools of a phrasing, those of earlier turns included."""
    turns = [template.group.do, *(turn.do for turn in template.group.before)]
    return {line.removeprefix("@").split()[0] for lines in turns for line in lines}


def named(row: Row) -> set[str]:
    """The verbs that stand anywhere in the row's calls and results, those of earlier turns included."""
    texts = [canonical_json(dict(action.args)) for action in (*row.say, *row.expect)]
    for message in (*row.history, *row.failed):
        texts += [
            message.content if message.role == "tool" else "",
            *(c.arguments for c in message.tool_calls),
        ]
    return set(COMMANDS) & set(re.findall(r"[A-Z_]{3,}", " ".join(texts)))


def verbs_of(families: Iterable[str]) -> set[str]:
    wanted = set(families)
    return {verb for verb, spec in COMMANDS.items() if spec.family in wanted}


def training_rows(taught: frozenset[str], count: int, seed: int) -> list[Row]:
    """Rows of the training split that know nothing but the families taught, with cards of those alone."""
    unseen = set(COMMANDS) - verbs_of(taught)
    found = [t for t in templates() if not t.held_out and not called(t) & unseen]
    rng = random.Random(f"families {seed}")
    # More than are wanted: a deferred command, or a way round a failure, can be one of the group's.
    rows = [row for row in draw(found, count + count // 3, rng, Funnel()) if not named(row) & unseen][:count]
    index = index_of(taught, seed, (set(COMMANDS) | set(TOOLS)) - unseen)
    offered = [replace(row, offered=_with_right(index.offer(row.message), row, rng)) for row in rows]
    return list(renaming(offered, RENAMED, rng))


def _with_right(offered: tuple[str, ...], row: Row, rng: random.Random) -> tuple[str, ...]:
    """The right ones are among those offered in training; where retrieval missed one it takes another's
    place."""
    cards = list(offered)
    for name in right(row):
        if name not in cards:
            cards[rng.randrange(len(cards) - 1)] = name
    return tuple(cards)


def right(row: Row) -> list[str]:
    """The verbs and tools of the answer, each once, in order."""
    names = (a.args["command"].split()[0] if a.tool == "send_command" else a.tool for a in row.say)
    return list(dict.fromkeys(map(str, names)))


@cache
def fitted(taught: frozenset[str], seed: int) -> Described:
    """The retrieval over the taught commands, its measures fitted to their phrasings."""
    unseen = set(COMMANDS) - verbs_of(taught)
    found = [t for t in templates() if not t.held_out and not called(t) & unseen]
    drawn = draw(found, REQUESTS, random.Random(f"families {seed}"), Funnel())
    index = Described((set(COMMANDS) | set(TOOLS)) - unseen)
    single = [(row.message, right(row)) for row in drawn if not named(row) & unseen]
    index.fit([(message, names[0]) for message, names in single if len(names) == 1])
    return index


def index_of(taught: frozenset[str], seed: int, names: Iterable[str]) -> Described:
    """The retrieval over `names`, weighted as the one fitted to the taught families."""
    return Described(names).weighted_as(fitted(taught, seed))


def test_rows(group: Group, count: int, seed: int) -> list[Row]:
    """Requests that the group's commands alone answer, from all of its phrasings: none is in training."""
    verbs = verbs_of(group.families)
    found = [t for t in templates() if t.group.kind in ACTING and called(t) and called(t) <= verbs]
    rng = random.Random(f"families test {seed}")
    index = index_of(TAUGHT[group.adapter], seed, {*COMMANDS, *TOOLS})
    rows: list[Row] = []
    while len(rows) < count:
        row = make_row(rng.choice(found), rng, Funnel())
        if row is not None and row.expect:
            rows.append(replace(row, offered=index.offer(row.message)))
    return rows


def adapter_of(name: str, options: argparse.Namespace) -> Path:
    """The adapter of that name, trained if it is not there."""
    out = options.out / name
    rows = out / "train.jsonl"
    if not rows.is_file():
        write_rows(rows, training_rows(TAUGHT[name], options.rows, options.seed))
    recipe = Recipe(
        name=f"taught-{name}",
        rank=16,
        alpha=32,
        batch=8,
        micro_batch=4,
        learning_rate=1.5e-3,
        epochs=1,
        max_minutes=options.minutes,
        max_length=640,
        earlier_turns=True,
        seed=options.seed,
    )
    return train(recipe, rows, out / "adapter").folder


def run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate one group; what is there already is kept."""
    out = options.out / name
    report = out / "report.json"
    if report.is_file():
        print(f"{name}: {report} stands")
        return json.loads(report.read_text("utf-8"))
    group = GROUPS[name]
    test_path = out / "test.jsonl"
    if not test_path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_rows(test_path, test_rows(group, options.cases, options.seed))
    adapter = adapter_of(group.adapter, options)
    rows = list(read_rows(test_path))
    taught = frozenset(verbs_of(TAUGHT[group.adapter]) | set(TOOLS) | {REPLY})
    index = index_of(TAUGHT[group.adapter], options.seed, {*COMMANDS, *TOOLS})
    # The controller offers by the fitted model of all phrasings, the group's among them; here it must not.
    shipped, controller_module.offers = controller_module.offers, lambda: index
    clauses_module.offers, cut = controller_module.offers, clauses_module.offers
    try:
        # Without log-probabilities nothing is weighed.
        with LlamaEngine(model_file(str(adapter)), context=2048, logprobs=False) as engine:
            found = evaluate(Policy(name, FirstCard(engine, index, taught), SYSTEM), cases_of(rows), slots=1)
            alone = evaluate(Policy(name, engine, SYSTEM), cases_of(rows), slots=1)
    finally:
        controller_module.offers, clauses_module.offers = shipped, cut
    single = [row for row in rows if len(right(row)) == 1]
    blind = sum(row.offered[0] == right(row)[0] for row in single)
    offered = [set(right(row)) <= set(row.offered) for row in rows]
    given = [s for s, shown in zip(found.scores, offered, strict=True) if shown]
    made = {
        "group": name,
        "families": sorted(group.families),
        "adapter": group.adapter,
        "metrics": dict(found.rows()),
        "verb, adapter alone": dict(alone.rows())["correct verb"],
        "offered": str(Rate(sum(offered), len(rows))),
        "verb where offered": str(Rate(sum(bool(s.verb) for s in given), len(given))),
        "first card": str(Rate(blind, len(single))),
        "n": len(rows),
        "rows": options.rows,
        "training": _trained(adapter),
        "scores": [asdict(score) for score in found.scores],
    }
    report.write_text(json.dumps(made, indent=1, ensure_ascii=False, default=str) + "\n", "utf-8")
    return made


def _trained(adapter: Path) -> dict[str, Any]:
    note = json.loads((adapter / "provenance.json").read_text("utf-8"))
    return {key: note[key] for key in ("steps", "tokens", "seconds")}


def table(reports: Sequence[dict[str, Any]]) -> str:
    """Metrics down, groups across, in Markdown."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for report in reports:
        for metric, value in report["metrics"].items():
            lines[metric].append(value)
        for metric in ("verb, adapter alone", "offered", "verb where offered", "first card"):
            lines[metric].append(report[metric])
        lines["steps, tokens trained"].append(
            f"{report['training']['steps']}, {report['training']['tokens']:,}"
        )
    head = "| | " + " | ".join(f"{r['group']} (n = {r['n']})" for r in reports) + " |"
    rule = "|---" * (len(reports) + 1) + "|"
    return "\n".join([head, rule, *(f"| {name} | " + " | ".join(v) + " |" for name, v in lines.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--group", choices=GROUPS, action="append", help="may be repeated; all of them else")
    parser.add_argument("--minutes", type=float, default=25, help="training time of an adapter")
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/families"))
    parser.add_argument("--smoke", action="store_true", help="a few rows and steps of one group")
    parser.add_argument("--retrieval", action="store_true", help="only how well the cards are offered")
    options = parser.parse_args()
    names = options.group or list(GROUPS)
    if options.smoke:
        options.rows, options.cases, options.minutes = 40, 4, 0.3
        options.out, names = options.out / "smoke", names[:1]
    if options.retrieval:
        for name in names:
            rows = test_rows(GROUPS[name], options.cases, options.seed)
            single = [row for row in rows if len(right(row)) == 1]
            blind = Rate(sum(row.offered[0] == right(row)[0] for row in single), len(single))
            shown = Rate(sum(set(right(row)) <= set(row.offered) for row in rows), len(rows))
            print(f"{name}: first card {blind}, right ones among {CARDS} {shown}")
        return
    reports = [run(name, options) for name in names]
    print(table(reports))


if __name__ == "__main__":
    main()
