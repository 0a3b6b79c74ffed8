"""Rows in which commands bear made-up names that only the offered cards define.

Masked names teach a model to read what is offered rather than to recall it [Lin et al. 2024, Hammer]. Such
rows are for training alone: nothing can carry out their calls, so they have no `expect`, no case is made of
them, and the exports of lowered commands leave them out.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources

import yaml

from enactor.curate.rows import Action, Row
from enactor.world import COMMANDS
from enactor.world.cards import card

SHARE = 0.03  # of the training rows
_TRIES = 8


def renaming(rows: Iterable[Row], share: float, rng: random.Random) -> Iterator[Row]:
    """The rows in the same order, that share of them renamed where they can be."""
    for row in rows:
        yield (renamed(row, rng) if rng.random() < share else None) or row


def renamed(row: Row, rng: random.Random) -> Row | None:
    """The row with other names for its commands: those that are called, and all or some of the others that
    are offered, so that a strange name is no hint. `meta.renamed` maps the verbs to them.

    None where a called command is not offered, stands in an earlier turn, or has no other words.
    """
    called = [str(a.args["command"]).partition(" ")[0] for a in row.say if a.tool == "send_command"]
    seen = {_verb(call.parsed) for message in row.history for call in message.tool_calls}
    offered = [verb for verb in row.offered if verb in COMMANDS]
    if row.failed or not offered or not set(called) <= set(offered) or seen & set(called):
        return None
    share = rng.choice((0.5, 1.0))
    names: dict[str, str] = {}
    for verb in offered:
        if verb in called or (verb not in seen and rng.random() < share):
            name = _made_up(verb, names.values(), rng)
            if name is not None:
                names[verb] = name
            elif verb in called:
                return None
    if not names:
        return None
    return replace(
        row,
        say=tuple(_called(action, names) for action in row.say),
        expect=(),
        offered=tuple(_card(verb, names[verb]) if verb in names else verb for verb in row.offered),
        meta={**row.meta, "renamed": names},
    )


def _made_up(verb: str, taken: Iterable[str], rng: random.Random) -> str | None:
    """A name for the verb of other words; none that is declared or taken."""
    parts = verb.split("_")
    if not any(part in _words() for part in parts):
        return None
    for _ in range(_TRIES):
        name = "_".join(rng.choice(_words().get(part, (part,))) for part in parts)
        if name not in COMMANDS and name not in taken:
            return name
    return None


def _called(action: Action, names: Mapping[str, str]) -> Action:
    if action.tool != "send_command":
        return action
    verb, space, rest = str(action.args["command"]).partition(" ")
    return Action(action.tool, {**action.args, "command": f"{names[verb]}{space}{rest}"})


def _card(verb: str, name: str) -> str:
    """The verb's card under the other name. The prompt shows what is no verb or tool as it stands."""
    return name + card(verb).removeprefix(verb)


def _verb(args: Mapping[str, object] | None) -> str:
    return str((args or {}).get("command", "")).partition(" ")[0]


@cache
def _words() -> Mapping[str, Sequence[str]]:
    text = resources.files("enactor.curate").joinpath("data/verb_words.yaml").read_text(encoding="utf-8")
    data: Mapping[str, Sequence[str]] = yaml.safe_load(text)
    return data
