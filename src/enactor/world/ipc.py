"""The plugin's file protocol: paths, lines and response shapes that its two sides share.

A controller puts one line into the command file, the plugin takes the file away and publishes its answer and,
every tick, its state. Both sides publish by writing a file of their own and renaming it over the target, so
that a reader sees a whole file or the one before.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError

DEFAULT_ACCOUNT = "default"
ACCOUNT_VARIABLE = "MANNY_ACCOUNT_ID"  # where the plugin reads its account id
PLUGIN_POLL_S = 0.5  # how often the plugin looks for a command
DELIVERY_S = 1.5  # a command file that is there for longer was not consumed
SPACING_S = 0.7  # the least time between two writes into the single slot
TICK_S = 0.6  # the state is written every game tick

FRESH_S = 5.0  # ages of the state file, in seconds: below it is fresh,
DISCONNECTED_S = 10.0  # from here on the connection counts as lost,
FROZEN_S = 30.0  # and from here on the client as frozen, or gone

Response = Mapping[str, Any]
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RID = re.compile(r"\s--rid=(?P<rid>\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The files of one account in one folder. The account `default` has names without a suffix.

    Raises `EnactorError` when the account cannot be part of a file name.
    """

    folder: Path
    account: str = DEFAULT_ACCOUNT

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise EnactorError(
                f"{self.account!r} cannot be an account id: use letters, digits, `.`, `_` and `-`"
            )

    def _path(self, stem: str, ending: str) -> Path:
        suffix = "" if self.account == DEFAULT_ACCOUNT else f"_{self.account}"
        return self.folder / f"{stem}{suffix}{ending}"

    @property
    def command(self) -> Path:
        """Written by the controller, taken away by the plugin."""
        return self._path("manny", "_command.txt")

    @property
    def response(self) -> Path:
        """The plugin's latest response."""
        return self._path("manny", "_response.json")

    @property
    def state(self) -> Path:
        """The plugin's state, written every tick."""
        return self._path("manny", "_state.json")

    @property
    def log(self) -> Path:
        """The client's text log."""
        return self._path("runelite", ".log")


def with_rid(line: str, rid: str) -> str:
    """The text of the command file: the line, its request id, a newline."""
    return f"{line} --rid={rid}\n"


def split_rid(line: str) -> tuple[str, str | None]:
    """A line of the command file without its request id, and the id, None where there is none."""
    match = _RID.search(line)
    return (line[: match.start()].strip(), match["rid"]) if match else (line.strip(), None)


def verb_of(line: str) -> str:
    """The first word of a line in capitals."""
    return line.split(maxsplit=1)[0].upper() if line.strip() else ""


def publish(path: Path, text: str, temporary: Path | None = None) -> os.stat_result:
    """Write `text` beside `path` and rename it over; the status of the file just before. Raises `OSError`."""
    temporary = temporary or path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        status = temporary.stat()
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return status


def publish_json(path: Path, data: Mapping[str, Any]) -> os.stat_result:
    """`publish` of a JSON object. Raises `OSError`."""
    return publish(path, json.dumps(data, ensure_ascii=False))


def read_json(path: Path) -> tuple[dict[str, Any], os.stat_result] | None:
    """A JSON object and the status of the very file it was read from; None when it is missing or torn."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return (data, status) if isinstance(data, dict) else None


def answers(response: Response, rid: str, verb: str) -> bool:
    """Whether a response belongs to a request: the same id, or none and the same verb, case ignored."""
    told = response.get("request_id")
    if told is None:
        return str(response.get("command", "")).casefold() == verb.casefold()
    return bool(told == rid)


# -- what the controller says in the plugin's place -----------------------------------------------------


def timed_out(line: str, seconds: float, account: str) -> dict[str, Any]:
    """Delivered, but no response in time."""
    return {
        "timeout": True,
        "status": "timeout",
        "command": line,
        "result": None,
        "error": f"No response received within {seconds * 1000:.0f}ms",
        "account_id": account,
    }


def not_consumed(line: str, mailbox: Mailbox, reason: str) -> dict[str, Any]:
    """The plugin did not take the command; it has been withdrawn and will not run."""
    return {
        "dispatched": False,
        "delivered": False,
        "status": "error",
        "command": line,
        "result": None,
        "error": reason,
        "command_file": str(mailbox.command),
        "account_id": mailbox.account,
    }


def not_written(line: str, mailbox: Mailbox, error: OSError) -> dict[str, Any]:
    """The command file could not be written."""
    return {
        "dispatched": False,
        "delivered": False,
        "status": "error",
        "command": line,
        "result": None,
        "error": f"Failed to write command: {error.strerror or error}",
        "command_file": str(mailbox.command),
    }


def accepted(line: str, mailbox: Mailbox) -> dict[str, Any]:
    """The plugin took the command and nobody waits for its response."""
    return {
        "dispatched": True,
        "delivered": True,
        "status": "success",
        "command": line,
        "result": None,
        "error": None,
        "note": "delivered; its response was not awaited",
        "command_file": str(mailbox.command),
        "account_id": mailbox.account,
    }
