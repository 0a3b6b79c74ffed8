"""Every command in the pages' `sh` blocks exists, with the options it is shown with.

`enactor` lines go through the command's own parser and config type, `make` targets are looked up in the
Makefile, environment variables in the settings. A program that no rule knows is a failure, not a pass. What
is offline and instant is run.
"""

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import BaseModel

from enactor.cli import COMMANDS, main
from enactor.cli.command import Group
from enactor.serve.cases import read_requests
from enactor.settings import FILE_VARIABLE, PREFIX, Settings

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
RUN = {"commands"}
"""Commands of `enactor` that need no weights, no network and no writing."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARIABLE = re.compile(r"^([A-Z_][A-Z0-9_]*)=(.*)$")


def blocks(page: Path, language: str) -> Iterator[str]:
    """The code blocks of a page in one language."""
    return (body for name, body in _BLOCK.findall(page.read_text(encoding="utf-8")) if name == language)


def commands(block: str) -> Iterator[list[str]]:
    """The single commands of a block as words: lines joined at backslashes, cut at `&&`, `;` and `|`."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&;|"):
                if words:
                    yield words
                words = []
            else:
                words.append(word)


SHOWN = {
    f"{page.relative_to(ROOT).as_posix()}: {shlex.join(words)}": words
    for page in PAGES
    for block in blocks(page, "sh")
    for words in commands(block)
}


def _make(arguments: Sequence[str]) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wanted = {word for word in arguments if "=" not in word}
    assert wanted, "make without a target"
    assert wanted <= targets, f"the Makefile has no {wanted - targets}"


def _enactor(arguments: Sequence[str]) -> None:
    if list(arguments) in (["--help"], ["--version"]):
        return
    name, *rest = arguments
    assert name in COMMANDS, f"no command {name!r}"
    command = import_module(COMMANDS[name][0]).COMMAND
    if isinstance(command, Group):
        assert rest[0] in command.parts, f"{name} has no part {rest[0]!r}"
        name, command, rest = f"{name} {rest[0]}", command.part(rest[0]), rest[1:]
    parsed = vars(command.parser(name).parse_args(rest))  # leaves through SystemExit on an unknown option
    given = {key: value for key, value in parsed.items() if value is not None}  # as the command itself does
    settings = {key: given.pop(key) for key in command.settings if key in given}
    config: type[BaseModel] = command.config
    config.model_validate(given)
    Settings.model_validate(settings)


def _pip(arguments: Sequence[str]) -> None:
    assert arguments[0] == "install", arguments
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in arguments[1:]:
        found = re.fullmatch(r"(\.|enactor|dist/[\w.-]+\.whl)(?:\[([\w,]+)\])?", word)
        assert found or word == "-e", f"nothing here is called {word!r}"
        if found and found[2]:
            assert set(found[2].split(",")) <= set(project["optional-dependencies"])


def _python(arguments: Sequence[str]) -> None:
    if arguments[0] == "-m":
        assert find_spec(arguments[1]) is not None, f"no module {arguments[1]}"
    else:
        assert (ROOT / arguments[0]).is_file(), f"no file {arguments[0]}"


def _anything(arguments: Sequence[str]) -> None:
    """Not ours to check."""


PROGRAMS: dict[str, Callable[[Sequence[str]], None]] = {
    "make": _make,
    "enactor": _enactor,
    "pip": _pip,
    "pipx": _pip,
    "python": _python,
    "cd": _anything,
    "git": _anything,
}


@pytest.mark.parametrize("words", SHOWN.values(), ids=SHOWN)
def test_shown_command_is_known(words: list[str]) -> None:
    rest = list(words)
    while rest and (variable := _VARIABLE.match(rest[0])):
        name = variable[1]
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            key = name.removeprefix(PREFIX).lower()
            Settings.model_validate({key: variable[2]})
        rest.pop(0)
    assert rest, "only variables"
    assert rest[0] in PROGRAMS, f"teach tests/test_readme.py how to check {rest[0]!r}"
    PROGRAMS[rest[0]](rest[1:])


@pytest.mark.parametrize("words", [w for w in SHOWN.values() if w[0] == "enactor" and w[1] in RUN])
def test_shown_command_runs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words[1:]) == 0
    assert capsys.readouterr().out.strip()


def test_readme_shows_the_entry_points() -> None:
    shown = [words for name, words in SHOWN.items() if name.startswith("README.md: ")]
    for command in ("make demo", "make chat", "make test", "pipx install ."):
        assert command.split() in shown


def test_unknown_things_are_found() -> None:
    for words in (
        ["enactor", "nosuch"],
        ["enactor", "chat", "--nosuch"],
        ["enactor", "predict", "--in", "a"],
        ["enactor", "chat", "--threads", "none"],
        ["make", "nosuch"],
        ["ENACTOR_NOSUCH=1", "make", "test"],
        ["nosuch"],
    ):
        with pytest.raises((AssertionError, SystemExit, ValueError)):
            test_shown_command_is_known(words)


def test_commands_are_cut_as_a_shell_does() -> None:
    block = '# a comment\nA=1 make demo  # why\nenactor chat \\\n  --say "kill 3; stop" && make test | cat\n'
    assert list(commands(block)) == [
        ["A=1", "make", "demo"],
        ["enactor", "chat", "--say", "kill 3; stop"],
        ["make", "test"],
        ["cat"],
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_shown_are_settings(page: Path) -> None:
    for block in blocks(page, "toml"):
        Settings.model_validate(tomllib.loads(block))


def test_the_case_shown_is_read() -> None:
    shown = [line.encode() for block in blocks(ROOT / "README.md", "json") for line in block.splitlines()]
    requests = list(read_requests(shown))
    assert requests
    assert [request.problem for request in requests] == [None] * len(requests)


def test_places_for_measured_figures_are_marked() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("results", "session"):
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")
