"""What one request may use up, and whether it goes in circles."""

import time
from collections import Counter
from dataclasses import dataclass, field

from enactor.trace import canonical_json
from enactor.trace.values import ToolCall, ToolResult
from enactor.world import GameState

SAME = 2
"""Times that a call may give the same result and change nothing; then it is not made again."""
REMEDIES = 3
"""Failed steps that are made good in one request, each by its own remedy."""


def fingerprint(state: GameState) -> str:
    """A state without its time, for telling whether anything has changed."""
    known = {**state.to_case(), "experience": dict(state.experience or {}), "dialogue": state.dialogue}
    return canonical_json({**known, "window": state.raw.get("interface")})


@dataclass(slots=True)
class Course:
    """One request on its way. `max_calls` bounds the calls that are made, beside those of remedies, which
    have their own bound; `limit_s` is time, the game's or the clock's, whichever has gone on further, after
    which no further call begins. `remedies` is how many failed steps may still be made good."""

    max_calls: int
    limit_s: float
    remedies: int
    calls: int = 0
    began: float = field(default_factory=time.monotonic)
    _game: float | None = None
    _seen: Counter[str] = field(default_factory=Counter)

    def refuses(self, call: ToolCall, state: GameState) -> str | None:
        """Why the call is not made, if it is not."""
        if self.calls >= self.max_calls and call.origin != "recovered":
            return f"a request may make {self.max_calls} calls"
        if self._elapsed(state) > self.limit_s:
            return f"the {self.limit_s:g} seconds of a request are over"
        if any(n >= SAME for key, n in self._seen.items() if key.startswith(_key(call))):
            return f"it came to the same {SAME} times and changed nothing"
        return None

    def note(self, call: ToolCall, result: ToolResult, before: GameState, after: GameState) -> None:
        """A call was made."""
        self.calls += call.origin != "recovered"
        if fingerprint(before) == fingerprint(after):
            self._seen[_key(call) + canonical_json([result.status, dict(result.content)])] += 1

    def _elapsed(self, state: GameState) -> float:
        wall = time.monotonic() - self.began
        stamp = state.raw.get("timestamp")
        if not isinstance(stamp, int):
            return wall
        if self._game is None:
            self._game = stamp / 1000
        return max(wall, stamp / 1000 - self._game)


def _key(call: ToolCall) -> str:
    return canonical_json([call.tool, call.parsed]) + "\n"
