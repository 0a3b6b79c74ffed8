"""Where a terminal's lines come from: the keyboard with history and completion, a pipe, the command line."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from enactor.world import GameState

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.document import Document

Words = Callable[[str], Sequence[str]]
"""What can stand behind a command of the terminal, by the command's name."""

MOST = 12
LONGEST = 3
"""Words of a name."""


def typed(history: Path | None, completion: "Completer | None" = None) -> Iterator[str]:
    """Lines from the keyboard with history and completion. Ctrl-C clears the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    kept: History = InMemoryHistory() if history is None else FileHistory(str(history))
    session: PromptSession[str] = PromptSession(
        history=kept, completer=completion or completer(), complete_while_typing=False
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


def completer(
    state: Callable[[], GameState] = GameState, commands: Sequence[str] = (), words: Words = lambda name: ()
) -> "Completer":
    """Completes `commands` of the terminal (`/state`) and what stands behind them (`words`), verbs and their
    operands by the grammar, those held or in sight first, and elsewhere the names of the world."""
    from prompt_toolkit.completion import Completer, Completion

    class Names(Completer):
        def get_completions(self, document: "Document", complete_event: object) -> "Iterator[Completion]":
            before = document.text_before_cursor
            for word, length in _offered(before, state, commands, words):
                yield Completion(word, start_position=-length)

    return Names()


def _offered(
    before: str, state: Callable[[], GameState], commands: Sequence[str], words: Words
) -> Iterator[tuple[str, int]]:
    """(word, how many characters before the cursor it replaces)."""
    head, space, rest = before.lstrip().partition(" ")
    if head.startswith("/"):
        line = rest.rpartition(" do ")[2]
        if head == "/when" and " do " in rest:
            yield from _command(line, state)
            return
        if head == "/fix":
            yield from _command(rest.rpartition(";")[2].lstrip(), state)
            return
        last = before.rpartition(" ")[2]
        choices = words(head) if space else commands
        yield from ((word, len(last)) for word in choices if word.startswith(last))
        return
    from enactor.world import COMMANDS

    if head in COMMANDS and space:  # in capitals, as what goes past the model is written
        yield from _command(before, state)
        return
    yield from _names(before)


def _command(line: str, state: Callable[[], GameState]) -> Iterator[tuple[str, int]]:
    from enactor.serve.label.complete import complete

    found = complete(line, state())
    yield from ((option.text, len(line) - found.start) for option in found.options)


def _names(before: str) -> Iterator[tuple[str, int]]:
    """Verbs where a line begins, and names of the world that begin as the last words do, the most words
    first."""
    from enactor.world import COMMANDS, CREATURES, ITEMS, PLACES

    words = before.split(" ")
    if len(words) == 1 and before:
        yield from ((verb, len(before)) for verb in COMMANDS if verb.casefold().startswith(before.casefold()))
    names = sorted({name.replace("_", " ") for name in (*CREATURES, *ITEMS, *PLACES)})
    for count in range(min(len(words), LONGEST), 0, -1):
        tail = " ".join(words[-count:])
        key = tail.replace("_", " ").casefold().strip()
        found = [name for name in names if key and name.casefold().startswith(key)]
        if found:
            yield from ((name, len(tail)) for name in found[:MOST])
            return


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
