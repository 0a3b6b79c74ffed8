"""The settings: one typed file, environment variables over it, flags over both.

The file is `enactor.toml` in the current folder, or else the one in the user's configuration folder;
`ENACTOR_SETTINGS` names another. Each key is also a variable (`ENACTOR_` and the key in capitals) and a flag
of the commands that use it. `python -m enactor.settings` writes the example and the reference page.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from enactor.errors import EnactorError

FILE = "enactor.toml"
PREFIX = "ENACTOR_"
FILE_VARIABLE = "ENACTOR_SETTINGS"

Folder = Annotated[Path, AfterValidator(Path.expanduser)]


def _split(value: Any) -> Any:
    """Several paths in one text, as in PATH."""
    return value.split(os.pathsep) if isinstance(value, str) else value


def _words(value: Any) -> Any:
    """Several names in one text, with commas or spaces between; a repeated flag gives several texts."""
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        return [word for text in texts for word in text.replace(",", " ").split()]
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_words)]
Folders = Annotated[tuple[Folder, ...], BeforeValidator(_split)]


SERVED = (
    "model",
    "endpoint",
    "key_file",
    "engine_timeout",
    "fallback",
    "backend",
    "dry_run",
    "max_calls",
    "time_limit",
    "read_only",
    "log",
    "training_log",
    "loop_window",
    "threads",
    "context",
    "cache",
    "seed",
)
"""The settings that every door of the service takes."""


class SettingsError(EnactorError):
    """Settings that cannot be used. `problems` has one line each; `keys` the settings they are about."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        lines = list(self.problems.values())
        super().__init__(lines[0] if len(lines) == 1 else "settings:\n  " + "\n  ".join(lines))


