"""Messages and their buttons, written through whichever client is connected."""

import asyncio
from typing import Any

import aiohttp
import discord

from enactor.serve.core.feedback import FeedbackDesk
from enactor.serve.discord.buttons import view_of
from enactor.serve.discord.panel import Unsent
from enactor.serve.discord.shown import Buttons

REACH_S = 30.0


class Writer:
    """See `Paper`. `bot` is the client of now; None before the first."""

    def __init__(self, feedback: FeedbackDesk) -> None:
        self.bot: discord.Client | None = None
        self._feedback = feedback

    async def send(self, channel: int, text: str, buttons: Buttons, *, to: int) -> int:
        """See `Paper.send`."""
        where = await self._channel(channel)
        more: dict[str, Any] = {"view": view_of(buttons)} if buttons else {}
        if to:
            more["reference"] = discord.MessageReference(
                message_id=to, channel_id=channel, fail_if_not_exists=False
            )
            more["mention_author"] = False
        sent = await _reached(where.send(text, **more))
        return 0 if sent is None else int(sent.id)

    async def edit(self, channel: int, message: int, text: str, buttons: Buttons) -> bool:
        """See `Paper.edit`."""
        where = await self._channel(channel)
        view = view_of(buttons) if buttons else None
        return await _reached(where.get_partial_message(message).edit(content=text, view=view)) is not None

    async def typing(self, channel: int) -> None:
        """See `Paper.typing`."""
        where = await self._channel(channel)
        await _reached(where.typing())

    async def _channel(self, channel: int) -> discord.PartialMessageable:
        for _ in range(int(REACH_S * 10)):
            if self.bot is not None and self.bot.user is not None and not self.bot.is_closed():
                return self.bot.get_partial_messageable(channel)
            await asyncio.sleep(0.1)
        raise Unsent("not connected")


async def _reached(asked: Any) -> Any:
    """What Discord answered; None where the message or the channel is gone, or closed to the bot."""
    try:
        return await asyncio.wait_for(asked, REACH_S)
    except (discord.NotFound, discord.Forbidden):
        return None
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError, TimeoutError) as error:
        raise Unsent(type(error).__name__) from error
