"""Rows rendered with the template that ships, read back by each runtime: which of them survive."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from enactor.curate.conformance.llama_cpp import LlamaCpp
from enactor.curate.conformance.ollama import Ollama
from enactor.curate.conformance.reading import RUNTIMES, TEMPLATE, Reading, Runtime, reading
from enactor.curate.conformance.strict import Strict
from enactor.curate.conformance.vllm import VllmStream, VllmWhole
from enactor.errors import EnactorError
from enactor.prompt import DIALECTS, chat_messages, escape, render_turn
from enactor.trace.values import Message
from enactor.world import TOOLS, openai_tools

EXAMPLES = 3


@dataclass(slots=True)
class Tally:
    """What one runtime made of the rows: how many it was given and how many came back equal, apart for turns
    with calls and turns of text alone; the reasons of the others, and examples of each."""

    called: Counter[bool] = field(default_factory=Counter)
    spoken: Counter[bool] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.called.total() + self.spoken.total()

    @property
    def survived(self) -> int:
        return self.called[True] + self.spoken[True]

    @property
    def whole(self) -> bool:
        """Whether every row survived; no rows prove nothing."""
        return 0 < self.rows == self.survived

    def to_json(self) -> dict[str, Any]:
        """The tally as it stands in a manifest."""
        return {
            "rows": self.rows,
            "survived": self.survived,
            "calls": {"rows": self.called.total(), "survived": self.called[True]},
            "text": {"rows": self.spoken.total(), "survived": self.spoken[True]},
            "lost": dict(self.lost.most_common()),
            "examples": self.examples,
        }


def check(
    conversations: Iterable[Sequence[Message]],
    runtimes: Sequence[str] = RUNTIMES,
    *,
    dialect: str = "hermes",
    progress: Callable[[int], None] | None = None,
) -> Mapping[str, Tally]:
    """Read the last turn of each conversation with each runtime: name -> tally.

    In the dialect `hermes` the turn is rendered by llama.cpp's engine with `CHAT_TEMPLATE`, and the tally
    `template` counts the turns that came out as they are trained; the template knows no other dialect, so any
    other is rendered by the dialect itself. Raises EnactorError for an unknown runtime or dialect, and where
    llama.cpp does not start.
    """
    if not runtimes:
        raise EnactorError(f"no runtime is named: choose among {', '.join(RUNTIMES)}")
    if unknown := [name for name in runtimes if name not in RUNTIMES]:
        raise EnactorError(f"no runtime {', '.join(unknown)}: choose among {', '.join(RUNTIMES)}")
    if dialect not in DIALECTS:
        raise EnactorError(f"no dialect {dialect}: choose among {', '.join(DIALECTS)}")
    runtimes = tuple(dict.fromkeys(runtimes))
    tools = openai_tools()
    templated = dialect == "hermes"
    names = (TEMPLATE, *runtimes) if templated else runtimes
    tallies = {name: Tally() for name in names}
    with ExitStack() as stack:
        llama = stack.enter_context(LlamaCpp(tools))
        readers: dict[str, Runtime] = {
            reader.name: reader
            for reader in (Strict(DIALECTS[dialect]), llama, VllmWhole(), VllmStream(), Ollama(TOOLS))
        }
        for done, conversation in enumerate(conversations, 1):
            last = conversation[-1]
            trained = render_turn(escape(last.content), last.tool_calls, DIALECTS[dialect])
            turn = llama.turn(chat_messages(conversation)) if templated else trained
            expected = expect(last)
            if templated:
                same = expected if turn == trained else Reading(problem="otherwise than trained")
                _count(tallies[TEMPLATE], turn, expected, same)
            for name in runtimes:
                _count(tallies[name], turn, expected, readers[name].read(turn))
            if progress:
                progress(done)
    return tallies


def failing(tallies: Mapping[str, Tally]) -> list[str]:
    """What is to be said of each runtime that lost rows, or was given none: its name, how many and why."""
    lines = []
    for name, tally in tallies.items():
        if not tally.whole:
            reasons = ", ".join(f"{reason} {n}" for reason, n in tally.lost.most_common())
            lines.append(f"{name} ({tally.survived} of {tally.rows}{': ' if reasons else ''}{reasons})")
    return lines


def expect(answer: Message) -> Reading:
    """What a client should get of an assistant's turn."""
    return reading(escape(answer.content), ((call.tool, call.parsed) for call in answer.tool_calls))


def _count(tally: Tally, turn: str, expected: Reading, got: Reading) -> None:
    same = expected.same(got)
    (tally.called if expected.calls else tally.spoken)[same] += 1
    if same:
        return
    reason = _reason(expected, got)
    tally.lost[reason] += 1
    kept = tally.examples.setdefault(reason, [])
    if len(kept) < EXAMPLES:
        kept.append(turn)


def _reason(expected: Reading, got: Reading) -> str:
    if got.problem:
        return got.problem[:60]
    if len(got.calls) < len(expected.calls):
        return "a call came back as text" if got.text.strip() else "a call was dropped"
    if got.calls != expected.calls:
        return "other calls"
    return "other text"
