"""The bot as it is, with discord.py, connected to the tests' own Discord."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest
import yarl
from core_parts import START, walker
from discord.gateway import DiscordWebSocket
from discord.http import Route
from discord_server import CHANNEL, FRIEND, OWNER, ROLE, TOKEN, DiscordServer

from enactor.models.engine import Engine
from enactor.serve.core import Account, Limits, Model, Models, Service
from enactor.serve.discord import bot as bot_module
from enactor.serve.discord import serve
from enactor.serve.discord.people import People
from enactor.serve.discord.token import Token
from enactor.sim import Simulator
from enactor.trace import TraceStore

SERVERS_S = bot_module.SERVERS_S = 0.1
PEOPLE = People(
    str(OWNER), users=("1",), roles=(str(ROLE),), watchers=(str(FRIEND),), channels=(str(CHANNEL),)
)


def build(folder: Path, engine: Engine | None, names: tuple[str, ...], **options: Any) -> Service:
    """A service as the bot has it, not started."""
    pace = options.pop("pace", 0.0)
    accounts = options.pop("accounts", None) or [
        Account(name, Simulator(seed=n, start=START), pace=pace) for n, name in enumerate(names)
    ]
    store = TraceStore(folder / "log")
    model = Model("scripted", engine or walker())
    limits = options.pop("limits", Limits(per_minute=1000))
    permit = options.pop("people", PEOPLE).access
    return Service(accounts, model, permit=permit, store=store, folder=folder, limits=limits, **options)


@asynccontextmanager
async def playing(
    folder: Path,
    engine: Engine | None = None,
    names: tuple[str, ...] = ("main",),
    *,
    server: DiscordServer | None = None,
    choice: tuple[str, ...] = (),
    other: Callable[[str], Model] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[DiscordServer, Service]]:
    """A running bot, connected and ready."""
    discord_server = server or DiscordServer()
    if server is None:
        await discord_server.start()
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = discord_server.base, yarl.URL(discord_server.gateway_url)
    if other is not None:
        options["models"] = Models(other)
    service = build(folder, engine, names, people=options.pop("people", PEOPLE), **options)
    bot = asyncio.create_task(
        serve.keep_connected(service, options.get("people", PEOPLE), Token(TOKEN), choice)
    )
    try:
        identified = discord_server.identified
        await discord_server.until(
            lambda: bot.done() or (discord_server.identified > identified and discord_server.commands)
        )
        if bot.done():
            await bot
        await asyncio.sleep(3 * SERVERS_S)  # discord.py does not like to be ended before it is ready
        yield discord_server, service
    finally:
        bot.cancel()
        await asyncio.gather(bot, return_exceptions=True)
        await asyncio.to_thread(service.close)
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
        if server is None:
            await discord_server.close()


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are made for people are shortened."""
    from enactor.serve.discord import panel

    monkeypatch.setattr(serve, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(panel, "SHOW_S", 0.2)
    monkeypatch.setattr(panel, "EDIT_S", 0.2)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run to the end, within a minute."""

    async def bounded() -> None:
        await asyncio.wait_for(test, 60)

    asyncio.run(bounded())


__all__ = ["PEOPLE", "build", "discord", "playing", "run"]
