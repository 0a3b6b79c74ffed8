"""Wrong answers by rule: what a model does wrong with a request whose right answer is known."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import cycle

import yaml

from enactor.curate.mix import by_kind, draws
from enactor.curate.pairs import Answer, Pair, Reason, compare, judge_text
from enactor.curate.rows import Action, Row
from enactor.curate.synthesize import Funnel
from enactor.world import COMMANDS, CommandError, GameState, lower, parse
from enactor.world.phrasebook import templates

Others = Callable[[Row, str, random.Random], list[str]]


def template_pairs(rows: Iterable[Row], wanted: Mapping[Reason, int], rng: random.Random) -> Iterator[Pair]:
    """Pairs made by rule from right rows, until each reason has its count or the rows end. A row gives at
    most one pair; reasons that lack most come first."""
    missing = Counter(dict(wanted))
    for row in rows:
        if all(n <= 0 for n in missing.values()):
            return
        for reason, n in missing.most_common():
            if n <= 0:
                break
            rejected = _WRONG[reason](row, rng)
            if rejected is not None:
                missing[reason] -= 1
                yield Pair(row, rejected, reason, "template")
                break


def training_rows(rng: random.Random) -> Iterator[Row]:
    """Rows in phrasings of the training split, without end: every kind in turn, so that each reason finds
    requests that it fits."""
    kinds = by_kind(t for t in templates() if not t.held_out)
    sources = [draws(found, rng, Funnel()) for _, found in sorted(kinds.items())]
    for source in cycle(sources):
        row = next(source)
        if row is not None:
            yield row


def _described(row: Row, rng: random.Random) -> Answer | None:
    return _fake(row, rng, "described")


def _claimed(row: Row, rng: random.Random) -> Answer | None:
    return _fake(row, rng, "claimed")


def _fake(row: Row, rng: random.Random, outcome: str) -> Answer | None:
    """One of the declared texts, if the ledger takes it for what it is to be."""
    commands = [str(a.args["command"]) for a in row.say if a.tool == "send_command"]
    if not commands:
        return None
    call = json.dumps({"name": "send_command", "arguments": {"command": commands[0]}}, ensure_ascii=False)
    text = rng.choice(_texts()[outcome]).format(
        call=call, command=commands[0], verb=commands[0].split()[0], said=row.message.strip(" .!?")
    )
    return Answer(text) if judge_text(row, text) == outcome else None


def _wrong_verb(row: Row, rng: random.Random) -> Answer | None:
    """Another verb of those that were offered, or of the same family, with operands that it takes."""
    return _changed(row, rng, "wrong verb", _other_verbs)


def _wrong_operand(row: Row, rng: random.Random) -> Answer | None:
    """The right verb with another name or number."""
    return _changed(row, rng, "wrong operand", _other_operands)


def _changed(row: Row, rng: random.Random, reason: Reason, others: Others) -> Answer | None:
    places = [i for i, a in enumerate(row.say) if a.tool == "send_command"]
    if not places:
        return None
    at = rng.choice(places)
    for line in others(row, str(row.say[at].args["command"]), rng):
        calls = (*row.say[:at], Action("send_command", {"command": line}), *row.say[at + 1 :])
        if _readable(line, row) and compare(row, calls) == reason:
            return Answer(calls=calls)
    return None


def _other_verbs(row: Row, line: str, rng: random.Random) -> list[str]:
    verb, _, rest = line.partition(" ")
    family = [v for v, spec in COMMANDS.items() if spec.family == COMMANDS[verb].family]
    verbs = [v for v in (*row.offered, *rng.sample(family, len(family))) if v in COMMANDS and v != verb]
    lines = []
    for other in verbs:
        name = rest.split(" ")[0]
        lines += [f"{other} {rest}".strip(), f"{other} {name}".strip(), other, *COMMANDS[other].examples[:1]]
    return lines


def _other_operands(row: Row, line: str, rng: random.Random) -> list[str]:
    verb, *operands = line.split(" ")
    form = next((f for f in COMMANDS[verb].forms if len(f) >= len(operands)), ())
    lines = []
    for index, operand in enumerate(form[: len(operands)]):
        for word in rng.sample(_SUBSTITUTES.get(operand.type, ()), len(_SUBSTITUTES.get(operand.type, ()))):
            lines.append(" ".join((verb, *operands[:index], word, *operands[index + 1 :])))
        if operand.optional:
            lines.append(" ".join((verb, *operands[:index])))
    rng.shuffle(lines)
    return lines


_SUBSTITUTES: Mapping[str, Sequence[str]] = {
    "npc": ("Cow", "Goblin", "Giant_frog", "Chicken", "Frog"),
    "count": ("1", "10", "100", "300"),
    "quantity": ("1", "10", "all"),
    "distance": ("1", "2", "20", "50"),
    "direction": ("north", "south", "east", "west"),
    "food": ("Tuna", "Shrimps"),
    "item": ("Feather", "Bones", "Coins"),
    "held": ("Tuna", "Bones", "Coins"),
    "banked": ("Tuna", "Feather", "Coins"),
    "edible": ("Tuna", "Bread"),
    "place": ("lumbridge", "varrock", "draynor_bank", "bank"),
    "style": ("attack", "strength", "defence"),
    "tree": ("Oak", "Willow", "Tree"),
    "ore": ("iron", "copper", "tin"),
    "fish": ("shrimp", "lobster", "trout"),
    "bar": ("bronze", "iron", "steel"),
    "enum": ("inventory", "combat", "skills", "north"),
}


def _unrequested(row: Row, rng: random.Random) -> Answer | None:
    """The right calls and one more: what usually goes with them, done unasked."""
    if not row.say:
        return None
    for line in rng.sample(_EXTRAS, len(_EXTRAS)):
        calls = (*row.say, Action("send_command", {"command": line}))
        if _readable(line, row) and compare(row, calls) == "unrequested action":
            return Answer(calls=calls)
    return None


_EXTRAS = (
    "BANK_OPEN",
    "KILL_LOOP Giant_frog none 300",
    "GOTO bank",
    "TAB_OPEN inventory",
    "BURY_ALL",
    "BANK_DEPOSIT_ALL",
    "STOP",
)


def _uncalled(row: Row, rng: random.Random) -> Answer | None:
    """A call on a message that needs none: what its words are near to, or a look at the state."""
    if row.say:
        return None
    lines = [line for verb in row.offered if verb in COMMANDS for line in COMMANDS[verb].examples[:1]]
    fitting = [line for line in lines if _readable(line, row)]
    if fitting and rng.random() < 0.8:
        return Answer(calls=(Action("send_command", {"command": rng.choice(fitting)}),))
    return Answer(calls=(Action("get_game_state", {"fields": ["location", "health", "inventory"]}),))


def _readable(line: str, row: Row) -> bool:
    """Whether a model that is wrong could still have sent it: it parses, and lowers in the state."""
    try:
        lower(parse(line), GameState.from_case(row.state))
    except CommandError:
        return False
    return True


_WRONG: Mapping[Reason, Callable[[Row, random.Random], Answer | None]] = {
    "described": _described,
    "claimed": _claimed,
    "wrong verb": _wrong_verb,
    "wrong operand": _wrong_operand,
    "unrequested action": _unrequested,
    "call where none was due": _uncalled,
}


WANTED: Mapping[Reason, int] = {
    "described": 130,
    "claimed": 130,
    "wrong verb": 90,
    "wrong operand": 90,
    "unrequested action": 70,
    "call where none was due": 90,
}
"""Pairs from templates, by reason."""


@cache
def _texts() -> Mapping[str, Sequence[str]]:
    text = resources.files("enactor.curate").joinpath("data/rejected.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Sequence[str]] = yaml.safe_load(text)
    return data
