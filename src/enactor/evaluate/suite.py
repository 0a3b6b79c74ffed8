"""Suites: lists of cases and scenarios that are data, with a version and a hash.

A suite's file is YAML (`suites/NAME.yaml`, the form is in docs/evaluation.md): its cases, those that were
drawn from the phrasebook in a file beside it, and the names of scenarios. `real` is a folder of the user's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from enactor.curate.certificate import family_of
from enactor.curate.rows import Action
from enactor.curate.synthesize import tool_action
from enactor.errors import EnactorError
from enactor.evaluate.cases import Case, suite_hash
from enactor.evaluate.scenarios import Scenario, scenarios
from enactor.prompt import result_message, tool_call
from enactor.trace import content_hash
from enactor.trace.values import Message, Status, ToolResult
from enactor.world import COMMANDS, TOOLS, CommandError, GameState, lower, parse

SUITES = ("core", "novel", "multi", "robust", "nocall", "adversarial", "real")
_YAML = (".yaml", ".yml")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Before(_Part):
    """An earlier turn: the player's words, and the calls that followed or what was said."""

    user: str
    do: tuple[str, ...] = ()
    said: str = ""


class Entry(_Part):
    """One request, or several: then each is a case. They are ways to say the same and form a group, unless
    `same` is false."""

    id: str = Field(min_length=1)
    same: bool = True
    say: str | tuple[str, ...]
    do: tuple[str, ...] = ()
    accept: tuple[tuple[str, ...], ...] = Field((), alias="or")
    ends: Status = "ok"
    state: str | dict[str, Any] = "start"
    history: tuple[Before, ...] = ()
    tags: tuple[str, ...] = ()
    family: str = ""
    kind: str = ""
    template: str = ""