class Settings(BaseModel):
    """What holds for every command. Folders may begin with `~`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    backend: Literal["sim", "live"] = Field(
        "sim", description="The game: `sim` is the simulator in this process, `live` the RuneLite plugin."
    )
    dry_run: bool = Field(False, description="Check and lower commands, but send nothing to the game.")
    read_only: bool = Field(False, description="Refuse every call that acts; questions are answered.")
    model: str = Field(
        "default",
        min_length=1,
        description="`default` is the promoted model or else the shipped adapter, `shipped` always that, "
        "`base` its base alone; else a model of the registry, the path of a GGUF file, the folder of an "
        "adapter, or a remote model such as `ollama:qwen2.5:14b`.",
    )
    endpoint: str | None = Field(
        None,
        examples=["http://192.168.1.7:11434/v1"],
        description="Address of the remote model's server, where it is not the usual one.",
    )
    key_file: Folder | None = Field(
        None,
        examples=["~/.config/enactor/key"],
        description="File with the remote server's key, readable by you alone. Without it: the server's "
        "environment variable.",
    )
    engine_timeout: float = Field(
        300.0, gt=0, le=3600, description="Seconds that a remote model may take for one answer, all tries."
    )
    fallback: str | None = Field(
        None,
        min_length=1,
        examples=["default"],
        description="Model that answers while the remote one is out of reach.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        examples=[2],
        description="CPU threads that decode. Without it: one less than this process may use.",
    )
    slots: int = Field(
        2, ge=1, le=64, description="Requests that `predict` and the evaluation decode side by side."
    )
    context: int = Field(
        2048, ge=256, le=32768, description="Tokens of one request with its history and answer."
    )
    log: bool = Field(True, description="Write every request to the training log.")
    training_log: Folder = Field(
        Path("~/.manny/training_data"), description="Folder of the training log, one file a day."
    )
    retention_days: int | None = Field(
        None,
        ge=1,
        examples=[365],
        description="Days that recorded requests are kept, counted from today (UTC). Older days are removed "
        "when the log is opened and at the first request of a day. Without it: all are kept.",
    )
    records: Folders | None = Field(
        None,
        examples=["~/.claude/projects:/tmp/manny_sessions"],
        description="Where `enactor ingest` looks when no path is given: files or folders, as a list, or in "
        "one text with the system's separator. Without it: the usual places.",
    )
    watch_window: int = Field(
        200, ge=10, le=2000, description="Requests that the shares of `enactor status` are of."
    )
    drift_slack: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Rise of the share of failed requests that does not matter (Page-Hinkley's test).",
    )
    drift_threshold: float = Field(
        10.0,
        gt=0,
        description="About how many more failures than usual it takes to raise the alarm. Less is sooner and "
        "more often for nothing.",
    )
    drift_least: int = Field(30, ge=1, description="Requests before the alarm can be raised.")
    player: str = Field(
        "",
        max_length=200,
        examples=["me"],
        description="Your name in the training log, where it stands as a salted hash. Empty: no name.",
    )
    cache: Folder | None = Field(
        None,
        examples=["~/.cache/enactor"],
        description="Folder of weights and merged models. Without it: the platform's cache folder.",
    )
    loop_window: float = Field(
        120.0,
        gt=0,
        le=86_400,
        description="Seconds of game time that a loop gets before the next step of the same request, and in "
        "a chat with the simulator after the request.",
    )
    max_calls: int = Field(
        8, ge=1, le=100, description="Calls that one request may make; what is beyond is said to be left out."
    )
    time_limit: float = Field(
        1800.0,
        gt=0,
        le=86_400,
        description="Seconds, of the game or the clock, after which a request begins no further step.",
    )
    game_folder: Folder = Field(Path("/tmp"), description="Folder of the live plugin's files.")
    account: str = Field(
        "default",
        min_length=1,
        description="Account id of the live plugin; `default` has files without a suffix.",
    )
    client_command: str | None = Field(
        None,
        examples=["/opt/runelite/client.sh {action} {account}"],
        description="Command line that starts, stops and restarts the game client. Without it the live "
        "client is left alone.",
    )
    unattended: float = Field(
        21_600.0,
        gt=0,
        description="Seconds that the live client may act after the player's last word; then it is stopped.",
    )
    seed: int = Field(0, ge=0, description="Seed of the simulator: the same seed gives the same world.")
    accounts: Names | None = Field(
        None,
        examples=["main, alt"],
        description="Accounts that one service plays side by side, each with a game of its own: account ids "
        "of the live plugin, names of simulators. Without it: `account` alone.",
    )
    discord_owner: str | None = Field(
        None,
        pattern=r"^\d{5,25}$",
        examples=["123456789012345678"],
        description="Your Discord user id. Without other people named, nobody else may use the bot.",
    )
    discord_users: Names | None = Field(
        None, examples=["123456789012345678"], description="Ids of further Discord users who may act."
    )
    discord_roles: Names | None = Field(
        None, examples=["123456789012345678"], description="Ids of Discord roles whose members may act."
    )
    discord_watchers: Names | None = Field(
        None,
        examples=["123456789012345678"],
        description="Ids of Discord users and roles that may look and ask, and not act.",
    )
    discord_channels: Names | None = Field(
        None,
        examples=["123456789012345678"],
        description="Ids of the channels in which the bot hears mentions and slash commands. Without them: "
        "direct messages alone.",
    )
    discord_token_file: Folder | None = Field(
        None,
        examples=["~/.config/enactor/discord-token"],
        description="File with the bot's token, readable by you alone. Without it: the environment variable "
        "`DISCORD_TOKEN`.",
    )


def settings_file() -> Path | None:
    """The file that holds, None where there is none. Raises `SettingsError` when the named one is missing."""
    if named := os.environ.get(FILE_VARIABLE):
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(
                {FILE_VARIABLE: f"{FILE_VARIABLE} names {path}, which is no file: correct or unset it"}
            )
        return path
    from platformdirs import user_config_path

    candidates = (Path(FILE), user_config_path("enactor", appauthor=False) / FILE)
    return next((path for path in candidates if path.is_file()), None)


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process. Raises `SettingsError` that names every problem and where it stands."""
    flags = flags or {}
    path = settings_file()
    stored = _read(path) if path else {}
    variables, unknown = _environment()
    origins = {
        **{key: f"{key} in {path}" for key in stored},
        **{key: PREFIX + key.upper() for key in variables},
        **{key: flag_name(key) for key in flags},
    }
    try:
        settings = Settings.model_validate({**stored, **variables, **flags})
    except ValidationError as error:
        raise SettingsError({**problems(error, origins, Settings), **unknown}) from None
    if unknown:
        raise SettingsError(unknown)
    return settings


