"""The simulator with the plugin's faults, in one process and in game time."""

from collections.abc import Mapping
from typing import Any

from enactor.sim.faults import Draw, Faults
from enactor.sim.handlers import LOOPS, READS
from enactor.sim.simulator import Simulator
from enactor.world import ipc
from enactor.world.backend import ClientAction

RESPONSE_S = 10.0  # how long its caller would have waited for a response
_ACCOUNT = ipc.DEFAULT_ACCOUNT


class FlakySimulator:
    """A `Backend` whose faults look to its user as they do over the live bridge.

    `late`, `lost` and `wrong_account` are time-outs of commands that were carried out; `disconnect` is one
    of a command that was not, and for `disconnect_s` nothing is taken; `not_consumed` is not delivered;
    `stale` shows the state of before for `stale_s`; a loop that ends early is interrupted while it settles.
    The same seed and commands give the same faults.
    """

    def __init__(self, simulator: Simulator, faults: Faults) -> None:
        self.simulator, self.draw = simulator, Draw(faults)
        self._offline_until = self._silent_until = float("-inf")
        self._loop_ends = float("inf")
        self._seen: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """`sim`."""
        return "sim"

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line; its first response or what the bridge says in its place."""
        game, faults, verb = self.simulator, self.draw.faults, ipc.verb_of(line)
        if game.seconds < self._offline_until:
            return self._undelivered(verb, "the connection is lost")
        fault = self.draw.next(line, loop=verb in LOOPS)
        if fault == "not_consumed":
            return self._undelivered(verb, "the client is busy")
        if fault in ("stale", "disconnect"):
            self._seen = game.observe()
        if fault == "disconnect":
            self._offline_until = self._silent_until = game.seconds + faults.disconnect_s
            return self._silence(verb)
        response = game.send(line)
        if verb not in READS:
            self._loop_ends = float("inf")
        if fault == "stale":
            self._silent_until = game.seconds + faults.stale_s
        if fault == "loop_ends_early":
            self._loop_ends = game.seconds + faults.loop_s
        return self._silence(verb) if fault in ("late", "lost", "wrong_account") else response

    def _undelivered(self, verb: str, why: str) -> dict[str, Any]:
        self.simulator.advance(ipc.DELIVERY_S)
        return {
            "dispatched": False,
            "delivered": False,
            "status": "error",
            "command": verb,
            "result": None,
            "error": f"Command not consumed within {ipc.DELIVERY_S * 1000:.0f}ms: {why}",
        }

    def _silence(self, verb: str) -> dict[str, Any]:
        self.simulator.advance(RESPONSE_S)
        return ipc.timed_out(verb, RESPONSE_S, _ACCOUNT)

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Let time pass until the running command has ended, at most `limit_s` seconds; its last response."""
        game = self.simulator
        left = self._loop_ends - game.seconds
        if left > limit_s:
            return game.settle(limit_s)
        last = game.settle(max(left, 0.0))
        self._loop_ends = float("inf")
        if last["status"] != "running":
            return last
        game.send("STOP")
        return {**last, "status": "error", "result": None, "error": "sleep interrupted"}

    def observe(self) -> Mapping[str, Any]:
        """The state, or an old one while it is not written."""
        if self.simulator.seconds < self._silent_until:
            return self._seen
        return self.simulator.observe()

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the client; a connection that was lost is there again."""
        self._offline_until = self._silent_until = float("-inf")
        return self.simulator.client(action)

    def attend(self) -> None:
        """Nothing to do: a simulated game may go on alone."""

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """The simulator's log."""
        return self.simulator.logs(since_s, grep, level)
