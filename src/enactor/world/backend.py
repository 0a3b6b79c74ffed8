"""The one protocol behind which the simulator and the live plugin cannot be told apart."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

ClientAction = Literal["start", "stop", "restart"]


class Backend(Protocol):
    """A game that takes lowered plugin command lines.

    Responses have the plugin's shape: `{"status": "success"|"error"|"timeout", "command": VERB,
    "result": {...}|None, "error": str|None}`; a command that was not consumed has `delivered: False` too.
    What the game refuses is such a response and never an exception.
    """

    @property
    def name(self) -> str:
        """`sim` or `live`."""
        ...

    def attend(self) -> None:
        """The player has just said something: a limit on acting unattended counts from now."""
        ...

    def observe(self) -> Mapping[str, Any]:
        """The latest state in the shape of the plugin's state file. With no client running:
        `{"client": {"running": False}}`."""
        ...

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line and return its first response. Blocking and loop commands have only begun."""
        ...

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Let game time run until the running command has ended or `limit_s` seconds of it have passed.

        Returns the last response of that command, `{"status": "running", ...}` when it still runs."""
        ...

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the game client: `{"success": bool, "message" | "error": str}`."""
        ...

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """Lines of the client's log in the last `since_s` seconds of game time, oldest first."""
        ...
