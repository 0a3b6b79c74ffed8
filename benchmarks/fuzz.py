"""Whatever people, models, files and Discord can send: no crash, no traceback to a user, no act unpermitted.

    python benchmarks/fuzz.py                       # every target for ten minutes
    python benchmarks/fuzz.py --seconds 20          # every target for twenty seconds
    python benchmarks/fuzz.py --target message

Targets: `message` (any words of any caller, with any words of the model, through the whole service),
`events` (any event as Discord and JSON show it), `journal` (any bytes as the queue's file), `grammar` (every
parser of commands, conditions, tools, dialects and corrections), `text` (what is written to Discord).
hypothesis draws and shrinks; the number of examples is printed for each, and what failed.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from enactor.agent import direct_lines
from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.prompt import DIALECTS
from enactor.serve.core import (
    NO_PERMISSION,
    Accepted,
    Access,
    Account,
    Caller,
    Event,
    Limits,
    Model,
    Service,
    as_record,
)
from enactor.serve.core.events import END
from enactor.serve.core.journal import Journal
from enactor.serve.core.typed import is_typed, typed_calls
from enactor.serve.discord.panel import Place
from enactor.serve.discord.shown import Shown
from enactor.serve.discord.words import code, escaped, length, split
from enactor.serve.label.calls import check
from enactor.sim import Simulator
from enactor.world import COMMANDS, TOOLS, CommandError, GameState, parse, parse_condition

EXAMPLES = 200
PIECES = (
    *sorted(COMMANDS)[::3],
    *(f"@{name}" for name in TOOLS),
    *(
        "<tool_call>",
        "</tool_call>",
        "<|im_start|>",
        "<|im_end|>",
        '{"name": ',
        '"send_command"',
        '"arguments": ',
    ),
    *(
        '{"command": "GOTO east 5"}',
        "yes",
        "no",
        "stop",
        "STOP",
        "DROP_ALL",
        "-1",
        "1e309",
        "all",
        "\x1b[2J",
        "\u202e",
    ),
    *(
        "kill",
        "cows",
        "after:1h",
        "do",
        ";",
        "\n",
        "{",
        "}",
        "NaN",
        "null",
        "```",
        "@everyone",
        "://",
        "0x10",
        "½",
    ),
)
WORDS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=80),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=12).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
STATE = GameState.from_plugin(Simulator(start={"location": [3222, 3218, 0], "health": [30, 35]}).observe())


class Game(Simulator):
    """Knows who must not reach it."""

    def __init__(self) -> None:
        super().__init__(start={"location": [3222, 3218, 0], "health": [30, 35], "inventory": ["Tuna"]})
        self.acted = 0

    def send(self, line: str) -> Any:
        """See `Simulator.send`."""
        spec = COMMANDS.get(line.split()[0]) if line.split() else None
        self.acted += spec is None or spec.effect != "read"
        return super().send(line)


def permit(caller: Caller, account: str) -> Access:
    """By the first letter of the id."""
    return {"a": "act", "l": "look"}.get(caller.player[:1], "none")  # type: ignore[return-value]


class Message:
    """One service for all examples; each is waited for."""

    def __init__(self, folder: Path) -> None:
        self.said = ""
        self.game = Game()
        self.ended: dict[str, threading.Event] = {}
        self.events: list[Event] = []
        engine = ScriptedEngine(lambda prompt: self.said)
        self.prompts = engine.prompts
        limits = Limits(per_minute=10**9, ask_s=0.2)
        self.service = Service(
            [Account("main", self.game)], Model("fuzz", engine), permit=permit, folder=folder, limits=limits
        )
        self.service.subscribe(self._listen)
        self.service.start()
        self.number = 0

    def _listen(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, END) and event.request in self.ended:
            self.ended[event.request].set()

    def __call__(self, data: tuple[str, str, str, str]) -> None:
        """A caller, a place, words, and what the model says to them."""
        who, place, words, self.said = data
        self.number += 1
        request, caller = f"r{self.number}", Caller("fuzz", who, words[:20])
        self.ended[request], before = threading.Event(), self.game.acted
        told = self.service.submit(caller, "main", words, place=place, request=request)
        if isinstance(told, Accepted):
            assert self.ended[request].wait(60), f"{words!r} never ended"
        if permit(caller, "main") != "act":
            assert self.game.acted == before, f"{who} acted"
        if permit(caller, "main") == "none":
            assert getattr(told, "message", "") == NO_PERMISSION
        for event in self.events:
            shown = json.dumps(as_record(event))
            assert "Traceback" not in shown
            assert "Something went wrong in the service" not in shown, shown
        self.events.clear()
        self.prompts.clear()
        del self.ended[request]


def grammar(text: str) -> None:
    """Every parser gives a value or its own error."""
    for read in (parse, parse_condition):
        with contextlib.suppress(CommandError):
            read(text)
    direct_lines(text)
    check(text, STATE)
    if is_typed(text):
        typed_calls(text)
    for dialect in DIALECTS.values():
        dialect.parse(text)


def journal(folder: Path) -> Callable[[bytes], None]:
    """Any bytes are a queue that opens, or one that says what to do."""

    def read(data: bytes) -> None:
        path = folder / "queue.jsonl"
        path.write_bytes(data)
        with contextlib.suppress(EnactorError):
            Journal(path).close()
        for file in folder.glob("*.torn"):
            file.unlink()

    return read


def text(given_text: str) -> None:
    """Parts fit, places are read or refused, code stays on its line."""
    for words in (given_text, escaped(given_text)):
        assert all(0 < length(part) <= 300 for part in split(words, 300))
    assert "\n" not in code(given_text)
    Place.read(given_text)


def events_of(target: Message) -> Callable[[tuple[str, str, str, str]], None]:
    """The events of a request as a message shows them, step by step."""

    def show(data: tuple[str, str, str, str]) -> None:
        shown, kept = Shown(), []
        leave = target.service.subscribe(kept.append)
        try:
            target(data)
        finally:
            leave()
        for event in kept:
            shown.take(event)
            assert all(length(part) <= 2000 for part in split(shown.text()))
            shown.buttons(event.request)

    return show


LINES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(("request", "step", "caller", "account", "message", "at", "deferred", "x")),
            st.one_of(st.none(), st.text(max_size=8), st.integers(), st.floats(), st.just({"door": 1})),
        ).map(lambda row: json.dumps(row).encode()),
    ),
    max_size=8,
).map(b"\n".join)
CALLERS = st.tuples(st.sampled_from(("act", "look", "none", "", "x")), st.text(max_size=12), WORDS, WORDS)


def fuzz(name: str, strategy: Any, target: Callable[[Any], None], seconds: float) -> dict[str, Any]:
    """Draw until the time is over, with other seeds each round; the examples and the first failure."""
    counted, until, rounds = 0, time.monotonic() + seconds, 0

    def one(value: Any) -> None:
        nonlocal counted
        counted += 1
        target(value)

    failure = None
    while time.monotonic() < until and failure is None:
        rounds += 1
        checks = list(HealthCheck)
        options = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=checks,
            print_blob=False,
        )
        try:
            seed(rounds)(options(given(strategy)(one)))()
        except Exception as error:  # what the fuzzing is for
            failure = f"{type(error).__name__}: {error}"
            print(f"{name}: {failure}", file=sys.stderr)
    return {"examples": counted, "failure": failure}


def main() -> int:
    """0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--target", choices=("message", "events", "journal", "grammar", "text"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        message = Message(Path(folder) / "service")
        scratch = Path(folder) / "journal"
        scratch.mkdir()
        targets: dict[str, tuple[Any, Callable[[Any], None]]] = {
            "message": (CALLERS, message),
            "events": (CALLERS, events_of(message)),
            "journal": (LINES, journal(scratch)),
            "grammar": (WORDS, grammar),
            "text": (st.text(st.characters(codec="utf-8"), max_size=2000), text),
        }
        chosen = {k: v for k, v in targets.items() if options.target in (None, k)}
        found = {name: fuzz(name, *target, options.seconds) for name, target in chosen.items()}
        message.service.close()
    print(json.dumps(found, indent=1, ensure_ascii=False))
    return 1 if any(result["failure"] for result in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
