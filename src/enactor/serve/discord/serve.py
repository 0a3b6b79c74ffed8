"""From options to a running bot, and its end: Ctrl-C or SIGTERM. The connection is made anew when it ends."""

import asyncio
import contextlib
import logging
import random
import signal
import sys
from contextlib import closing

import discord

from enactor.errors import EnactorError
from enactor.serve.core import Limits, Service, open_service, serve_promptly
from enactor.serve.discord.bot import Bot
from enactor.serve.discord.config import Config
from enactor.serve.discord.door import Door
from enactor.serve.discord.people import People
from enactor.serve.discord.token import HideToken, Token, find_token
from enactor.serve.discord.writing import Writer
from enactor.settings import Settings

FIRST_WAIT_S, LAST_WAIT_S = 1.0, 60.0


def serve(config: Config, settings: Settings) -> int:
    """Serve the game of the settings; 0 at the end. Raises `EnactorError` before it begins."""
    token = find_token(settings.discord_token_file)
    people = People(
        settings.discord_owner or "",
        settings.discord_users or (),
        settings.discord_roles or (),
        settings.discord_watchers or (),
        settings.discord_channels or (),
    )
    quiet_logging(token)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    limits = Limits(
        per_player=config.waiting,
        per_minute=config.per_minute,
        ask_s=config.ask,
        engine_s=settings.engine_timeout,
    )
    with (
        closing(
            open_service(
                settings,
                "discord",
                permit=people.access,
                accounts=settings.accounts or (),
                limits=limits,
                folder=config.state,
                pace=config.speed,
            )
        ) as service,
        contextlib.suppress(KeyboardInterrupt),
    ):
        serve_promptly()
        asyncio.run(_until_signal(service, people, token, config.model_choice))
    return 0


def quiet_logging(token: Token) -> None:
    """Warnings of the library go to stderr, without the token."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("enactor: %(name)s: %(message)s"))
    handler.addFilter(HideToken(token))
    for name in ("discord", "aiohttp"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING)


async def _until_signal(service: Service, people: People, token: Token, choice: tuple[str, ...]) -> None:
    running = asyncio.ensure_future(keep_connected(service, people, token, choice))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt
            loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def keep_connected(
    service: Service, people: People, token: Token, choice: tuple[str, ...] = ()
) -> None:
    """Start the service and keep a client connected until cancelled. The library resumes what it can; what it
    gives up on (a malformed frame, a network that is gone for long) gets a new client. Raises `EnactorError`
    when Discord refuses the token or what the bot asks for."""
    writer = Writer(service.feedback)
    door = Door(service, writer, owner=people.owner)
    service.start()
    wait = FIRST_WAIT_S
    try:
        while True:
            bot = Bot(door, people, choice)
            writer.bot = bot
            try:
                async with bot:
                    await bot.start(token.reveal())
            except discord.LoginFailure:
                raise EnactorError(
                    "Discord does not know this token: copy it from the developer portal again"
                ) from None
            except discord.PrivilegedIntentsRequired:
                raise EnactorError(
                    "Discord refuses what the bot asks to hear: look at its intents in the developer portal"
                ) from None
            except Exception as error:  # whatever a broken frame does to the library, players wait for us
                door.tell(f"the connection to Discord is made anew ({type(error).__name__})")
            wait = FIRST_WAIT_S if bot.was_ready else min(wait * 2, LAST_WAIT_S)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
    finally:
        await door.close()
