"""The plugin's state file: what it says, how old it is, and what its age means."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from enactor.bridge.config import BridgeConfig
from enactor.bridge.watch import Watch
from enactor.world import ipc

Freshness = Literal["fresh", "late", "disconnected", "frozen", "missing"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One state as it was read. `written_ns` is the file's mtime."""

    state: Mapping[str, Any]
    written_ns: int

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return max(time.time() - self.written_ns / 1e9, 0.0)

    @property
    def task(self) -> str:
        """What the plugin says it is doing: a command or its own words; empty when nothing."""
        loop = (self.state.get("active_loop") or {}).get("command")
        task = str(loop or self._scenario.get("currentTask") or "")
        return "" if task == "Idle" else task

    @property
    def busy(self) -> bool:
        """Whether a loop, a scenario or a walk is under way."""
        moving = (self.state.get("player") or {}).get("isMoving")
        return bool(self.state.get("active_loop") or self._scenario.get("running") or self.task or moving)

    @property
    def _scenario(self) -> Mapping[str, Any]:
        inner = (self.state.get("player") or {}).get("scenario")  # older notes have it there
        found: Mapping[str, Any] = self.state.get("scenario") or inner or {}
        return found


class Sight:
    """Reads the state file of one account."""

    def __init__(self, config: BridgeConfig, mailbox: ipc.Mailbox, watch: Watch) -> None:
        self._config, self._mailbox, self._watch = config, mailbox, watch
        self._last: Seen | None = None

    def look(self) -> Seen | None:
        """The latest whole state. A torn file counts as not written yet; None when there is no file."""
        found = ipc.read_json(self._mailbox.state)
        if found is not None:
            self._last = Seen(found[0], found[1].st_mtime_ns)
        elif not self._mailbox.state.exists():
            self._last = None
        return self._last

    def after(self, written_ns: int, limit_s: float) -> Seen | None:
        """The first state written after a moment, or the latest when none comes within `limit_s` seconds."""
        deadline = time.monotonic() + limit_s
        while True:
            mark = self._watch.mark()
            seen = self.look()
            left = deadline - time.monotonic()
            if left <= 0 or (seen is not None and seen.written_ns > written_ns):
                return seen
            self._watch.wait(mark, left)

    def freshness(self, seen: Seen | None) -> Freshness:
        """What the age of a state means. Ticks stop at the login screen too: old does not mean crashed."""
        if seen is None:
            return "missing"
        age, config = seen.age_s, self._config
        if age < config.fresh_s:
            return "fresh"
        if age < config.disconnected_s:
            return "late"
        return "disconnected" if age < config.frozen_s else "frozen"
