"""Faults of the gateway, the engine, the game and the disk, each with what the player saw and what was kept.

`run_fault` plays one against the real bot. `benchmarks/faults.py` writes the table; the tests check it.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from core_parts import START, SlowEngine, turn
from discord_parts import playing
from discord_server import DM, OWNER, DiscordServer

from enactor.models import ScriptedEngine
from enactor.models.engine import Completion, Engine, EngineUnavailable
from enactor.serve.core import Account, Caller, Limits, Service
from enactor.serve.core.journal import Journal, Ticket
from enactor.sim import Simulator
from enactor.sim.faults import Faults
from enactor.sim.flaky import FlakySimulator
from enactor.trace import TraceStore

WORDS = "walk a bit east"
Play = Callable[[DiscordServer, Service], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """`play` brings it about; the player says `WORDS` in it unless it is silent. `seen` must stand in what
    the player reads at the end, `kept` is what the log must hold of it: outcome and steps. `left` is what a
    run before has left in the folder."""

    group: str
    name: str
    play: Play
    seen: str
    kept: str
    engine: Callable[[], Engine] | None = None
    account: Callable[[], Account] | None = None
    left: Callable[[Path], None] = lambda folder: None


@dataclass(frozen=True, slots=True)
class Row:
    """What really happened."""

    seen: str
    kept: str


async def run_fault(fault: Fault, folder: Path) -> Row:
    """Play it, and look at the last message and the last record."""
    options: dict[str, Any] = {"limits": Limits(per_minute=1000, engine_s=1.0)}
    engine = fault.engine() if fault.engine else None
    if fault.account is not None:
        options["accounts"] = [fault.account()]
    fault.left(folder)
    async with playing(folder, engine, **options) as (server, service):
        await fault.play(server, service)
        await server.until(lambda: _seen(server, fault.seen), within_s=25)
        seen = _seen(server, fault.seen)
        await server.until(lambda: not service.queue(_owner(), "main"))
    rows = list(TraceStore(folder / "log", readonly=True).iterate()) if (folder / "log").is_dir() else []
    rows = [row for row in rows if row.message == WORDS]
    return Row(" / ".join(dict.fromkeys(seen)), "; ".join(map(_kept, rows)) or "nothing")


def _seen(server: DiscordServer, text: str) -> list[str]:
    """The messages with this text that are final: nothing can be cancelled any more."""
    every = server.messages.values()
    return [
        m["content"] for m in every if text in m["content"] and '"Cancel"' not in json.dumps(m["components"])
    ]


def _kept(trace: Any) -> str:
    steps = ", ".join(
        f"{step.result.lowered or step.call.tool or 'send_command'} {step.result.status}"
        for step in trace.steps
    )
    marks = [key for key in ("cancelled", "interrupted") if trace.meta.get(key)]
    return " ".join(filter(None, (trace.outcome, f"({steps})" if steps else "", " ".join(marks))))


def _owner() -> Caller:
    return Caller("discord", str(OWNER))


# -- the gateway ------------------------------------------------------------------------------------------


async def ask(server: DiscordServer, service: Service) -> None:
    await server.say(OWNER, WORDS)


async def dropped(server: DiscordServer, service: Service) -> None:
    await server.drop(4000)
    await server.say(OWNER, WORDS)  # while the bot is away: delivered when it resumes
    await server.until(lambda: server.resumed)


async def not_resumed(server: DiscordServer, service: Service) -> None:
    server.refuse_resume = True
    await server.drop(4000)
    before = server.identified
    await server.until(lambda: server.identified > before, 20)
    await server.say(OWNER, WORDS)


async def told_to_reconnect(server: DiscordServer, service: Service) -> None:
    await server.frame({"op": 7, "d": None})
    await server.until(lambda: server.resumed)
    await server.say(OWNER, WORDS)


async def malformed(server: DiscordServer, service: Service) -> None:
    before = server.identified
    await server.frame('{"op": 0, "t": "MESSAGE_CREATE", "d": {"con')
    await server.until(lambda: server.identified > before, 20)
    await server.say(OWNER, WORDS)


async def nonsense(server: DiscordServer, service: Service) -> None:
    await server.frame({"op": 99, "d": [1]})
    await server.dispatch("NO_SUCH_EVENT", {"x": 1})
    await server.say(OWNER, WORDS)


async def repeated(server: DiscordServer, service: Service) -> None:
    number = await server.say(OWNER, WORDS)
    again = dict(server._sent[-1]["d"])
    for _ in range(3):
        await server.dispatch("MESSAGE_CREATE", again)
    assert int(again["id"]) == number


async def rate_limited(server: DiscordServer, service: Service) -> None:
    left = [2]

    def fail(request: web.Request) -> web.Response | None:
        if request.method == "POST" and request.path.endswith("/messages") and left[0]:
            left[0] -= 1
            headers = {"Retry-After": "0.3", "Content-Type": "application/json", "Via": "1.1 google"}
            body = {"message": "You are being rate limited.", "retry_after": 0.3, "global": False}
            return web.Response(status=429, body=json.dumps(body).encode(), headers=headers)
        return None

    server.fail = fail
    await server.say(OWNER, WORDS)
    await server.until(lambda: not left[0])


async def broken_rest(server: DiscordServer, service: Service) -> None:
    left = [3]

    def fail(request: web.Request) -> web.Response | None:
        if request.method == "POST" and request.path.endswith("/messages") and left[0]:
            left[0] -= 1
            return web.Response(status=502, text="bad gateway")
        return None

    server.fail = fail
    await server.say(OWNER, WORDS)
    await server.until(lambda: not left[0], 20)


# -- engines ----------------------------------------------------------------------------------------------


def unreachable() -> Engine:
    def fail(prompt: str) -> str:
        raise EngineUnavailable(
            "the model's server at 127.0.0.1 does not answer: start it, or set `fallback`"
        )

    return ScriptedEngine(fail)


def crashing() -> Engine:
    def crash(prompt: str) -> str:
        raise ValueError("out of range")

    return ScriptedEngine(crash)


class Truncated:
    """A stream that ends in the middle of a call."""

    name = "truncated"

    def complete(self, prompt: str, **options: Any) -> Completion:
        """Half a call."""
        return Completion(turn("GOTO east 5")[:60], stopped=False)

    def cancel(self) -> None: ...

    def close(self) -> None: ...


async def stopped(server: DiscordServer, service: Service) -> None:
    await server.say(OWNER, WORDS)
    await server.until(lambda: service.queue(_owner(), "main"))
    await server.say(OWNER, "stop")
    await server.answer("Done: STOP")


# -- the game and the disk --------------------------------------------------------------------------------


def flaky(pace: float = 0.0, **faults: Any) -> Callable[[], Account]:
    return lambda: Account("main", FlakySimulator(Simulator(start=START), Faults(**faults)), pace=pace)


def looper() -> Engine:
    return ScriptedEngine(lambda prompt: turn("KILL_LOOP Man none"))


class Dead(Simulator):
    """A client that is not running."""

    def observe(self) -> Mapping[str, Any]:
        """Nothing but that."""
        return {"client": {"running": False}}


def dead() -> Account:
    return Account("main", Dead(start=START))


async def full_disk(server: DiscordServer, service: Service) -> None:
    def fail(data: bytes) -> OSError:
        return OSError(28, "No space left on device")

    service._journal._flush = fail  # type: ignore[method-assign]
    await server.say(OWNER, WORDS)


async def lost_log(server: DiscordServer, service: Service) -> None:
    assert service.store is not None
    folder = service.store.folder
    await asyncio.to_thread(folder.rename, folder.with_name("moved"))
    await asyncio.to_thread(folder.write_text, "in the way")
    await server.say(OWNER, WORDS)


# -- the process ------------------------------------------------------------------------------------------


def killed(*steps: str) -> Callable[[Path], None]:
    """The queue as a kill leaves it, the request having come so far."""

    def left(folder: Path) -> None:
        journal = Journal(folder / "queue.jsonl")
        for step in steps:
            journal.write(Ticket("r1", _owner(), "main", WORDS, f"{DM[OWNER]}/0/0", at=time.time()), step)
        journal.close()

    return left


async def nothing(server: DiscordServer, service: Service) -> None: ...


DONE, WALKED = "Done: GOTO 3227 3218 0", "executed (GOTO 3227 3218 0 ok)"
LOST, TWICE = "failed (GOTO 3227 3218 0 error)", "failed (GOTO 3227 3218 0 error, GOTO 3227 3218 0 error)"
LOOPED = "executed (KILL_LOOP Man none ok)"
FAULTS: tuple[Fault, ...] = (
    Fault("gateway", "connection drops, events come meanwhile", dropped, DONE, WALKED),
    Fault("gateway", "session cannot be resumed (invalid session)", not_resumed, DONE, WALKED),
    Fault("gateway", "Discord asks to reconnect", told_to_reconnect, DONE, WALKED),
    Fault("gateway", "a malformed frame", malformed, DONE, WALKED),
    Fault("gateway", "unknown opcodes and events", nonsense, DONE, WALKED),
    Fault("gateway", "one message delivered four times", repeated, DONE, WALKED),
    Fault("gateway", "rate limit (429) on the answer, twice", rate_limited, DONE, WALKED),
    Fault("gateway", "502 on the answer, three times", broken_rest, DONE, WALKED),
    Fault("engine", "server out of reach", ask, "does not answer", "failed", unreachable),
    Fault("engine", "hangs", ask, "did not answer within 1 s", "failed", lambda: SlowEngine(deaf=True)),
    Fault("engine", "crashes", ask, "broke off", "failed", crashing),
    Fault(
        "engine",
        "writes garbage",
        ask,
        "Nothing was sent to the game",
        "claimed",
        lambda: ScriptedEngine(lambda prompt: "\x00\x1b[2J<tool <|im_start|> ]]} ��"),
    ),
    Fault(
        "engine",
        "stream ends in the middle of a call",
        ask,
        "could not be read",
        "failed (send_command error)",
        Truncated,
    ),
    Fault("engine", "STOP while it decodes", stopped, "Stopped by User 1", "failed cancelled", SlowEngine),
    Fault("game", "response is lost", ask, "No response", LOST, None, flaky(lost=1.0)),
    Fault("game", "response comes too late", ask, "No response", LOST, None, flaky(late=1.0)),
    Fault("game", "command is not consumed", ask, "not consumed", TWICE, None, flaky(not_consumed=1.0)),
    Fault("game", "state goes stale", ask, DONE, WALKED, None, flaky(stale=1.0)),
    Fault("game", "connection of the client is lost", ask, "No response", LOST, None, flaky(disconnect=1.0)),
    Fault("game", "response of another account", ask, "No response", LOST, None, flaky(wrong_account=1.0)),
    Fault("game", "client is not running", ask, "is not known", "failed (send_command error)", None, dead),
    Fault(
        "game", "loop ends by itself", ask, "has ended after", LOOPED, looper, flaky(20, loop_ends_early=1.0)
    ),
    Fault("process", "killed before the request began", nothing, DONE, WALKED, left=killed("accepted")),
    Fault(
        "process",
        "killed while its command was sent",
        nothing,
        "it is not repeated",
        "failed interrupted",
        left=killed("accepted", "dispatching"),
    ),
    Fault("disk", "full: the request cannot be kept", full_disk, "cannot be kept safe", "nothing"),
    Fault("disk", "training log cannot be written", lost_log, "cannot be used", "nothing"),
)
