"""The terminal: a player's words in, the calls, the answer and what changed in the world out."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from enactor import __version__
from enactor.errors import EnactorError
from enactor.prompt import state_line
from enactor.serve.plain import plain
from enactor.serve.play import Played, Player
from enactor.trace import Step, to_row
from enactor.world import CommandError

if TYPE_CHECKING:
    from prompt_toolkit.completion import WordCompleter

WATCH_S = 5.0
COLOURS = {"ok": "green", "error": "red", "needs_confirmation": "yellow", "blocked": "yellow"}
HELP = (
    ("/state", "what is known of the player"),
    ("/wait SECONDS", "let game time pass while something runs"),
    ("/when CONDITION do COMMAND", "do it later: `/when after:10_minutes do STOP`"),
    ("/later", "what is to be done later"),
    ("/cancel NUMBER", "do not do it after all"),
    ("/trace", "the record of the last request"),
    ("/help", "this list"),
    ("/quit", "leave; so does Ctrl-D"),
)
EXAMPLES = "Say what to do (`kill 20 chickens`, `bank everything`), ask (`how much hp?`), or type a command."


@dataclass(slots=True)
class Terminal:
    """Shows a `Player`. With `as_json` each request is one line of JSON on stdout and nothing else is."""

    player: Player
    as_json: bool = False
    out: Console = field(default_factory=lambda: Console(highlight=False, emoji=False))

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
            else:
                trace = self.say(line).trace
                good &= trace.outcome != "failed"
                self._attend()
                if scripted and trace.meta.get("cancelled"):
                    raise KeyboardInterrupt
        return good

    def say(self, message: str) -> Played:
        """One request, shown."""
        played = self.player.say(message, None if self.as_json else self._step)
        if self.as_json:
            print(json.dumps(played.record(), ensure_ascii=True), flush=True)
        else:
            self._answer(played)
        return played

    def _step(self, step: Step) -> None:
        result = step.result
        what = result.lowered or _written(step)
        origin = "" if step.call.origin == "raw" else f"  ({step.call.origin})"
        self._print(Text.assemble(("  → ", "dim"), (plain(what), COLOURS[result.status]), (origin, "dim")))

    def _answer(self, played: Played) -> None:
        trace = played.trace
        style = {"failed": "red", "asked": "yellow", "described": "red", "claimed": "red"}.get(
            trace.outcome, ""
        )
        self._print(Text(plain(trace.reply), style))
        if played.changed:
            self._print(Text(plain("  " + " · ".join(played.changed)), "cyan"))
        if played.later_s:
            happened = " · ".join(played.later) or "nothing new"
            self._print(Text(plain(f"  {_span(played.later_s)} later: {happened}"), "cyan"))
        self._print(Text(f"  {trace.outcome}, {trace.latency_ms / 1000:.2f} s", "dim"))

    def _slash(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        handler = _SLASH.get(word)
        if handler is None:
            self._tell(f"No command {word}; /help lists them.")
        else:
            handler(self, rest.strip())

    def _state(self, rest: str) -> None:
        state = self.player.observe()
        self._tell(state_line(state))
        if state.location:
            self._tell("at {}, {}, plane {}".format(*state.location))

    def _wait(self, rest: str) -> None:
        try:
            seconds = float(rest)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 86_400:
            self._tell("Say how long, in seconds up to a day: /wait 60")
            return
        self._tell(" · ".join(self.player.wait(seconds)) or "nothing changed")
        self._attend()

    def watch(self) -> None:
        """Look at the tasks for later in the background, for a game that goes on by itself."""

        def look() -> None:
            while True:
                time.sleep(WATCH_S)
                try:
                    self._attend()
                except EnactorError as error:
                    self._tell(f"The tasks for later cannot be watched: {error}")

        threading.Thread(target=look, daemon=True).start()

    def _attend(self) -> None:
        for trace in self.player.attend():
            self._tell(f"Now {trace.message}, as asked. {trace.reply}")

    def _when(self, rest: str) -> None:
        try:
            self._tell(f"Kept as {self.player.defer(rest)}.")
        except CommandError as error:
            near = f" Nearest valid form: {error.nearest}." if error.nearest else ""
            self._tell(f"{error.message}{near}")
        self._attend()

    def _later(self, rest: str) -> None:
        self._tell("\n".join(map(str, self.player.tasks)) or "Nothing is to be done later.")

    def _cancel(self, rest: str) -> None:
        task = self.player.tasks.cancel(int(rest)) if rest.isdecimal() else None
        self._tell(f"Cancelled {task}." if task else "There is no task of that number; /later lists them.")

    def _trace(self, rest: str) -> None:
        traces = self.player.traces
        self._tell(
            json.dumps(to_row(traces[-1]), indent=2, ensure_ascii=False) if traces else "No request yet."
        )

    def _help(self, rest: str) -> None:
        self._tell(EXAMPLES)
        for name, what in HELP:
            self._tell(f"  {name:26} {what}")

    def _tell(self, text: str) -> None:
        """For people: with `as_json` stdout is kept for the requests."""
        if self.as_json:
            print(text, file=sys.stderr)
        else:
            self._print(Text(plain(text)))

    def _print(self, text: Text) -> None:
        """Wrapped to the window; into a pipe a line stays a line."""
        self.out.print(text, soft_wrap=not self.out.is_terminal)


_SLASH: dict[str, Callable[[Terminal, str], None]] = {
    "/state": Terminal._state,
    "/wait": Terminal._wait,
    "/when": Terminal._when,
    "/later": Terminal._later,
    "/cancel": Terminal._cancel,
    "/trace": Terminal._trace,
    "/help": Terminal._help,
}


def typed(history: Path | None) -> Iterator[str]:
    """Lines from the keyboard with history and completion. Ctrl-C clears the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    kept: History = InMemoryHistory() if history is None else FileHistory(str(history))
    session: PromptSession[str] = PromptSession(
        history=kept, completer=completer(), complete_while_typing=False
    )
    while True:
        try:
            with patch_stdout():  # what happens meanwhile is written above the line being typed
                line = session.prompt("> ")
            yield line
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def completer() -> "WordCompleter":
    """Completes the word before the cursor to a verb, a name of the world, or a command of the terminal."""
    from prompt_toolkit.completion import WordCompleter

    from enactor.world import COMMANDS, CREATURES, ITEMS, PLACES

    words = [*(name.split()[0] for name, _ in HELP), *COMMANDS, *sorted({*CREATURES, *ITEMS, *PLACES})]
    return WordCompleter(words, ignore_case=True, WORD=True)


def piped() -> Iterator[str]:
    """Lines from stdin that is no terminal; bytes that are not UTF-8 become replacement characters."""
    for raw in sys.stdin.buffer:
        yield raw.decode("utf-8", "replace").rstrip("\r\n")


def given(words: Iterable[str]) -> Iterator[str]:
    """Lines from the command line."""
    for word in words:
        yield os.fsencode(word).decode("utf-8", "replace")


def history_file() -> Path | None:
    """Where the typed lines are kept, readable by the user alone; None where that cannot be."""
    from platformdirs import user_state_path

    path = user_state_path("enactor", appauthor=False) / "chat_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError:
        return None
    return path


def _written(step: Step) -> str:
    """A call that is no command, or one that was never lowered."""
    args: dict[str, Any] = dict(step.call.parsed or {})
    if step.call.tool == "send_command":
        return str(args.get("command") or step.call.arguments)
    shown = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in args.items())
    return f"{step.call.tool}({shown})"


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
