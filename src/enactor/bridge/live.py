"""The live RuneLite plugin behind the `Backend` protocol."""

import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import ValidationError

from enactor.bridge.attendance import Attendance
from enactor.bridge.client import Client
from enactor.bridge.config import BridgeConfig
from enactor.bridge.log import read_log
from enactor.bridge.post import Post, Sent
from enactor.bridge.sight import Seen, Sight
from enactor.bridge.watch import open_watch
from enactor.errors import EnactorError
from enactor.world import COMMANDS, GameState, ipc, parse_condition
from enactor.world.backend import ClientAction

Health = Literal["alive", "frozen", "disconnected", "dead"]
STOPS = frozenset({"STOP", "KILL", "EMERGENCY_STOP"})
IDLE_STATES = 2  # a state may be written between a command's response and its first movement
PROBE_S = 5.0  # how long GET_GAME_STATE may take before the client counts as dead


@dataclass(slots=True)
class _Pursuit:
    """The command that has the player, and what was seen of it since."""

    sent: Sent
    last: dict[str, Any]
    answered_ns: int
    looked_ns: int = 0
    idle: int = 0

    @property
    def over(self) -> bool:
        return self.idle >= IDLE_STATES


class LiveBackend:
    """The plugin of one account, over its files. `options` are the fields of `BridgeConfig`.

    Threads may share it: their commands take turns, and STOP waits for none of them. Use it in a `with`
    statement or `close` it. Raises `EnactorError` for options that cannot be used and for a folder that does
    not exist.
    """

    def __init__(self, config: BridgeConfig | None = None, **options: Any) -> None:
        try:
            self.config = BridgeConfig.model_validate({**(config.model_dump() if config else {}), **options})
        except ValidationError as error:
            raise EnactorError(f"settings of the live bridge: {error}") from error
        self.mailbox = ipc.Mailbox(self.config.folder, self.config.account)
        if not self.config.folder.is_dir():
            raise EnactorError(
                f"{self.config.folder} is no folder: set `folder` to that of the plugin's files"
            )
        box = self.mailbox
        names = (box.command.name, box.response.name, box.state.name)
        self._watch = open_watch(box.folder, names, self.config.poll_s, notices=self.config.notices)
        self._post = Post(self.config, box, self._watch)
        self._sight = Sight(self.config, box, self._watch)
        self._client = Client(self.config, box, lambda: self._sight.freshness(self._sight.look()) == "fresh")
        self._attendance = Attendance(self.config.unattended_s, self._leave)
        self._pursuit: _Pursuit | None = None
        self._turn = threading.Lock()
        self._answer = threading.Lock()  # there is one response file: the next response replaces the last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the watch and the timer. What runs in the game goes on."""
        self._attendance.close()
        self._watch.close()

    @property
    def name(self) -> str:
        """`live`."""
        return "live"

    def attend(self) -> None:
        """The player said something: the unattended time counts anew."""
        self._attendance.attend()

    # -- commands ---------------------------------------------------------------------------------------

    def send(self, line: str) -> Mapping[str, Any]:
        """Send one command line; its first response, or the pseudo-response that says what went wrong.

        A command that takes time and does not answer within `begin_s` counts as begun when the state shows
        that it runs.
        """
        stops = ipc.verb_of(line) in STOPS
        with nullcontext() if stops else self._answer:
            return self._send(line)

    def _send(self, line: str) -> dict[str, Any]:
        before = self._sight.look()
        sent = self._dispatch(line)
        if not isinstance(sent, Sent):
            return sent
        spec = COMMANDS.get(sent.verb)
        takes_time = spec is not None and spec.duration != "instant"
        limit_s = min(self.config.begin_s, self.config.timeout_s) if takes_time else self.config.timeout_s
        pursuit = _Pursuit(sent, ipc.timed_out(sent.verb, limit_s, self.mailbox.account), sent.sent_ns)
        if sent.verb in STOPS or (spec is not None and spec.effect != "read"):
            with self._turn:
                self._pursuit = pursuit
        found = self._response(sent, limit_s, read=spec is not None and spec.effect == "read")
        if found is not None:
            pursuit.last, pursuit.answered_ns = found
        elif takes_time and self._begun(sent, before):
            pursuit.last = _told(
                sent.verb, "success", {"message": f"{sent.verb} started, as the state shows"}
            )
        return dict(pursuit.last)

    def _response(self, sent: Sent, limit_s: float, *, read: bool) -> tuple[dict[str, Any], int] | None:
        """The first response within `limit_s` seconds. A read, which changes nothing, is sent once more
        when it stays unanswered; anything else never, since it may have been carried out."""
        if not read:
            return self._post.response(sent, limit_s)
        deadline = time.monotonic() + limit_s
        found = self._post.response(sent, min(self.config.again_s, limit_s / 2))
        if found is None:
            again = self._dispatch(sent.line)
            left = deadline - time.monotonic()
            if isinstance(again, Sent):
                return self._post.response(again, left, sent)
            found = self._post.response(sent, left)
        return found

    def _begun(self, sent: Sent, before: Seen | None) -> bool:
        """Whether the state shows that a command runs which has not answered: something new is under way, and
        where that is named as a command, it is this one."""
        seen = self._sight.look()
        if seen is None or seen.written_ns <= sent.sent_ns or not seen.busy:
            return False
        if before is not None and before.busy and before.task == seen.task:
            return False
        verb = ipc.verb_of(seen.task)
        return verb == sent.verb or verb not in COMMANDS

    def post(self, line: str) -> Mapping[str, Any]:
        """Send one command line and wait only until the plugin has taken it."""
        sent = self._dispatch(line)
        return ipc.accepted(sent.verb, self.mailbox) if isinstance(sent, Sent) else sent

    def _dispatch(self, line: str) -> Sent | dict[str, Any]:
        line = ipc.split_rid(" ".join(line.split()))[0]  # one line: a second would be a second command
        verb = ipc.verb_of(line)
        if not verb:
            return ipc.not_consumed("", self.mailbox, "Command not sent: it is empty")
        if _acts(verb):
            if self._attendance.expired:
                return ipc.not_consumed(verb, self.mailbox, self._unattended())
            self._attendance.acts()
        return self._post.put(line, urgent=verb in STOPS)

    def settle(self, limit_s: float) -> Mapping[str, Any]:
        """Wait until the last acting command has ended, at most `limit_s` seconds; its last response.

        It has ended when two states in a row, written after it, show nothing running. Returns no sooner than
        the next state is written, so that what is observed next is fresh. A state that grows too old and a
        command that takes this one's place (STOP at the end of the unattended time, too) are error responses.
        """
        deadline = time.monotonic() + limit_s
        pursuit = self._pursuit
        if pursuit is None or pursuit.over:
            seen = self._sight.look()
            self._sight.after(seen.written_ns if seen else 0, min(limit_s, 2 * self.config.tick_s))
            return dict(pursuit.last) if pursuit else _told("", "success", {"message": "idle"})
        verb = pursuit.sent.verb
        while True:
            mark = self._watch.mark()
            seen = self._sight.look()
            self._follow(pursuit, seen)
            if self._pursuit is not pursuit:
                return _told(verb, "error", None, "sleep interrupted")
            if pursuit.over:
                return dict(pursuit.last)
            if self._sight.freshness(seen) in ("frozen", "missing"):
                return _told(verb, "error", None, "The client writes no state any more: it is frozen or gone")
            left = deadline - time.monotonic()
            if left <= 0:
                return _told(verb, "running", pursuit.last.get("result"))
            self._watch.wait(mark, left)

    def _follow(self, pursuit: _Pursuit, seen: Seen | None) -> None:
        with self._turn:
            if seen is not None and seen.written_ns > max(pursuit.looked_ns, pursuit.sent.sent_ns):
                pursuit.looked_ns = seen.written_ns
                pursuit.idle = 0 if seen.busy else pursuit.idle + 1
            # After the state: the plugin publishes a command's last response before the state shows its end.
            if found := self._post.peek(pursuit.sent):
                pursuit.last, pursuit.answered_ns = found

    def await_condition(self, condition: str, limit_s: float) -> bool:
        """Wait until one atom of the await grammar (`location:3208,3220`, `idle`, …) holds, at most `limit_s`
        seconds; whether it does. Raises `CommandError` for anything else."""
        holds = parse_condition(condition)
        deadline = time.monotonic() + limit_s
        while True:
            mark = self._watch.mark()
            seen = self._sight.look()
            if seen is not None and holds(GameState.from_plugin(seen.state)):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._watch.wait(mark, left)

    # -- what is to be seen -----------------------------------------------------------------------------

    def observe(self) -> Mapping[str, Any]:
        """The latest state, with `client: {running, freshness, age_s}`.

        Waits up to two ticks for a state that is newer than the last response to an acting command. With no
        state, or one as old as `frozen_s`, the client counts as not running.
        """
        pursuit = self._pursuit
        seen = self._sight.look()
        if seen is not None and pursuit is not None and seen.written_ns <= pursuit.answered_ns:
            seen = self._sight.after(pursuit.answered_ns, 2 * self.config.tick_s)
        freshness = self._sight.freshness(seen)
        if seen is None or freshness == "frozen":
            return {"client": {"running": False, "freshness": freshness}}
        client = {**(seen.state.get("client") or {}), "freshness": freshness, "age_s": round(seen.age_s, 1)}
        return {**seen.state, "client": {"running": True, **client}}

    def health(self) -> Health:
        """What an old state means: asks the plugin when the state alone does not tell."""
        if self._sight.freshness(self._sight.look()) in ("fresh", "late"):
            return "alive"
        with self._answer:
            sent = self._post.put("GET_GAME_STATE")
            found = self._post.response(sent, PROBE_S) if isinstance(sent, Sent) else None
        if found is None:
            return "dead"
        status = (found[0].get("result") or {}).get("status")
        return "frozen" if status == "LOGGED_IN" else "disconnected"

    def logs(self, since_s: float = 30.0, grep: str = "", level: str = "INFO") -> list[str]:
        """The client's log: lines of the last `since_s` seconds with `grep` in them, at `level` or above."""
        return read_log(self.mailbox.log, since_s, grep, level, datetime.now())

    def client(self, action: ClientAction) -> Mapping[str, Any]:
        """Start, stop or restart the client by `client_command`. Raises `EnactorError` when none is set."""
        done = self._client.do(action)
        if action != "start":
            self._pursuit = None
        return done

    # -- with nobody there ------------------------------------------------------------------------------

    def _leave(self) -> None:
        """The unattended time is up: stop what runs."""
        self.send("STOP")

    def _unattended(self) -> str:
        hours = (self.config.unattended_s or 0) / 3600
        return f"Not sent: {hours:g} h without a word of the player are over; say something to go on"


def _acts(verb: str) -> bool:
    """Whether a verb does something that may not happen unattended; an unknown one may."""
    spec = COMMANDS.get(verb)
    return (spec is None or spec.effect != "read") and verb not in STOPS


def _told(
    verb: str, status: str, result: Mapping[str, Any] | None, error: str | None = None
) -> dict[str, Any]:
    """A response of the bridge's own, in the plugin's shape."""
    return {"request_id": None, "command": verb, "status": status, "result": result, "error": error}
