"""From a model's turn to calls, one rung at a time, each rung's calls marked as what they are.

1. strict: the dialect's parser took the turn (`raw`); or the offers know better what it should begin with,
   and it is decoded again so (`forced`, see `weigh`).
2. shapes: no block was opened, but the text holds a lone call or command line (`repaired`).
3. forced: a second decode of the same prompt under the grammar of declared verbs and tools (`forced`); taken
   when a block was opened or text shows a call and nothing could be read from it, the verb is not one, or the
   player objects to words. The offers have their say here too.
4. nothing: the turn is text.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from enactor.agent.weigh import Weighed, weigh
from enactor.models.engine import Completion, Engine
from enactor.prompt import Dialect, ParsedTurn, tool_call
from enactor.trace.values import ToolCall
from enactor.world import COMMANDS, TOOLS, CommandError, parse, turn_gbnf, words_gbnf

_FENCE = re.compile(r"```(?:\w+)?\s*(.*?)```", re.DOTALL)
_LINE = re.compile(r"^[`*\s]*(?P<line>[A-Z]+_[A-Z_]+(?: [^`*\n]+)?)[`*\s]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a turn came to: the calls to carry out, the text, every completion it took, and those of them that
    it was made of. `question` is what has to be asked in place of the calls."""

    text: str
    calls: tuple[ToolCall, ...]
    completions: tuple[Completion, ...]
    made_of: tuple[Completion, ...]
    question: str = ""

    def then(self, other: "Decision", *, calls: bool = False, kept: bool = True) -> "Decision":
        """This decision, with what `other` took. With `calls` its calls come after; unless it is `kept`, its
        turns are no part of what this one was made of."""
        return Decision(
            self.text,
            (*self.calls, *other.calls) if calls else self.calls,
            self.completions + other.completions,
            self.made_of + other.made_of if kept else self.made_of,
        )

    @property
    def logprob(self) -> float | None:
        """Log-probability of what it was made of, where the engine gives one."""
        found = [done.logprob for done in self.made_of]
        return None if None in found else sum(logprob for logprob in found if logprob is not None)


def decide(
    engine: Engine,
    prompt: str,
    dialect: Dialect,
    *,
    ladder: bool = True,
    forced: bool = True,
    shares: Mapping[str, float] | None = None,
    act: bool | None = None,
) -> Decision:
    """Decode one turn and climb. With `ladder=False` only the strict rung counts; with `forced=False` nothing
    is decoded again. `shares` are the offers' likelihoods, where they may have a say. Where
    the player said which of the two it has to be, `act` is True for calls and False for words (or for an end
    to what runs), and the other is decoded again."""
    read = partial(_read, dialect=dialect)
    first = engine.complete(prompt)
    turn = read(first)
    sound = turn.well_formed and all(map(_callable, turn.calls)) and not (act and not turn.calls)
    if ladder and sound and not turn.calls and _shows_call(turn.text):
        if repaired := shapes(turn.text):
            return Decision("", repaired, (first,), (first,))
        sound = False
    if act is False and ladder and forced and not all(map(_ends, turn.calls)):
        said = engine.complete(prompt, grammar=words_gbnf())
        return Decision(read(said).text, (), (first, said), (said,))
    weighing = bool(shares) and act is None
    if not (ladder and forced) or (sound and not weighing):
        return Decision(turn.text, turn.calls, (first,), (first,))
    own = first if sound else engine.complete(prompt, grammar=turn_gbnf())
    took: tuple[Completion, ...] = (first,) if sound else (first, own)
    found = weigh(engine, prompt, own, read, shares or {}) if weighing else Weighed(own, False, ())
    took += found.decoded
    if found.chosen is first:
        return Decision(turn.text, turn.calls, took, (first,))
    made_of = (found.chosen,) if sound else (first, found.chosen)
    other = read(found.chosen)
    calls = _forced(other)
    if calls or found.forced:
        return Decision(other.text, calls, took, made_of)
    return Decision(turn.text, turn.calls, took, made_of)


def _forced(turn: ParsedTurn) -> tuple[ToolCall, ...]:
    return tuple(replace(call, origin="forced") for call in turn.calls if call.parsed is not None)


def _ends(call: ToolCall) -> bool:
    """Whether the call ends what runs."""
    return str((call.parsed or {}).get("command", "")).upper() in ("STOP", "PAUSE", "KILL", "EMERGENCY_STOP")


def _read(done: Completion, dialect: Dialect) -> ParsedTurn:
    """The turn by the strict parser; calls that an endpoint gave as structure are taken as they are."""
    turn = dialect.parse(done.text)
    return turn if done.calls is None else ParsedTurn(turn.text, done.calls)


def shapes(text: str) -> tuple[ToolCall, ...]:
    """The one call that `text` holds in another shape than the dialect's: a JSON object with a known tool's
    name, or a lone valid command line. Several different ones are no call at all, since which is meant is
    a guess."""
    found = [call for call in _objects(text) if _callable(call)]
    if not found:
        found = [tool_call("send_command", {"command": m["line"].strip()}) for m in _LINE.finditer(text)]
        found = [call for call in found if _callable(call)]
    distinct = {(call.tool, call.arguments): call for call in found}
    if len(distinct) != 1:
        return ()
    return tuple(replace(call, origin="repaired") for call in distinct.values())


def _shows_call(text: str) -> bool:
    """Whether text without a block looks like a call written down."""
    return bool(_LINE.search(text)) or any(f'"{tool}"' in text or f"{tool}(" in text for tool in TOOLS)


def _callable(call: ToolCall) -> bool:
    """Whether the call names a known tool and, for commands, a declared verb."""
    if call.parsed is None or call.tool not in TOOLS:
        return False
    if call.tool != "send_command":
        return True
    line = str(call.parsed.get("command") or "")
    if not line.split() or line.split()[0].upper() not in COMMANDS:
        return False
    try:
        parse(line)
    except CommandError:
        return False
    return True


def _objects(text: str) -> list[ToolCall]:
    calls = []
    decoder = json.JSONDecoder()
    for candidate in [*_FENCE.findall(text), text]:
        at = candidate.find("{")
        while at >= 0:
            try:
                value, end = decoder.raw_decode(candidate, at)
            except (ValueError, RecursionError):
                at = candidate.find("{", at + 1)
                continue
            if (call := _as_call(value)) is not None:
                calls.append(call)
            at = candidate.find("{", end)
    return calls


def _as_call(value: Any) -> ToolCall | None:
    if not isinstance(value, Mapping):
        return None
    name = value.get("name") or value.get("tool")
    arguments = value.get("arguments", value.get("args", value.get("parameters")))
    if isinstance(name, str) and isinstance(arguments, Mapping):
        return tool_call(name, arguments)
    return None
