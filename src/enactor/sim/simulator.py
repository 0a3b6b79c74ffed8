"""The headless game behind the `Backend` protocol."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from enactor.sim import combat
from enactor.sim.handlers import HANDLERS, LOOPS, READS, STOPS, list_commands
from enactor.sim.snapshot import now_ms, snapshot
from enactor.sim.start import new_world
from enactor.sim.state import TICK_S, Refused, Result, Running
from enactor.world.backend import ClientAction

START_TICKS = 50  # the client is up and logged in after half a minute
_VERBS = sorted({*HANDLERS, *STOPS, "PAUSE", "RESUME", "LIST_COMMANDS"})
_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2, "WARNING": 2, "ERROR": 3}


class Simulator:
    """One player in one world, deterministic by `seed`.

    Time passes in ticks of 0.6 s, only in `send` (one tick, the plugin's poll), `settle`, `advance` and a
    restart of the client, and jumps from event to event. `start`: see `start.new_world`.
    """

    def __init__(self, seed: int = 0, start: Mapping[str, Any] | None = None) -> None:
        self._world = new_world(seed, start)

    @property
    def name(self) -> str:
        """`sim`."""
        return "sim"

    # -- time -------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Game time since the start, in seconds."""
        return self._world.tick * TICK_S

    def advance(self, seconds: float) -> None:
        """Let `seconds` of game time pass, whatever runs."""
        self._run(self._world.tick + max(round(seconds / TICK_S), 0))

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Let time pass until the running command has ended, at most `limit_s` seconds; its last response."""
        world = self._world
        self._run(world.tick + max(round(limit_s / TICK_S), 0), until_idle=True)
        if world.activity is None:
            return dict(world.last)
        return {
            "timestamp": now_ms(world),
            "request_id": None,
            "command": world.activity.verb,
            "status": "running",
            "result": dict(world.progress),
            "error": None,
        }

    def _run(self, end: int, *, until_idle: bool = False) -> None:
        world = self._world
        while True:
            running = world.activity
            if until_idle and running is None:
                return
            due = end + 1
            if running is not None and not world.paused:
                due = running.due
            if world.brawl is not None:
                due = min(due, world.brawl[0])
            if due > end:
                break
            world.tick = max(world.tick, due)
            world.heal_over_time()
            if running is not None and not world.paused and running.due <= world.tick:
                self._step(running)
            else:
                self._step_brawl()
        world.tick = end
        world.heal_over_time()
        if world.player.walk is None:
            combat.provoke(world)

    def _step(self, running: Running) -> None:
        world = self._world
        try:
            wait = next(running.steps)
        except StopIteration as stop:
            self._finish(running.verb, "success", stop.value)
        except Refused as refusal:
            self._finish(running.verb, "error", None, str(refusal))
        else:
            running.due = world.tick + max(wait, 1)

    def _step_brawl(self) -> None:
        world = self._world
        brawl = world.brawl
        if brawl is None:
            return
        deaths = world.deaths
        try:
            wait = next(brawl[1])
        except StopIteration:
            if world.brawl is brawl:
                world.brawl = None
        else:
            if world.brawl is brawl:
                world.brawl = (world.tick + max(wait, 1), brawl[1])
        if world.deaths > deaths and world.activity is not None:
            self._cancel("You died")

    def _finish(self, verb: str, status: str, result: Result | None, error: str | None = None) -> None:
        world = self._world
        world.activity = None
        world.last = self._response(verb, status, result, error)
        combat.leave_to_itself(world)
        world.log(f"[{verb}] {error or (result or {}).get('message', 'done')}", "ERROR" if error else "INFO")

    def _cancel(self, reason: str = "sleep interrupted") -> None:
        running = self._world.activity
        if running is not None:
            running.steps.close()
            self._world.halt()
            self._finish(running.verb, "error", None, reason)

    # -- commands ---------------------------------------------------------------------------------------

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line; its first response. Takes one tick of game time."""
        world = self._world
        words = [w for w in line.split() if not w.startswith("--rid=")]
        verb = words[0].upper() if words else ""
        if not world.client:
            return {
                "delivered": False,
                "status": "error",
                "command": verb,
                "result": None,
                "error": "Command not consumed: the client is not running",
            }
        self._run(world.tick + 1)
        world.log(f"[COMMAND] {' '.join(words)}")
        if verb in STOPS:
            return self._stop(verb)
        if verb in ("PAUSE", "RESUME"):
            world.paused = verb == "PAUSE"
            return self._response(verb, "success", {"message": "Paused" if world.paused else "Resumed"})
        if verb == "LIST_COMMANDS":
            return self._response(verb, "success", list_commands())
        if verb not in HANDLERS:
            near = difflib.get_close_matches(verb, _VERBS, n=1)
            hint = f". Did you mean {near[0]}?" if near else ""
            return self._response(verb, "error", None, f"Unknown command: {verb}{hint}")
        if verb not in READS:
            self._cancel()
            world.paused = False
            world.progress = {}
        response = self._begin(verb, words)
        if verb not in READS and world.activity is None:
            world.last = dict(response)
        return response

    def _begin(self, verb: str, words: list[str]) -> Mapping[str, Any]:
        world = self._world
        try:
            outcome = HANDLERS[verb](world, words[1:])
            if isinstance(outcome, dict):
                return self._response(verb, "success", outcome)
            wait = next(outcome)
        except StopIteration as stop:
            return self._response(verb, "success", stop.value)
        except (IndexError, ValueError):
            return self._response(verb, "error", None, f"Missing or malformed argument for {verb}")
        except Refused as refusal:
            return self._response(verb, "error", None, str(refusal))
        world.activity = Running(verb, " ".join(words), outcome, world.tick + max(wait, 1), verb in LOOPS)
        return self._response(verb, "success", {"message": f"{verb} started"})

    def _stop(self, verb: str) -> Mapping[str, Any]:
        world = self._world
        was = world.activity.verb if world.activity else None
        self._cancel()
        world.paused = False
        combat.disengage(world) if verb != "STOP" else None
        response = self._response(
            verb, "success", {"message": f"Stopped {was}" if was else "Nothing was running"}
        )
        world.last = dict(response)
        return response

    def _response(
        self, verb: str, status: str, result: Result | None, error: str | None = None
    ) -> dict[str, Any]:
        if error is not None:
            self._world.log(f"[{verb}] {error}", "ERROR")
        return {
            "timestamp": now_ms(self._world),
            "request_id": None,
            "command": verb,
            "status": status,
            "result": result,
            "error": error,
        }

    # -- what is to be seen -----------------------------------------------------------------------------

    def observe(self) -> Mapping[str, Any]:
        """The state in the plugin's shape."""
        return snapshot(self._world)

    def snapshot(self) -> dict[str, Any]:
        """The same as `observe`, as a plain dict of its own."""
        return snapshot(self._world)

    def attend(self) -> None:
        """Nothing to do: a simulated game may go on alone."""

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """Log lines of the last `since_s` seconds of game time that contain `grep`, at `level` or above."""
        world = self._world
        least = _LEVELS.get(level.upper(), 1)
        return [
            f"{tick * TICK_S:.1f} {rank} {text}"
            for tick, rank, text in world.journal
            if (world.tick - tick) * TICK_S <= since_s
            and grep.lower() in text.lower()
            and _LEVELS[rank] >= least
        ]

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the game client. Starting takes half a minute of game time."""
        world = self._world
        if action == "start" and world.client:
            return {"success": True, "message": "The client is already running"}
        if action == "stop" and not world.client:
            return {"success": False, "error": "The client is not running"}
        self._cancel("client stopped")
        combat.disengage(world)
        world.window = world.talk = None
        world.paused = False
        if action == "stop":
            world.client = False
            return {"success": True, "message": "The client has stopped"}
        world.client = True
        self._run(world.tick + START_TICKS)
        return {
            "success": True,
            "message": "The client is running" if action == "start" else "The client was restarted",
        }
