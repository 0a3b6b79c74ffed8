"""The client: what Discord tells it becomes requests; who asks is who Discord says they are."""

import re
from collections import OrderedDict
from typing import Any

import discord
from discord import app_commands

from enactor.errors import EnactorError
from enactor.serve.core import Caller
from enactor.serve.core.admission import ALREADY, NO_PERMISSION
from enactor.serve.core.events import Refused, Shed
from enactor.serve.core.feedback import BAD, GOOD
from enactor.serve.discord.buttons import Pressed
from enactor.serve.discord.door import Door
from enactor.serve.discord.panel import Place
from enactor.serve.discord.people import People
from enactor.serve.discord.slash import add_commands
from enactor.serve.discord.words import escaped

SERVERS_S = 2.0
"""How long the next server's data is waited for at the start."""
REFUSED = 10_000
"""Strangers who are remembered to have been refused once."""
THUMBS = {"👍": GOOD, "👎": BAD}
_NAMED = re.compile(r"^\s*(?P<account>[\w.\-]{1,40})\s*:\s+(?P<rest>\S.*)$", re.DOTALL)


class Bot(discord.Client):
    """One connection. `choice` are the models to choose from. Messages without a mention are not asked for:
    in a server Discord shows the bot only what is meant for it."""

    def __init__(self, door: Door, people: People, choice: tuple[str, ...] = ()) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.messages = intents.reactions = True
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=SERVERS_S,
            enable_debug_events=False,
        )
        self.door, self.people, self.choice = door, people, choice
        self.was_ready = False
        self.tree: app_commands.CommandTree[Bot] = app_commands.CommandTree(self)
        self._refused: OrderedDict[str, None] = OrderedDict()
        add_commands(self.tree)
        self.add_dynamic_items(Pressed)

    async def setup_hook(self) -> None:
        """Tell Discord of the commands."""
        await self.tree.sync()

    async def on_ready(self) -> None:
        """Connected."""
        if not self.was_ready:
            self.door.tell(f"connected to Discord as {self.user}")
        self.was_ready = True

    def caller(self, user: discord.User | discord.Member | discord.Object) -> Caller:
        """Who somebody is to the service."""
        roles = user.roles if isinstance(user, discord.Member) else ()
        name = str(getattr(user, "display_name", ""))
        return Caller("discord", str(user.id), name, frozenset(str(role.id) for role in roles))

    def must_act(self, caller: Caller) -> None:
        """Raises `EnactorError` for who may act on no account."""
        if not any(self.people.access(caller, name) == "act" for name in self.door.service.accounts):
            raise EnactorError(NO_PERMISSION)

    def meant(self, player: str, text: str) -> tuple[str, str]:
        """The account and the words: `alt: bank all` is for the account `alt`, and so is what follows."""
        named = _NAMED.match(text)
        if named is not None:
            names = {name.casefold(): name for name in self.door.service.accounts}
            account = names.get(named["account"].casefold())
            if account is not None:
                self.door.choose(player, account)
                return account, named["rest"].strip()
        return self.door.account_of(player), text

    async def on_message(self, message: discord.Message) -> None:
        """A direct message, or a mention in an allowed channel; all else is not ours."""
        if self.user is None or message.author.bot or message.author.id == self.user.id:
            return
        if message.guild is not None:
            parent = str(getattr(message.channel, "parent_id", None) or "")
            mentioned = any(one.id == self.user.id for one in message.mentions)
            if not mentioned or not self.people.hears(str(message.channel.id), parent):
                return
        text = re.sub(rf"<@!?{self.user.id}>", " ", message.content).strip()
        caller = self.caller(message.author)
        account, text = self.meant(caller.player, text)
        if self.door.service.access(caller, account) == "none":
            await self._refuse(message, caller)
            return
        if not text and message.attachments:
            await self._reply(message, "I read words only: say what to do.")
            return
        place = Place(message.channel.id, message.id)
        told = await self.door.submit(caller, account, text, place, f"discord-{message.id}")
        if isinstance(told, Refused) and told.message == ALREADY:
            return  # Discord repeated itself
        if isinstance(told, Refused | Shed):
            await self._reply(message, escaped(told.message))

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """A thumb on an answer."""
        rating, trace_id = THUMBS.get(payload.emoji.name), self.door.answers.get(payload.message_id)
        if self.user is None or payload.user_id == self.user.id or rating is None or trace_id is None:
            return
        caller = self.caller(payload.member or discord.Object(payload.user_id))
        try:
            self.must_act(caller)
            await self.door.call(lambda: self.door.service.feedback.rate(trace_id, rating))
        except EnactorError as error:
            self.door.tell(f"a rating was not kept: {error}")

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A fault in a handler: told to whoever runs the bot, not to the player."""
        import sys
        import traceback

        kind, error, _ = sys.exc_info()
        self.door.tell(f"a fault in {event_method}: {kind.__name__ if kind else ''}: {error}")
        traceback.print_exc(file=sys.stderr)

    async def _refuse(self, message: discord.Message, caller: Caller) -> None:
        """Politely, and once for each."""
        if caller.player in self._refused:
            return
        self._refused[caller.player] = None
        while len(self._refused) > REFUSED:
            self._refused.popitem(last=False)
        await self._reply(message, NO_PERMISSION)

    async def _reply(self, message: discord.Message, text: str) -> None:
        try:
            await message.reply(text, mention_author=False)
        except discord.HTTPException as error:
            self.door.tell(f"a reply could not be sent: {type(error).__name__}")