class SuiteFile(_Part):
    """The whole file. `lines` is a file beside it with one entry a line, as JSON; `scenarios` are names,
    families, or `all`."""

    suite: str = ""
    version: int = Field(default=1, ge=1)
    about: str = ""
    states: dict[str, dict[str, Any]] = Field(default_factory=dict)
    held_out: tuple[str, ...] = ()
    lines: str | None = None
    scenarios: Literal["all"] | tuple[str, ...] = ()
    cases: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """What is played. `held_out` are command families that a model must not have been trained on."""

    name: str
    version: int
    about: str
    cases: tuple[Case, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    held_out: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Identity of all that is played and how it is judged."""
        tasks = [one.model_dump(mode="json") for one in self.scenarios]
        return content_hash([suite_hash(self.cases), tasks])

    def first(self, count: int | None) -> Suite:
        """The suite cut to so many plays, taken evenly over cases and scenarios; itself without a count."""
        size = len(self.cases) + len(self.scenarios)
        if count is None or count >= size:
            return self
        tasks = round(count * len(self.scenarios) / size)
        if self.scenarios and self.cases:
            tasks = min(max(tasks, 1), count - 1) if count > 1 else 0
        return replace(
            self, cases=_spread(self.cases, count - tasks), scenarios=_spread(self.scenarios, tasks)
        )


def _spread(items: Sequence[Any], count: int) -> tuple[Any, ...]:
    """`count` items at even distances."""
    return tuple(items[i * len(items) // count] for i in range(count)) if count else ()


def load_suite(name: str, folder: Path | None = None) -> Suite:
    """The suite of that name; `real` takes `folder`. Raises `EnactorError` naming every fault of the file."""
    if name == "real":
        if folder is None:
            raise EnactorError("the suite `real` is a folder of your own cases: name it with --cases FOLDER")
        return own_suite(folder)
    if name not in SUITES:
        raise EnactorError(f"no suite {name!r}: there are {', '.join(SUITES)}")
    with as_file(files("enactor.evaluate") / "suites") as shipped:
        return _read_file(shipped / f"{name}.yaml")


def own_suite(folder: Path) -> Suite:
    """The user's own cases: every `.yaml` file of the folder in the form of a suite, every `.jsonl` file with
    one entry of `cases` a line. Raises `EnactorError`."""
    if not folder.is_dir():
        raise EnactorError(f"no folder {folder}: make one with .yaml or .jsonl files of cases in it")
    cases: list[Case] = []
    tasks: list[Scenario] = []
    for path in sorted(folder.iterdir()):
        if path.suffix in _YAML:
            part = _read_file(path)
        elif path.suffix == ".jsonl":
            part = _suite(SuiteFile(cases=tuple(_lines(path))), path)
        else:
            continue
        cases += part.cases
        tasks += part.scenarios
    if not cases and not tasks:
        raise EnactorError(f"no cases in {folder}: docs/evaluation.md shows the form of a file")
    _no_twins(cases, str(folder))
    return Suite("real", 1, f"the cases of {folder.name}", tuple(cases), tuple(tasks))


def _read_file(path: Path) -> Suite:
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EnactorError(f"{path} cannot be read as UTF-8 YAML: {error}") from error
    try:
        file = SuiteFile.model_validate(found)
    except ValidationError as error:
        raise EnactorError(_faults(path, error)) from error
    return _suite(file, path)


def _lines(path: Path) -> Iterator[Entry]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield Entry.model_validate(json.loads(line.decode("utf-8")))
        except ValidationError as error:
            raise EnactorError(_faults(f"{path}:{number}", error)) from error
        except (ValueError, RecursionError) as error:
            raise EnactorError(f"{path}:{number}: not a JSON object in UTF-8 ({error})") from error


def _suite(file: SuiteFile, path: Path) -> Suite:
    cases = [case for entry in file.cases for case in _cases(entry, file.states, path)]
    if file.lines:
        cases += [case for entry in _lines(path.parent / file.lines) for case in _cases(entry, {}, path)]
    _no_twins(cases, str(path))
    return Suite(
        file.suite or path.stem,
        file.version,
        file.about,
        tuple(cases),
        tuple(_scenarios(file.scenarios, path)),
        file.held_out,
    )


def _cases(entry: Entry, states: Mapping[str, Mapping[str, Any]], path: Path) -> Iterator[Case]:
    if isinstance(entry.state, str) and entry.state not in states and entry.state != "start":
        known = ", ".join(states) or "none is declared"
        raise EnactorError(f"{path}: {entry.id}: no state {entry.state!r}; known: {known}")
    state = states.get(entry.state, {}) if isinstance(entry.state, str) else entry.state
    said = (entry.say,) if isinstance(entry.say, str) else entry.say
    expect = tuple(map(_action, entry.do))
    for number, words in enumerate(said, 1):
        yield Case(
            id=entry.id if len(said) == 1 else f"{entry.id}.{number}",
            message=words,
            state=state,
            expect=expect,
            history=tuple(m for turn in entry.history for m in _turn(turn, state)),
            family=entry.family or (family_of(expect[0]) if expect else "") or "talk",
            kind=entry.kind or _kind(expect),
            accept=tuple(tuple(map(_action, lines)) for lines in entry.accept),
            ends=entry.ends,
            group=entry.id if len(said) > 1 and entry.same else "",
            tags=entry.tags,
            template=entry.template,
        )


def _scenarios(named: Literal["all"] | Sequence[str], path: Path) -> Iterator[Scenario]:
    every = scenarios()
    if named == "all":
        yield from every.values()
        return
    for name in named:
        found = [s for s in every.values() if name in (s.id, s.family)]
        if not found:
            raise EnactorError(f"{path}: no scenario and no family {name!r}; see `enactor scenarios list`")
        yield from found


def _action(line: str) -> Action:
    return tool_action(line) if line.startswith("@") else Action("send_command", {"command": line})


def _turn(turn: Before, state: Mapping[str, Any]) -> Iterator[Message]:
    """As the controller keeps it: calls as they were said, results with the lowered line."""
    yield Message("user", turn.user)
    if turn.do:
        actions = list(map(_action, turn.do))
        yield Message("assistant", "", tuple(tool_call(a.tool, a.args) for a in actions))
        for action in actions:
            yield result_message(ToolResult("ok", {}, _lowered(action, state)))
    elif turn.said:
        yield Message("assistant", turn.said)


def _lowered(action: Action, state: Mapping[str, Any]) -> str | None:
    if action.tool != "send_command":
        return None
    line = str(action.args["command"])
    try:
        return lower(parse(line), GameState.from_case(state)).render()
    except CommandError:  # the state has changed since: what was held then is gone
        return line


def _kind(expect: Sequence[Action]) -> str:
    """In the words of the phrasebook: by how many calls there are and what the first one is."""
    if not expect:
        return "chat"
    if len(expect) > 1:
        return "multi"
    words = str(expect[0].args.get("command", "")).split()
    spec = COMMANDS.get(words[0].upper()) if words else None
    if spec is None:
        tool = TOOLS.get(expect[0].tool)
        return "status" if tool and tool.effect == "read" else "simple"
    return "status" if spec.effect == "read" else "loop" if spec.duration == "loop" else "simple"


def _no_twins(cases: Sequence[Case], where: str) -> None:
    names = [case.id for case in cases]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise EnactorError(f"{where}: an id stands twice: {', '.join(twins[:5])}")


def _faults(where: object, error: ValidationError) -> str:
    lines = [f"  {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()[:20]]
    return f"{where} is no suite:\n" + "\n".join(lines)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
