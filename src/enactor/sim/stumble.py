"""A game that refuses a command once, as a click that misses or a door that sticks."""

from collections.abc import Mapping
from typing import Any

from enactor.world import ipc
from enactor.world.backend import Backend, ClientAction


class Stumbling:
    """A `Backend` in which the first command of each verb in `fails` is answered by that error and not
    carried out; the next one of the verb is."""

    def __init__(self, game: Backend, fails: Mapping[str, str]) -> None:
        self.game, self.fails = game, dict(fails)

    @property
    def name(self) -> str:
        """That of the game behind it."""
        return self.game.name

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line, or fail it."""
        verb = ipc.verb_of(line)
        error = self.fails.pop(verb, None)
        if error is None:
            return self.game.send(line)
        return {
            "timestamp": 0,
            "request_id": None,
            "command": verb,
            "status": "error",
            "result": None,
            "error": error,
        }

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """As the game."""
        return self.game.settle(limit_s)

    def observe(self) -> Mapping[str, Any]:
        """As the game."""
        return self.game.observe()

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """As the game."""
        return self.game.client(action)

    def attend(self) -> None:
        """As the game."""
        self.game.attend()

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """As the game."""
        return self.game.logs(since_s, grep, level)
