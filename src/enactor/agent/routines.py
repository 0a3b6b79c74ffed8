"""Named command sequences: those that ship (`world/data/routines`) and the user's own, which win."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import yaml
from platformdirs import user_config_path
from rapidfuzz import process

from enactor.errors import EnactorError
from enactor.world import CommandError, parse


@dataclass(frozen=True, slots=True)
class Routine:
    """`key` is the file's name without its ending; `steps` are command lines, symbolic operands allowed."""

    key: str
    name: str
    summary: str
    steps: tuple[str, ...]


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
    """One routine from its YAML. Every step is parsed here, so that a bad one stops the routine before its
    first step."""
    raw = yaml.safe_load(text)
    if not isinstance(raw, Mapping) or not isinstance(raw.get("steps"), Sequence):
        raise EnactorError(f"routine {key}: needs `name`, `summary` and a list of `steps`")
    steps = tuple(str(step) for step in raw["steps"])
    for number, step in enumerate(steps, 1):
        try:
            parse(step)
        except CommandError as error:
            near = f" (nearest valid form: {error.nearest})" if error.nearest else ""
            raise EnactorError(f"routine {key}, step {number} `{step}`: {error.message}{near}") from error
    return Routine(key, str(raw.get("name") or key), str(raw.get("summary") or ""), steps)


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
