"""One command at a time into the plugin's single slot, and the response that belongs to it."""

import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.bridge.config import BridgeConfig
from enactor.bridge.watch import Watch
from enactor.world import ipc

Identity = tuple[int, int]  # inode and mtime; either alone comes again


@dataclass(frozen=True, slots=True)
class Sent:
    """A command that was delivered. `sent_ns` is the mtime of its file, on the file system's own clock;
    `before` is the response file as it was before."""

    line: str
    verb: str
    rid: str
    sent_ns: int
    before: Identity | None


class Post:
    """Writes commands, checks that they are taken, and finds their responses. Safe to use from threads."""

    def __init__(self, config: BridgeConfig, mailbox: ipc.Mailbox, watch: Watch) -> None:
        self._config, self._mailbox, self._watch = config, mailbox, watch
        self._turn = threading.Lock()  # held from the writing of a command to its delivery
        self._slot = threading.Lock()  # held while the file itself changes hands
        self._written = float("-inf")
        self._withdrawn: set[str] = set()

    def put(self, line: str, *, urgent: bool = False) -> Sent | dict[str, Any]:
        """Write one line and wait until the plugin has taken it; else the pseudo-response that says why not.

        A command that is not consumed is withdrawn, so that it cannot run when the plugin comes back. An
        urgent one waits for nothing: it takes the place of a command that has not been consumed yet.
        """
        verb, rid = ipc.verb_of(line), uuid.uuid4().hex[:8]
        before = identity(self._mailbox.response)
        try:
            if urgent:
                own = self._write(line, rid, urgent=True)
                return self._delivered(Sent(line, verb, rid, own[1], before), own)
            with self._turn:
                time.sleep(max(self._written + self._config.spacing_s - time.monotonic(), 0.0))
                if not self._await_slot():
                    reason = "Command not sent: another controller is writing"
                    return ipc.not_consumed(verb, self._mailbox, reason)
                own = self._write(line, rid)
                return self._delivered(Sent(line, verb, rid, own[1], before), own)
        except OSError as error:
            return ipc.not_written(verb, self._mailbox, error)

    def _write(self, line: str, rid: str, *, urgent: bool = False) -> Identity:
        """Fill the slot; the identity of the file. Raises `OSError`."""
        command = self._mailbox.command
        temporary = command.with_name(f"{command.name}.{rid}.tmp")
        with self._slot:
            if urgent:
                self._clear_slot()
            status = ipc.publish(command, ipc.with_rid(line, rid), temporary)
            self._written = time.monotonic()
        return status.st_ino, status.st_mtime_ns

    def _delivered(self, sent: Sent, own: Identity) -> Sent | dict[str, Any]:
        """Wait until the plugin has taken the command."""
        deadline = time.monotonic() + self._config.delivery_s
        while True:
            mark = self._watch.mark()
            if identity(self._mailbox.command) != own:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                if self._withdraw(sent.rid):
                    return ipc.not_consumed(sent.verb, self._mailbox, self._reason())
                break
            self._watch.wait(mark, left)
        with self._slot:
            if sent.rid not in self._withdrawn:
                return sent
            self._withdrawn.discard(sent.rid)
        reason = "Command not consumed: a more urgent one took its place"
        return ipc.not_consumed(sent.verb, self._mailbox, reason)

    def _await_slot(self) -> bool:
        """Wait until no command lies in the slot. One that nobody has taken for the length of the delivery
        window is a leftover (controllers before this one left theirs behind) and is removed."""
        command = self._mailbox.command
        deadline = time.monotonic() + self._config.delivery_s
        while True:
            mark = self._watch.mark()
            found = identity(command)
            if found is None:
                return True
            if time.time() - found[1] / 1e9 >= self._config.delivery_s:
                with self._slot:
                    self._clear_slot()
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._watch.wait(mark, left)

    def _clear_slot(self) -> None:
        """Remove what lies in the slot, and note whose it was."""
        taken = self._take(f"{uuid.uuid4().hex[:8]}.withdrawn")
        if taken is not None:
            rid = ipc.split_rid(taken[1])[1]
            if rid is not None:
                self._withdrawn.add(rid)
            taken[0].unlink()

    def _withdraw(self, rid: str) -> bool:
        """Take our own command back. False when the plugin, or another writer, was quicker."""
        taken = self._take(f"{rid}.withdrawn")
        if taken is None:
            return False
        path, text = taken
        ours = ipc.split_rid(text)[1] == rid
        if not ours:  # somebody else wrote over ours in the meantime: give theirs back
            with suppress(FileExistsError):  # a third one came after that
                os.link(path, self._mailbox.command)
        path.unlink()
        return ours

    def _take(self, ending: str) -> tuple[Path, str] | None:
        """Move the command file away, which only one can, and read it."""
        command = self._mailbox.command
        path = command.with_name(f"{command.name}.{ending}")
        try:
            command.rename(path)
        except FileNotFoundError:
            return None
        return path, path.read_text(encoding="utf-8", errors="replace")

    def _reason(self) -> str:
        try:
            age = time.time() - self._mailbox.state.stat().st_mtime
        except FileNotFoundError:
            seen = "there is no state file"
        else:
            seen = f"its state is {age:.0f} s old"
        return (
            f"Command not consumed within {self._config.delivery_s * 1000:.0f}ms: the client is down, "
            f"busy or on another account ({seen})"
        )

    def peek(self, sent: Sent) -> tuple[dict[str, Any], int] | None:
        """The response to a command, if it is the one that lies there now, and its mtime in nanoseconds."""
        found = ipc.read_json(self._mailbox.response)
        if found is None:
            return None
        response, status = found
        if status.st_mtime_ns < sent.sent_ns or not ipc.answers(response, sent.rid, sent.verb):
            return None
        if response.get("request_id") is None and (status.st_ino, status.st_mtime_ns) == sent.before:
            return None  # the clock of files is coarse: an answer to the one before, in the same instant
        return response, status.st_mtime_ns

    def response(self, sent: Sent, limit_s: float, *earlier: Sent) -> tuple[dict[str, Any], int] | None:
        """Wait for the first response to a command, at most `limit_s` seconds; one to the same command sent
        `earlier` counts too."""
        deadline = time.monotonic() + limit_s
        while True:
            mark = self._watch.mark()
            found = next(filter(None, map(self.peek, (sent, *earlier))), None)
            left = deadline - time.monotonic()
            if found is not None or left <= 0:
                return found
            self._watch.wait(mark, left)


def identity(path: Path) -> Identity | None:
    """What tells one file under a name from the next; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