def flag_name(key: str) -> str:
    """`dry_run` -> `--dry-run`."""
    return "--" + key.replace("_", "-")


def problems(error: ValidationError, origins: Mapping[str, str], type_: type[BaseModel]) -> dict[str, str]:
    """One line for each key of a validation error, named as the user wrote it."""
    from difflib import get_close_matches

    found: dict[str, str] = {}
    for detail in error.errors():
        key = str(detail["loc"][0]) if detail["loc"] else ""
        where = origins.get(key, key)
        if detail["type"] == "extra_forbidden":
            near = get_close_matches(key, type_.model_fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(type_.model_fields)}"
            found[key] = f"{where}: unknown setting; {hint}"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            found[key] = f"{where}: {message[0].lower()}{message[1:]}, not {detail['input']!r}"
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not TOML, or not UTF-8
        raise SettingsError(
            {FILE: f"{path} cannot be read ({error}): correct it, or move it away"}
        ) from error


def _environment() -> tuple[dict[str, str], dict[str, str]]:
    """Settings among the environment variables, and the problem of each that is none."""
    found: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, value in os.environ.items():
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        key = name.removeprefix(PREFIX).lower()
        if key in Settings.model_fields:
            found[key] = value
        else:
            known = ", ".join(PREFIX + field.upper() for field in Settings.model_fields)
            unknown[name] = f"{name}: unknown variable; unset it, or use one of {known}"
    return found, unknown


# -- the generated files ------------------------------------------------------------


def example() -> str:
    """`enactor.example.toml`: every key with its meaning and its default, commented out."""
    lines = [
        "# Settings of Enactor. Copy to enactor.toml in the project's folder or the user's folder.",
        "# Environment variables (ENACTOR_MODEL=base) win over this file, flags (--model base) over both.",
    ]
    for key, field in Settings.model_fields.items():
        lines += ["", *_wrapped(field.description or ""), f"# {key} = {_toml(_shown(field))}"]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """`docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Generated by `python -m enactor.settings`. Do not edit.",
        "",
        f"One file, `{FILE}`: in the current folder, or else in the user's configuration folder (Linux",
        "`~/.config/enactor`, macOS `~/Library/Application Support/enactor`). `ENACTOR_SETTINGS` names",
        "another.",
        "Environment variables win over the file, flags over both. An unknown key is an error.",
        "`enactor.example.toml` lists all keys, commented.",
        "",
        "| Key | Default | Variable | Flag | Meaning |",
        "|---|---|---|---|---|",
    ]
    for key, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{_toml(field.default)}`"
        flag = f"`{flag_name(key)}`"
        if field.annotation is bool:
            flag += f" or `--no-{flag_name(key)[2:]}`"
        lines.append(f"| `{key}` | {default} | `{PREFIX}{key.upper()}` | {flag} | {field.description} |")
    return "\n".join(lines) + "\n"


def write_pages(folder: Path) -> tuple[Path, ...]:
    """Write both generated files under `folder` and return their paths."""
    pages = {folder / "enactor.example.toml": example(), folder / "docs" / "settings.md": reference()}
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return tuple(pages)


def _shown(field: FieldInfo) -> Any:
    """The default, or an example where that is nothing."""
    return field.examples[0] if field.examples else field.default


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return '"' + Path(value).as_posix() + '"' if isinstance(value, Path) else f'"{value}"'


def _wrapped(text: str) -> list[str]:
    import textwrap

    return [f"# {line}" for line in textwrap.wrap(text, 100)]


if __name__ == "__main__":
    for written in write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else ".")):
        print(written)
