"""Named command sequences: those that ship (`world/data/routines`) and the user's own, which win."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from platformdirs import user_config_path
from rapidfuzz import process

from enactor.errors import EnactorError
from enactor.world import CommandError, parse, parse_condition

MAX_TIMES = 1000
UNTIL_TIMES = 100  # where only `until` is given


@dataclass(frozen=True, slots=True)
class Action:
    """A command line (symbolic operands allowed), or a block of actions: one of the two is empty.

    Done only if `only_if` holds beforehand; then `times` times, or until `until` holds, whichever comes first
    (conditions of `world.parse_condition`, empty for none). A loop with an `until` is stopped when it holds.
    """

    command: str = ""
    block: tuple["Action", ...] = ()
    only_if: str = ""
    until: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Routine:
    """`key` is the file's name without its ending."""

    key: str
    name: str
    summary: str
    steps: tuple[Action, ...]


def user_folder() -> Path:
    """Where the user's own routines are looked for."""
    return user_config_path("enactor") / "routines"


@cache
def routines() -> Mapping[str, Routine]:
    """All routines by key. Raises `EnactorError` naming the file and the step that the grammar refuses."""
    shipped = list(resources.files("enactor.world").joinpath("data/routines").iterdir())
    own = sorted(user_folder().glob("*.yaml")) if user_folder().is_dir() else []
    found = {}
    for path in (*shipped, *own):
        if path.name.endswith(".yaml"):
            routine = read_routine(path.name.removesuffix(".yaml"), path.read_text(encoding="utf-8"))
            found[routine.key] = routine
    return dict(sorted(found.items()))


def read_routine(key: str, text: str) -> Routine:
    """One routine from its YAML: `name`, `summary` and `steps`, each a command line or a mapping of `do` (a
    line, or a list of steps) with `if`, `until` and `times`. Everything is parsed here, so that a bad step
    stops the routine before its first one."""
    raw = yaml.safe_load(text)
    if not isinstance(raw, Mapping) or not isinstance(raw.get("steps"), Sequence):
        raise EnactorError(f"routine {key}: needs `name`, `summary` and a list of `steps`")
    return Routine(
        key, str(raw.get("name") or key), str(raw.get("summary") or ""), _actions(raw["steps"], key)
    )


def _actions(raw: Any, where: str) -> tuple[Action, ...]:
    if isinstance(raw, str) or not isinstance(raw, Sequence) or not raw:
        raise EnactorError(f"routine {where}: `steps` is a list of commands and blocks")
    return tuple(_action(step, f"{where}, step {number}") for number, step in enumerate(raw, 1))


def _action(raw: Any, where: str) -> Action:
    step = raw if isinstance(raw, Mapping) else {"do": raw}
    if unknown := set(step) - {"do", "if", "until", "times"}:
        raise EnactorError(
            f"routine {where}: unknown {', '.join(map(str, unknown))}; known: do, if, until, times"
        )
    only_if, until = str(step.get("if") or ""), str(step.get("until") or "")
    times = step.get("times", UNTIL_TIMES if until else 1)
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAX_TIMES:
        raise EnactorError(f"routine {where}: `times` is a whole number from 1 to {MAX_TIMES}, not {times!r}")
    do = step.get("do")
    try:
        for condition in filter(None, (only_if, until)):
            parse_condition(condition)
        if isinstance(do, str):
            parse(do)
    except CommandError as error:
        near = f" (nearest valid form: {error.nearest})" if error.nearest else ""
        raise EnactorError(f"routine {where} `{do}`: {error.message}{near}") from error
    if isinstance(do, str):
        return Action(do, (), only_if, until, times)
    return Action("", _actions(do, where), only_if, until, times)


def find_routine(text: str) -> Routine:
    """The routine that `text` names, by key or name, spelling forgiven. Raises `CommandError` with the
    candidates."""
    known = routines()
    wanted = text.strip().removesuffix(".yaml").rpartition("/")[2].replace("_", " ").casefold()
    names = {key: f"{routine.name} {key.replace('_', ' ')}".casefold() for key, routine in known.items()}
    for key, routine in known.items():
        if wanted in (key.replace("_", " "), routine.name.casefold()):
            return routine
    best = process.extractOne(wanted, names, score_cutoff=80)
    if best is None:
        raise CommandError(f"no routine is called {text!r}", candidates=tuple(known))
    return known[best[2]]
