"""The plugin's side of the file protocol: any client written for the plugin drives the simulator."""

import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from enactor.errors import EnactorError
from enactor.sim.faults import Draw, Fault, Faults
from enactor.sim.handlers import LOOPS, READS
from enactor.sim.simulator import Simulator
from enactor.world import ipc

DWELL_S = 0.05  # a response lies at least this long (or one poll) before the next replaces it
HOLD_S = 0.25  # so long after an answer what runs says nothing, unless the client has read on
TORN_S = 0.05  # a line without its end is left alone so long: somebody may be writing in place
OTHER = "other"  # the account whose responses a `wrong_account` fault swaps with ours


class PluginFiles:
    """One simulator behind the files of one account.

    Every `poll_s` seconds it looks for a command, takes it and publishes the response; every tick of 0.6 s,
    `speed` times as fast, it lets a tick of the game pass, publishes the state and appends to the client's
    log. A command's later responses (a loop's progress, the end) carry its request id. There is one response
    file, so they and late answers wait until the last answer was read: until the next command is taken, at
    most `HOLD_S` seconds. `faults` go wrong here.
    """

    def __init__(
        self,
        simulator: Simulator,
        mailbox: ipc.Mailbox,
        *,
        poll_s: float = ipc.PLUGIN_POLL_S,
        speed: float = 1.0,
        faults: Faults | None = None,
    ) -> None:
        self._simulator, self._mailbox = simulator, mailbox
        self._poll_s, self._tick_s = poll_s, ipc.TICK_S / speed
        self._dwell_s = min(DWELL_S, poll_s, self._tick_s / 2)
        self.draw = Draw(faults or Faults())
        self._drawn: tuple[tuple[int, int], Fault | None] | None = None
        self._outbox: deque[tuple[Path, dict[str, Any]]] = deque()
        self._late: list[tuple[float, dict[str, Any]]] = []
        self._published = self._unread_until = float("-inf")
        self._report: dict[str, Any] | None = None  # what the running command has to say next
        self._end_waits = False  # and whether that is its end
        self._running: tuple[str | None, str] | None = None  # request id and verb of what runs
        self._progress: Any = None
        self._held_until = self._silent_until = self._offline_until = float("-inf")
        self._loop_ends = float("inf")
        self._logged_s = -1.0
        self._up = _running(simulator.observe())

    def serve(self, stop: threading.Event) -> None:
        """Play the plugin until `stop` is set. Raises `EnactorError` when the folder cannot be written."""
        try:
            self._mailbox.command.unlink(missing_ok=True)  # as the plugin does when it starts
            self._mailbox.log.write_text("", encoding="utf-8")
            now = next_poll = next_tick = time.monotonic()
            while not stop.is_set():
                if now >= next_tick:
                    self._tick(now)
                    next_tick = max(next_tick + self._tick_s, now - self._tick_s)  # catch up one at most
                if now >= next_poll:
                    self._poll(now)
                    next_poll = now + self._poll_s
                self._send_out(now)
                due = min(next_poll, next_tick, self._next_out())
                stop.wait(max(due - time.monotonic(), 0.0))
                now = time.monotonic()
        except OSError as error:
            raise EnactorError(
                f"the plugin's files in {self._mailbox.folder} cannot be written ({error}): choose "
                "another folder"
            ) from error

    # -- commands ---------------------------------------------------------------------------------------

    def _poll(self, now: float) -> None:
        if now < self._offline_until or not self._up:
            return
        if self._offline_until > float("-inf"):  # logged in again: the plugin clears its slot
            self._offline_until = float("-inf")
            if (eaten := self._take()) is not None:
                self.draw.note(ipc.split_rid(eaten)[0], "disconnect")
            return
        found = self._lying()
        if found is None:
            return
        identity, text = found
        if self._drawn is None or self._drawn[0] != identity:
            line = ipc.split_rid(text)[0]
            self._drawn = (identity, self.draw.next(line, loop=ipc.verb_of(line) in LOOPS))
            if self._drawn[1] == "not_consumed":
                self._held_until = now + self.draw.faults.held_s
        fault = self._drawn[1]
        if now < self._held_until and fault == "not_consumed":
            return
        taken = self._take()
        if taken is None:
            return
        self._drawn = None
        self._unread_until = float("-inf")
        if fault == "disconnect":
            self._offline_until = now + self.draw.faults.disconnect_s
            return
        for line in filter(str.strip, taken.splitlines()):
            self._carry_out(line, fault, now)

    def _lying(self) -> tuple[tuple[int, int], str] | None:
        """The command that lies there, whole, with its file's identity."""
        try:
            with self._mailbox.command.open("rb") as file:
                status = os.fstat(file.fileno())
                text = file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        if not text.endswith("\n") and time.time() - status.st_mtime < TORN_S:
            return None
        return (status.st_ino, status.st_mtime_ns), text

    def _take(self) -> str | None:
        """Move the command away before reading it: what a client has withdrawn is never carried out."""
        taken = self._mailbox.command.with_name(self._mailbox.command.name + ".taken")
        try:
            self._mailbox.command.rename(taken)
        except FileNotFoundError:
            return None
        text = taken.read_text(encoding="utf-8", errors="replace")
        taken.unlink()
        return text

    def _carry_out(self, line: str, fault: Fault | None, now: float) -> None:
        command, rid = ipc.split_rid(line)
        verb = ipc.verb_of(command)
        response = self._simulator.send(command)
        if verb not in READS:
            running = self._simulator.settle(0.0).get("status") == "running"
            self._running = (rid, verb) if running else None
            self._progress = None
            self._loop_ends = float("inf")
        faults = self.draw.faults
        if fault == "stale":
            self._silent_until = now + faults.stale_s
        if fault == "loop_ends_early":
            self._loop_ends = now + faults.loop_s
        answer = self._stamped(response, rid)
        if fault == "late":
            self._late.append((now + faults.late_s, answer))
        elif fault == "wrong_account":
            theirs = ipc.Mailbox(self._mailbox.folder, OTHER).response
            self._outbox.append((theirs, answer))
            self._outbox.append((self._mailbox.response, {**answer, "request_id": "0ther000"}))
        elif fault != "lost":
            self._outbox.append((self._mailbox.response, answer))

    # -- what is published ------------------------------------------------------------------------------

    def _tick(self, now: float) -> None:
        end_waits = self._end_waits
        self._simulator.advance(ipc.TICK_S)
        if now >= self._loop_ends and self._running is not None:
            self._end_loop()
        if self._running is not None:
            self._follow(*self._running)
        state = dict(self._simulator.observe())
        self._up = _running(state)
        if now < self._offline_until or not self._up:
            return
        if now >= self._silent_until and not end_waits:  # an end is told before a second idle state
            state["timestamp"] = _now_ms()
            if state.get("active_loop"):
                state["active_loop"] = {**state["active_loop"], "updated_at": state["timestamp"]}
            ipc.publish_json(self._mailbox.state, state)
        self._write_log()

    def _follow(self, rid: str | None, verb: str) -> None:
        """A running command's progress, when there is some, or its end."""
        last = dict(self._simulator.settle(0.0))
        if last.get("status") != "running":
            self._running = None
        elif not last.get("result") or last["result"] == self._progress:
            return
        else:  # the answer to an inner action
            self._progress = last["result"]
            last["status"] = "success"
        self._report = self._stamped({**last, "command": verb}, rid)
        self._end_waits = self._running is None

    def _end_loop(self) -> None:
        assert self._running is not None
        (rid, verb), self._running, self._loop_ends = self._running, None, float("inf")
        self._simulator.send("STOP")
        cut = {"command": verb, "status": "error", "result": None, "error": "sleep interrupted"}
        self._report, self._end_waits = self._stamped(cut, rid), True

    def _next_out(self) -> float:
        """The moment from which something can be published; infinite while there is nothing."""
        aside = float("-inf") if self._report else min((due for due, _ in self._late), default=float("inf"))
        wanted = float("-inf") if self._outbox else max(aside, self._unread_until)
        return max(wanted, self._published + self._dwell_s)

    def _send_out(self, now: float) -> None:
        if now < self._published + self._dwell_s:
            return
        aside = self._aside(now) if now >= self._unread_until else None
        if aside is not None:
            ipc.publish_json(self._mailbox.response, aside)
            self._published = now
        elif self._outbox:
            path, response = self._outbox.popleft()
            ipc.publish_json(path, response)
            self._published, self._unread_until = now, now + HOLD_S

    def _aside(self, now: float) -> dict[str, Any] | None:
        """What is said without having been asked just now: what runs, and late answers."""
        if self._report is not None:
            said, self._report, self._end_waits = self._report, None, False
            return said
        late = next((entry for entry in self._late if entry[0] <= now), None)
        if late is None:
            return None
        self._late.remove(late)
        return late[1]

    def _stamped(self, response: Mapping[str, Any], rid: str | None) -> dict[str, Any]:
        return {**response, "timestamp": _now_ms(), "request_id": rid}

    def _write_log(self) -> None:
        """Append the lines of the game's log up to the tick before, which is whole."""
        ended = self._simulator.seconds
        fresh = []
        for line in self._simulator.logs(since_s=ended - self._logged_s, level="DEBUG"):
            at, rank, text = line.split(" ", 2)
            if self._logged_s <= float(at) < ended:
                fresh.append(f"{datetime.now():%Y-%m-%d %H:%M:%S} [{rank}] {text}\n")
        self._logged_s = ended
        if fresh:
            with self._mailbox.log.open("a", encoding="utf-8") as log:
                log.writelines(fresh)


def _running(state: Mapping[str, Any]) -> bool:
    return bool((state.get("client") or {}).get("running"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
