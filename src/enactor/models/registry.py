"""The models that are ready for use, each with its card, and which of them is in use.

`models/<name>/` holds `model.gguf`, `card.json` and the adapter; the card is written last, so an entry
without one does not exist. `current.json` says which model is promoted, what stood before it, and how that
came about; it is replaced as a whole under a lock. Where nothing is promoted the shipped adapter is in use.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.models.adapter import FILES
from enactor.models.cache import CacheError, known_sha256, sha256, writing
from enactor.models.gguf_file import check_gguf
from enactor.trace.lock import locked

SCHEMA = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_TAKEN = ("default", "shipped", "base")
_ADAPTER = ("adapter_config.json", *FILES, "provenance.json", "card.md")

Stamp = tuple[int, int, int] | None


class RegistryError(EnactorError):
    """A model that is not there, not whole, or may not be promoted."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a check said of a model. `reason` is for a person."""

    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is and where it comes from.

    `sha256` and `bytes` are of the GGUF, `precision` its kind. `training` is the adapter's `provenance.json`,
    whole: base, recipe, rows, versions, commit. `world` and `data` are the hashes of what it was made from.
    `metrics` are rates as the evaluation gave them, `gates` the checks before promotion, by name.
    """

    name: str
    sha256: str = ""
    bytes: int = 0
    precision: str = "q8_0"
    created: str = ""
    dialect: str = "hermes"
    world: str = ""
    data: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the model may not be promoted, a line a gate that it did not pass."""
        if "parity" not in self.gates:
            return ("parity: not checked",)
        return tuple(f"{name}: {gate.reason}" for name, gate in self.gates.items() if not gate.passed)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of what is in use. `model` is None for the shipped adapter."""

    action: str
    model: str | None
    at: str
    reason: str = ""


def registry_folder() -> Path:
    """`registry` under `$ENACTOR_CACHE` where that is set, or under the platform's folder for data that
    are to stay. It need not exist yet."""
    if chosen := os.environ.get("ENACTOR_CACHE"):
        return Path(chosen).expanduser() / "registry"
    from platformdirs import user_data_path

    return user_data_path("enactor", appauthor=False) / "registry"


class Registry:
    """The registry in `folder`, safe for several processes. Reading makes nothing."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or registry_folder()
        self._pointer = self.folder / "current.json"

    # -- models -----------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """The models, the newest last."""
        cards = [(self.card(path.parent.name).created, path.parent.name) for path in self._cards()]
        return tuple(name for _, name in sorted(cards))

    def __contains__(self, name: str) -> bool:
        return bool(_NAME.fullmatch(name)) and self._card(name).is_file()

    def card(self, name: str) -> Card:
        """Raises `RegistryError` where there is no such model or its card is damaged."""
        if name not in self:
            known = ", ".join(path.parent.name for path in self._cards()) or "none yet"
            raise RegistryError(f"no model {name!r} in the registry (there: {known}): see `enactor deploy`")
        return _read_card(self._card(name))

    def file(self, name: str) -> Path:
        """The GGUF. Raises `RegistryError` where it is gone or not what the card says."""
        card, path = self.card(name), self._folder(name) / "model.gguf"
        if not path.is_file() or known_sha256(path) != card.sha256:
            raise RegistryError(
                f"the file of {name} in the registry is missing or changed ({path}): go back with "
                f"`enactor models rollback`, or deploy the model again"
            )
        return path

    def adapter(self, name: str) -> Path | None:
        """The folder of its adapter, None where none was kept."""
        folder = self._folder(name) / "adapter"
        return folder if folder.is_dir() else None

    def add(self, gguf: Path, card: Card, *, adapter: Path | None = None) -> Card:
        """Take a model in; the card as it is kept. Promotes nothing. The same file under the same name gets
        the new card. Raises `RegistryError` for a name that cannot be or that another file has, `CacheError`
        when the disk is full."""
        if not _NAME.fullmatch(card.name) or card.name in _TAKEN:
            raise RegistryError(
                f"{card.name!r} cannot be a model's name: take small letters, digits and . _ -, not {_TAKEN}"
            )
        check_gguf(gguf)
        kept = replace(card, sha256=sha256(gguf), bytes=gguf.stat().st_size, created=card.created or _now())
        with self._lock():
            if card.name in self and self.card(card.name).sha256 != kept.sha256:
                raise RegistryError(
                    f"the registry has another model named {card.name}: choose another name, or remove it "
                    f"with `enactor models remove {card.name}`"
                )
            folder = self._folder(card.name)
            if card.name not in self:
                with writing(folder / "model.gguf", need=kept.bytes) as partial:
                    shutil.copyfile(gguf, partial)
                for name in _ADAPTER if adapter else ():
                    if adapter and (adapter / name).is_file():
                        with writing(folder / "adapter" / name) as partial:
                            shutil.copyfile(adapter / name, partial)
            _write_json(self._card(card.name), kept.to_json())
        return kept

    def remove(self, name: str) -> None:
        """Delete a model that is not in use. Raises `RegistryError`."""
        with self._lock():
            self.card(name)
            state = self._state()
            if state["stack"][-1:] == [name]:
                raise RegistryError(f"{name} is in use: go back first with `enactor models rollback`")
            self._card(name).unlink()  # first, so that what is half deleted is no entry
            shutil.rmtree(self._folder(name))
            self._write_state({**state, "stack": [other for other in state["stack"] if other != name]})

    # -- what is in use ---------------------------------------------------------------

    def current(self) -> Card | None:
        """The card of the promoted model; None where the shipped adapter is in use."""
        stack = self._state()["stack"]
        return self.card(stack[-1]) if stack else None

    def promote(self, name: str, *, reason: str = "", force: bool = False) -> Card:
        """Put a model to use at once, for every program that runs `default`. Raises `RegistryError` that
        names the gates it did not pass; `force` passes over them and the history says so."""
        card = self.card(name)
        self.file(name)
        if card.refusals and not force:
            raise RegistryError(
                f"{name} is not promoted. {'; '.join(card.refusals)}. Passing over that: `--force`"
            )
        if card.refusals:
            reason = f"{reason or 'by hand'}, forced against: {'; '.join(card.refusals)}"
        with self._lock():
            state = self._state()
            if state["stack"][-1:] != [name]:
                self._change(state, [*state["stack"], name], Event("promote", name, _now(), reason))
        return card

    def rollback(self, *, reason: str = "") -> Card | None:
        """Back to what was in use before the last promotion; its card, None for the shipped adapter. Raises
        `RegistryError` where nothing is promoted."""
        with self._lock():
            state = self._state()
            if not state["stack"]:
                raise RegistryError("nothing is promoted: the shipped adapter is in use already")
            stack = state["stack"][:-1]
            back = stack[-1] if stack else None
            self._change(state, stack, Event("rollback", back, _now(), reason))
        return self.card(back) if back else None

    def history(self) -> tuple[Event, ...]:
        """Every promotion and rollback, oldest first."""
        return tuple(Event(**event) for event in self._state()["history"])

    def stamp(self) -> Stamp:
        """Changes whenever another model is put to use; costs one look at a file."""
        try:
            found = self._pointer.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    # -- files ------------------------------------------------------------------------

    def _change(self, state: Mapping[str, Any], stack: list[str], event: Event) -> None:
        self._write_state({"stack": stack, "history": [*state["history"], asdict(event)]})

    def _write_state(self, state: Mapping[str, Any]) -> None:
        _write_json(self._pointer, {"schema": SCHEMA, **state})

    def _state(self) -> dict[str, Any]:
        """`stack`: what was promoted, the one in use last; `history`: the events."""
        try:
            value = json.loads(self._pointer.read_text(encoding="utf-8"))
            stack, history = list(map(str, value["stack"])), [asdict(Event(**e)) for e in value["history"]]
        except FileNotFoundError:
            return {"stack": [], "history": []}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"{self._pointer} cannot be read ({error}): restore it, or delete it to use the shipped model"
            ) from error
        return {"stack": stack, "history": history}

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder / ".lock"):
                yield
        except PermissionError as error:
            raise CacheError(f"cannot write to the registry {self.folder}: make it writable") from error

    def _cards(self) -> list[Path]:
        return sorted((self.folder / "models").glob("*/card.json"))

    def _folder(self, name: str) -> Path:
        return self.folder / "models" / name

    def _card(self, name: str) -> Path:
        return self._folder(name) / "card.json"


def current(folder: Path | None = None) -> Card | None:
    """The card of the promoted model; None where the shipped adapter is in use."""
    return Registry(folder).current()


def _read_card(path: Path) -> Card:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        known = {key: value[key] for key in Card.__slots__ if key in value}
        gates = {str(name): Gate(**gate) for name, gate in known.pop("gates", {}).items()}
        return Card(**known, gates=gates)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RegistryError(f"{path} is damaged ({error}): deploy the model again") from error


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, and on the disk when it returns."""
    with writing(path) as partial, partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
