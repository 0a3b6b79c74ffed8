"""Starting and stopping the game client by the user's own command line."""

import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from enactor.bridge.config import BridgeConfig
from enactor.errors import EnactorError
from enactor.world import ipc
from enactor.world.backend import ClientAction


class Client:
    """The client of one account. `up` says whether it writes its state."""

    def __init__(self, config: BridgeConfig, mailbox: ipc.Mailbox, up: Callable[[], bool]) -> None:
        self._config, self._mailbox, self._up = config, mailbox, up
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def do(self, action: ClientAction) -> dict[str, Any]:
        """Start, stop or restart. Raises `EnactorError` when no command line is configured or it cannot be
        run; a client that does not come up or will not go is a result."""
        line = self._config.client_command
        if line is None:
            raise EnactorError(
                f"cannot {action} the game client: set `client_command` to the command line that starts it"
            )
        with self._turn:
            if "{action}" in line:
                return self._by_script(line, action)
            if action == "start" and self._up():
                return {"success": True, "message": "The client is already running"}
            if action != "start":
                stopped = self._stop()
                if action == "stop" or not stopped["success"]:
                    return stopped
            return self._start(line, action)

    def _by_script(self, line: str, action: ClientAction) -> dict[str, Any]:
        process = self._run(line.replace("{action}", action))
        try:
            code = process.wait(self._config.client_timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return _failure(f"`{line}` did not return within {self._config.client_timeout_s:.0f} s")
        if code != 0:
            return _failure(f"`{line}` failed with exit code {code}; see {self._mailbox.log}")
        return self._await_up(action) if action != "stop" else _success("The client has stopped")

    def _start(self, line: str, action: ClientAction) -> dict[str, Any]:
        self._process = self._run(line)
        return self._await_up(action)

    def _await_up(self, action: ClientAction) -> dict[str, Any]:
        deadline = time.monotonic() + self._config.client_timeout_s
        while not self._up():
            if self._process is not None and self._process.poll() is not None:
                code = self._process.returncode
                return _failure(f"the client ended at once, exit code {code}; see {self._mailbox.log}")
            if time.monotonic() >= deadline:
                return _failure(
                    f"the client was started but wrote no state within {self._config.client_timeout_s:.0f} s"
                )
            time.sleep(min(self._config.tick_s, 0.1))
        return _success("The client is running" if action == "start" else "The client was restarted")

    def _stop(self) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            if self._up():
                return _failure(
                    "the client was not started from here: stop it by hand, or set a `client_command` with "
                    "`{action}`"
                )
            return _failure("The client is not running")
        _signal(process, signal.SIGTERM)
        try:
            process.wait(self._config.client_timeout_s)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()
        self._process = None
        self._mailbox.state.unlink(missing_ok=True)  # else the client would seem up until it is old
        return _success("The client has stopped")

    def _run(self, line: str) -> subprocess.Popen[bytes]:
        words = [
            word.replace("{account}", self._mailbox.account).replace("{folder}", str(self._mailbox.folder))
            for word in shlex.split(line)
        ]
        environment = {**os.environ, ipc.ACCOUNT_VARIABLE: self._mailbox.account}
        try:
            with self._mailbox.log.open("ab") as log:
                return subprocess.Popen(
                    words,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise EnactorError(f"`{line}` cannot be run ({error}): correct `client_command`") from error


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """To the client and what it started itself; it leads a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _success(message: str) -> dict[str, Any]:
    return {"success": True, "message": message}


def _failure(error: str) -> dict[str, Any]:
    return {"success": False, "error": error}
