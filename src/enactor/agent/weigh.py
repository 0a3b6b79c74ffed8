"""Two readers of a message weighed against each other: the language model and the offers.

The model sees the state and the turns before, and is unsure of words that it has not met. The offers know the
phrasebook's words and nothing else. Their mistakes differ, so what begins the answer (a verb, a tool, or
words alone) is the one that both together find likeliest: log p_model + `WEIGHT` · log p_offers, where from
`PLAUSIBLE` on the offers have nothing against it. The model's own beginning stands unless an offered command
can win, which its log-probabilities mostly exclude without another decode; the rest of the answer is always
the model's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from enactor.models.engine import Completion, Engine
from enactor.prompt import ParsedTurn
from enactor.trace.values import ToolCall
from enactor.world import turn_gbnf, words_gbnf
from enactor.world.cards import REPLY

WEIGHT = 0.7
PLAUSIBLE = 0.25
MARGIN = 0.3
"""By how much a rival must be likelier: greedy decoding misses the likelier text now and then by a hair."""
RIVALS = 3
"""Offered commands that are looked at beside the model's own."""
_LEAST = 1e-6

Read = Callable[[Completion], ParsedTurn]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The completion that won, whether it was decoded under a grammar, and all that were decoded after the
    first."""

    chosen: Completion
    forced: bool
    decoded: tuple[Completion, ...]


def weigh(engine: Engine, prompt: str, first: Completion, read: Read, shares: Mapping[str, float]) -> Weighed:
    """The answer to `prompt` that model and offers together find likeliest. `first` is the model's own, with
    its tokens' log-probabilities; without them it stands, and so does one of several calls. `shares` are the
    offers' likelihoods by name."""
    turn = read(first)
    own = head_of(turn)
    if own is None or own not in shares or len(turn.calls) > 1 or not first.tokens:
        return Weighed(first, False, ())

    def prior(name: str) -> float:
        return WEIGHT * math.log(min(1.0, max(shares[name], _LEAST) / PLAUSIBLE))

    opening = first.tokens[0][1]  # of a call: that of `<`
    mine = head_logprob(first, own) if own != REPLY else opening
    best, score = own, mine + prior(own) + MARGIN
    made: dict[str, Completion] = {}
    rivals = sorted((name for name in shares if name != own), key=lambda name: -shares[name])[:RIVALS]
    for name in rivals:
        if _rest(mine) + prior(name) <= score:
            break  # they come likeliest first, and none of those that follow can have more
        if name == REPLY:
            found = _rest(opening)
        else:
            made[name] = engine.complete(prompt, grammar=turn_gbnf(first=name))
            if head_of(read(made[name])) != name:
                continue
            found = head_logprob(made[name], name)
            if own == REPLY:
                mine = _rest(made[name].tokens[0][1])  # until now that of its first word alone
                score = mine + prior(REPLY) + MARGIN if best == REPLY else score
        if found + prior(name) > score:
            best, score = name, found + prior(name)
    if best == own:
        return Weighed(first, False, tuple(made.values()))
    if best == REPLY:
        made[REPLY] = engine.complete(prompt, grammar=words_gbnf())
    return Weighed(made[best], True, tuple(made.values()))


def head_of(turn: ParsedTurn) -> str | None:
    """What the turn begins with: a verb, a tool, or `reply`; None for a turn that could not be read."""
    if not turn.calls:
        return REPLY if turn.well_formed and turn.text.strip() else None
    call = turn.calls[0]
    return None if call.parsed is None else name_of(call)


def head_logprob(done: Completion, name: str) -> float:
    """Log-probability of the text up to the end of the first `name` in it."""
    end = done.text.find(name) + len(name)
    total, at = 0.0, 0
    for text, logprob in done.tokens:
        if at >= end:
            break
        total += logprob
        at += len(text)
    return total


def name_of(call: ToolCall) -> str:
    """The verb of a command, else the tool."""
    if call.tool != "send_command":
        return call.tool
    words = str((call.parsed or {}).get("command") or "").split()
    return words[0].upper() if words else call.tool


def _rest(logprob: float) -> float:
    """log(1 - exp(logprob)): what is left for all else."""
    return math.log(max(-math.expm1(min(logprob, 0.0)), _LEAST))
