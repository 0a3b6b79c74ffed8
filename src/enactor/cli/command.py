"""A command from its typed config: the options, the settings it takes, the function that runs it."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from enactor.settings import Settings, SettingsError, flag_name, load_settings, problems


class Config(BaseModel):
    """Base of the commands' config types: frozen, unknown keys refused.

    A field is the flag of its name (or alias); one with `json_schema_extra={"positional": True}` stands
    without a flag; a tuple may be repeated, or stands for all that is left without flags.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Command(Generic[C]):
    """`run` gets the config made of the command's own options, and the settings; it returns the exit code.
    `settings` are the keys of `Settings` that are flags of this command."""

    config: type[C]
    run: Callable[[C, Settings], int]
    settings: tuple[str, ...] = ()

    def __call__(self, name: str, arguments: Sequence[str]) -> int:
        """Parse and run. Bad options leave through `SystemExit(2)`, all of them named."""
        parser = self.parser(name)
        parsed = vars(parser.parse_args(list(arguments)))
        given = {key: value for key, value in parsed.items() if value is not None}
        flags = {key: given.pop(key) for key in self.settings if key in given}
        try:
            config = self.config.model_validate(given)
        except ValidationError as error:
            fields = self.config.model_fields
            origins = {_key(key, field): _shown(key, field) for key, field in fields.items()}
            parser.error("; ".join(problems(error, origins, self.config).values()))
        try:
            settings = load_settings(flags)
        except SettingsError as error:
            if set(error.problems) <= set(flags):
                parser.error("; ".join(error.problems.values()))
            raise
        if settings.cache is not None:  # what reads the cache folder knows the variable only
            os.environ["ENACTOR_CACHE"] = str(settings.cache)
        return self.run(config, settings)

    def parser(self, name: str) -> argparse.ArgumentParser:
        """The parser of `enactor NAME`, made from the types."""
        parser = argparse.ArgumentParser(
            prog=f"enactor {name}", description=(self.config.__doc__ or "").strip(), allow_abbrev=False
        )
        for key, field in self.config.model_fields.items():
            _add(parser, _key(key, field), field)
        if self.settings:
            group = parser.add_argument_group("settings", "over enactor.toml and the environment")
            for key in self.settings:
                _add(group, key, Settings.model_fields[key], both=True)
        return parser


@dataclass(frozen=True, slots=True)
class Group:
    """Several commands under one name, `enactor NAME PART …`. `parts` has for each what it does in a line and
    how to get its command; only the asked one is got."""

    parts: Mapping[str, tuple[str, Callable[[], Command[Any]]]]

    def __call__(self, name: str, arguments: Sequence[str]) -> int:
        """Run the part that the first argument names; 2 when there is none of that name."""
        asked = arguments[0] if arguments else ""
        if asked in self.parts:
            return self.part(asked)(f"{name} {asked}", arguments[1:])
        helping = asked in ("-h", "--help", "help")
        print(self._help(name), file=sys.stdout if helping else sys.stderr)
        if asked and not helping:
            print(f"enactor {name}: no part {asked!r}", file=sys.stderr)
        return 0 if helping else 2

    def part(self, name: str) -> Command[Any]:
        """The command of a part; `KeyError` for one that does not exist."""
        return self.parts[name][1]()

    def _help(self, name: str) -> str:
        width = max(map(len, self.parts))
        lines = [f"  {part:{width}}  {summary}" for part, (summary, _) in self.parts.items()]
        last = f"`enactor {name} PART --help` tells its options."
        return "\n".join((f"usage: enactor {name} PART [options]", "", *lines, "", last))


def _key(key: str, field: FieldInfo) -> str:
    return field.alias or key


def _positional(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("positional"))


def _shown(key: str, field: FieldInfo) -> str:
    return _key(key, field).upper() if _positional(field) else flag_name(_key(key, field))


def _add(group: Any, key: str, field: FieldInfo, *, both: bool = False) -> None:
    """One option. Values stay text for the config type to read; what is not given stays out. `both` gives a
    switch its `--no-` form: it may be on already."""
    type_ = _bare(field.annotation)
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": _help(field)}
    choices = get_args(type_) if get_origin(type_) is Literal else None
    if _positional(field):
        options["nargs"] = "*" if get_origin(type_) is tuple else None if field.is_required() else "?"
        options["default"] = None  # argparse checks any other default against the choices
        if choices:
            options["choices"] = choices
        else:
            options["metavar"] = key.upper()
        group.add_argument(key, **options)
        return
    if type_ is bool:
        options["action"] = argparse.BooleanOptionalAction if both else "store_true"
    elif get_origin(type_) is tuple:
        options.update(action="append", metavar=key.upper())
    elif choices:
        options["choices"] = choices
    else:
        options["metavar"] = key.upper()
    group.add_argument(flag_name(key), dest=key, required=field.is_required(), **options)


def _bare(annotation: Any) -> Any:
    """The type without `None` and without `Annotated`."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _help(field: FieldInfo) -> str:
    text = (field.description or "").replace("`", "").rstrip(".")
    if field.is_required() or field.default in (None, "", (), False):
        return text.replace("%", "%%")
    return f"{text} (default: {field.default})".replace("%", "%%")
