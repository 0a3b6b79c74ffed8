"""The terminal: a player's words in, the calls, the answer and what changed in the world out."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from enactor import __version__
from enactor.errors import EnactorError
from enactor.serve import slash
from enactor.serve.plain import plain
from enactor.serve.play import Player
from enactor.serve.played import Played
from enactor.trace import Step, Trace

if TYPE_CHECKING:
    from enactor.serve.staging import Stage

COLOURS = {"ok": "green", "error": "red", "needs_confirmation": "yellow", "blocked": "yellow"}
MARKS = {"ok": "", "error": "  [error]", "needs_confirmation": "  [asks]", "blocked": "  [blocked]"}
"""Said in words too: colour may be missing."""

OUTCOMES = {
    "executed": "green",
    "answered": "green",
    "asked": "yellow",
    "refused": "yellow",
    "failed": "red",
    "described": "red",
    "claimed": "red",
}


@dataclass(slots=True)
class Terminal:
    """Shows a `Player`. With `as_json` each request is one line of JSON on stdout and nothing else is.

    `models` are names to complete; `seed` is that of the worlds of `/scenario`.
    """

    player: Player
    as_json: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False, emoji=False))
    models: tuple[str, ...] = ("default", "base")
    seed: int = 0
    _stage: "Stage | None" = None
    _steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.player.on_later = self._later

    def greet(self, model: str, backend: str) -> None:
        """The first line, for people."""
        self._print(
            Text(f"Enactor {__version__} · {model} on {backend} · /help for help, /quit to leave", "dim")
        )

    def run(self, lines: Iterable[str], *, scripted: bool = False) -> bool:
        """Take lines until they end or one says quit. Whether every request went well.

        Ctrl-C ends one request; where the lines are `scripted` it ends them all (`KeyboardInterrupt`).
        """
        good = True
        for line in lines:
            if not line.strip():
                continue
            if line.strip() in ("/quit", "/exit", "/q"):
                break
            if line.startswith("/"):
                self._slash(line.strip())
                continue
            try:
                trace = self.say(line).trace
            except EnactorError as error:
                if scripted:
                    raise
                self.tell(str(error))  # the next request may do better
                continue
            good &= trace.outcome != "failed"
            self.player.attend()
            self.look_at_goal()
            if scripted and trace.meta.get("cancelled"):
                raise KeyboardInterrupt
        return good

    def say(self, message: str) -> Played:
        """One request, shown."""
        played = self.player.say(message, None if self.as_json else self._step)
        self._steps += played.trace.steps
        if self.as_json:
            print(json.dumps(played.record(), ensure_ascii=True), flush=True)
        else:
            self._answer(played)
        return played

    def begin(self, stage: "Stage") -> None:
        """A scenario is being played from now on."""
        self._stage, self._steps = stage, []

    def look_at_goal(self, *, always: bool = False) -> None:
        """Tell when the scenario's goal has come to hold; `always` tells what is lacking too."""
        if self._stage is None:
            if always:
                self.tell("No scenario is being played; /scenario lists them.")
            return
        lacking = self._stage.lacking(self.player.observe(), self._steps)
        if not lacking:
            self.tell(f"The task {self._stage.scenario.id} is done.")
            self._stage = None
        elif always:
            self.tell("\n".join(("Lacking:", *(f"  {text}" for text in lacking))))

    def _step(self, step: Step) -> None:
        result = step.result
        what = result.lowered or _written(step)
        origin = "" if step.call.origin == "raw" else f"  ({step.call.origin})"
        colour, mark = COLOURS[result.status], MARKS[result.status]
        parts = (("  → ", "dim"), (plain(what), colour), (mark, colour), (origin, "dim"))
        self._print(Text.assemble(*parts))

    def _answer(self, played: Played) -> None:
        trace = played.trace
        colour = OUTCOMES[trace.outcome]
        self._print(Text(plain(trace.reply), "" if colour == "green" else colour))
        if played.changed:
            self._print(Text(plain("  " + " · ".join(played.changed)), "cyan"))
        if played.later_s:
            happened = " · ".join(played.later) or "nothing new"
            self._print(Text(plain(f"  {_span(played.later_s)} later: {happened}"), "cyan"))
        self._print(
            Text.assemble("  ", (trace.outcome, colour), (f", {trace.latency_ms / 1000:.2f} s", "dim"))
        )

    def _slash(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        command = slash.COMMANDS.get(word)
        if command is None:
            self.tell(f"No command {word}; /help lists them.")
            return
        try:
            command.run(self, rest.strip())
        except EnactorError as error:
            self.tell(str(error))

    def _later(self, trace: Trace) -> None:
        self.tell(f"Now {trace.message}, as asked. {trace.reply}")

    def tell(self, text: str) -> None:
        """For people: with `as_json` stdout is kept for the requests."""
        if self.as_json:
            print(text, file=sys.stderr)
        else:
            self._print(Text(plain(text)))

    def _print(self, text: Text) -> None:
        """Wrapped to the window; into a pipe a line stays a line."""
        self.out.print(text, soft_wrap=not self.out.is_terminal)


def _written(step: Step) -> str:
    """A call that is no command, or one that was never lowered."""
    args: dict[str, Any] = dict(step.call.parsed or {})
    if step.call.tool == "send_command":
        return str(args.get("command") or step.call.arguments)
    shown = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in args.items())
    return f"{step.call.tool}({shown})"


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
