"""Templates become rows: slots filled, noise added, a state around, the calls checked by the world."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from enactor.agent.deferred import commands_of
from enactor.agent.watching import understood
from enactor.curate.rows import Action, Row
from enactor.curate.slots import SINGULAR, Fill, Filler
from enactor.curate.states import draw_state
from enactor.curate.wording import Filling, speak
from enactor.prompt import step_messages, tool_call
from enactor.trace.values import Message, Step, ToolResult
from enactor.world import CommandError, GameState, lower, offers, parse, parse_count
from enactor.world.phrasebook import Group, Template, Turn, pieces

CLEAN_SHARE = 0.45
BARE_SHARE = 0.03  # rows without offered commands, so that their absence is not a surprise

_WRAPPABLE = frozenset({"simple", "loop", "multi"})


@dataclass(slots=True)
class Funnel:
    """How many rows were asked for and why some were not made: reason -> count, with examples."""

    made: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def refuse(self, reason: str, example: str) -> None:
        self.refused[reason] += 1
        kept = self.examples.setdefault(reason, [])
        if len(kept) < 3:
            kept.append(example)


def make_row(
    template: Template, rng: random.Random, funnel: Funnel, *, noisy: bool = True, offer: bool = True
) -> Row | None:
    """One row of a template, or None with the reason counted: the calls must parse, and lower in the row's
    state when the names are spelt right. `offer` puts the likeliest commands into it."""
    group = template.group
    state = draw_state(rng, group)
    filler = Filler(rng, state)
    fills: dict[tuple[str, str], Fill] = {}

    def fill(slot: str, index: str) -> tuple[Fill, bool]:
        single = SINGULAR.get(slot, slot)
        if (single, index) not in fills:
            verbs = " ".join(_lines_with(group, single, index) or group.do)
            fills[single, index] = filler.for_command(single, verbs)
            for (other, _), before in list(fills.items())[:-1]:
                if other == single and before.means == fills[single, index].means:
                    fills[single, index] = filler.for_command(single, verbs)
        return fills[single, index], slot in SINGULAR

    said: dict[tuple[str, str], str] = {}
    try:
        history = tuple(m for turn in group.before for m in _past(turn, rng, fill, said, state))
    except CommandError as error:
        funnel.refuse("not grammatical", f"{group.id}, before: {error.message}")
        return None
    clean = not noisy or rng.random() < CLEAN_SHARE
    message = speak(template.text, rng, fill, said, clean=clean, wrap=noisy and group.kind in _WRAPPABLE)
    if not message.strip():
        funnel.refuse("empty message", template.text)
        return None
    try:
        say = tuple(_action(line, fill, said, exact=False) for line in group.do)
        expect = tuple(_action(line, fill, said, exact=True) for line in group.do)
    except CommandError as error:
        funnel.refuse("not grammatical", f"{group.id}: {error.message}")
        return None
    problem = _unfit(expect, GameState.from_case(state))
    if problem and all(f.means for f in fills.values()):
        funnel.refuse("does not lower", f"{group.id}: {problem}")
        return None
    funnel.made += 1
    return Row(
        message=message,
        kind=group.kind,
        family=group.family,
        group=group.id,
        template=template.key,
        state=state,
        say=say,
        expect=expect if not problem else (),
        reply=rng.choice(group.reply) if group.reply else "",
        history=history,
        offered=_offered(message, template, rng) if offer else (),
        meta={"clean": clean},
    )


def _lines_with(group: Group, slot: str, index: str) -> list[str]:
    """The calls that a slot stands in."""
    return [line for line in group.do if f"{{{slot}{index}}}" in line]


def _offered(message: str, template: Template, rng: random.Random) -> tuple[str, ...]:
    return () if rng.random() < BARE_SHARE else offers().offer(message, without=template.key)


def _past(
    turn: Turn, rng: random.Random, fill: Filling, said: dict[tuple[str, str], str], state: Mapping[str, Any]
) -> Sequence[Message]:
    """An earlier turn as history: its words, its calls, short results."""
    words = speak(turn.user, rng, fill, said, clean=rng.random() < 0.7, wrap=False)
    if turn.said:
        return (
            Message("user", words),
            Message("assistant", speak(turn.said, rng, fill, {}, clean=True, wrap=False)),
        )
    steps = []
    for line in turn.do:
        action = _action(line, fill, said, exact=False)
        lowered = None
        if action.tool == "send_command":
            exact = str(_action(line, fill, said, exact=True).args["command"])
            try:
                lowered = lower(parse(exact), GameState.from_case(state)).render()
            except CommandError:
                lowered = str(action.args["command"])
        steps.append(Step(tool_call(action.tool, action.args), ToolResult("ok", {}, lowered)))
    return (Message("user", words), *step_messages(tuple(steps)))


def _action(line: str, fill: Filling, said: Mapping[tuple[str, str], str], *, exact: bool) -> Action:
    """A `do` line with its slots filled: with the words said, or (`exact`) with the canonical ones.

    Raises CommandError when the result is no valid command.
    """
    filled = ""
    for literal, slot in pieces(line, random.Random(0)):
        if slot is None:
            filled += literal
            continue
        key = (SINGULAR.get(slot[0], slot[0]), slot[1])
        value, _ = fill(*slot)
        word = value.means if exact and value.means else said.get(key, value.said)
        spaced = line.startswith("@") and not line.startswith("@defer ")
        filled += word if spaced else "_".join(word.split())
    if line.startswith("@"):
        action = tool_action(filled)
        if action.tool == "defer":
            commands_of(str(action.args.get("command", "")))
            if exact:
                understood(str(action.args.get("condition", "")))
        return action
    parse(filled)
    return Action("send_command", {"command": filled})


_NUMBER_WORDS = 3  # "three hundred", "a hundred fifty"


def tool_action(line: str) -> Action:
    """`@get_game_state location,health` and its like as an action."""
    name, _, rest = line.removeprefix("@").partition(" ")
    rest = rest.strip()
    if name == "defer":
        condition, _, command = rest.partition(" do ")
        return Action(name, {"condition": condition.strip(), "command": command.strip()})
    if name == "cancel_deferred":
        return Action(name, {"number": int(rest)} if rest.isdecimal() else {})
    key = _TOOL_OPERANDS.get(name)
    if not rest or key is None:
        return Action(name, {})
    if name == "run_routine":
        words = rest.split()
        for size in range(min(_NUMBER_WORDS, len(words) - 1), 0, -1):
            try:
                count = parse_count("_".join(words[-size:]))
            except CommandError:
                continue
            if isinstance(count, int):
                return Action(name, {key: " ".join(words[:-size]), "loops": count})
    if key == "fields":
        return Action(name, {"fields": [field.strip() for field in rest.split(",")]})
    return Action(name, {key: rest})


def _unfit(expect: Sequence[Action], state: GameState) -> str | None:
    """Why the calls could not be lowered in the state, if they could not."""
    for action in expect:
        if action.tool == "send_command":
            try:
                lower(parse(str(action.args["command"])), state)
            except CommandError as error:
                return error.message
    return None


_TOOL_OPERANDS = {
    "get_game_state": "fields",
    "lookup_location": "location",
    "query_nearby": "name_filter",
    "get_logs": "grep",
    "list_commands": "search",
    "list_quests": "quest_name",
    "run_routine": "routine_path",
}
