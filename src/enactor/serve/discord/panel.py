"""One request's message: sent when it takes a while, edited as things happen, finished with the answer."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from enactor.serve.core import events
from enactor.serve.core.events import Event
from enactor.serve.discord.shown import Buttons, Shown
from enactor.serve.discord.words import split

SHOW_S = 1.2
"""A request that is answered sooner has no progress message."""
EDIT_S = 1.5
"""Between two edits of a message: Discord takes about five in five seconds."""
TYPING_S = 8.0
KEEP_TRYING_S = 300.0
"""How long the answer is tried to be delivered while Discord cannot be reached."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a request belongs: as a reply to the message `to`, or in the message `own` of the
    bot itself; 0 for none."""

    channel: int
    to: int = 0
    own: int = 0

    def __str__(self) -> str:
        return f"{self.channel}/{self.to}/{self.own}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """The place of an event, None where it is none of ours."""
        parts = text.split("/")
        if len(parts) != 3 or not all(part.isdecimal() and part.isascii() for part in parts):
            return None
        return cls(*map(int, parts))


class Paper(Protocol):
    """What panels write on. Each raises `Unsent` when Discord cannot be reached now, and returns 0 or False
    where the message or the channel is gone."""

    async def send(self, channel: int, text: str, buttons: Buttons, *, to: int) -> int:
        """A new message; its id."""

    async def edit(self, channel: int, message: int, text: str, buttons: Buttons) -> bool:
        """Another text and other buttons."""

    async def typing(self, channel: int) -> None:
        """Show that something is being written."""


class Unsent(Exception):
    """Discord could not be reached. Trying again later may do."""


class Panel:
    """The message of a request. `take` is called for each event, `run` writes until nothing more comes."""

    def __init__(
        self,
        request: str,
        place: Place,
        paper: Paper,
        answered: Callable[[int, str], None],
        tell: Callable[[str], None],
    ) -> None:
        self.place = place
        self._request, self._paper, self._answered, self._tell = request, paper, answered, tell
        self._shown = Shown()
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._began = time.monotonic()
        self._message = place.own
        self._written: tuple[str, Buttons] = ("", ())
        self._rest_sent = False

    def take(self, event: Event) -> None:
        """Go on by one event."""
        self._shown.take(event)
        self._changed.set()
        if self._shown.ended:
            self._ended.set()

    async def run(self) -> None:
        """Write until the request is over. Failures of Discord are waited out, up to `KEEP_TRYING_S`."""
        typing = asyncio.create_task(self._type())
        try:
            while True:
                await self._changed.wait()
                if not self._shown.waiting:
                    await self._until_end(SHOW_S - (time.monotonic() - self._began))
                self._changed.clear()
                over = self._shown.over
                await self._write()
                if over and not self._changed.is_set():
                    return
                await self._until_end(EDIT_S)
        finally:
            typing.cancel()

    async def _until_end(self, seconds: float) -> None:
        """Let changes gather, but not the answer wait."""
        if seconds > 0 and not self._shown.ended:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)

    async def _write(self) -> None:
        text, buttons = self._shown.text(), self._shown.buttons(self._request)
        if not text or (text, buttons) == self._written:
            return
        first, *rest = split(text)
        await self._reach(lambda: self._first(first, buttons))
        self._written = (text, buttons)
        if self._shown.over and not self._rest_sent:
            self._rest_sent = True
            for part in rest:
                await self._reach(partial(self._more, part))
        if self._shown.trace_id and self._message:
            self._answered(self._message, self._shown.trace_id)

    async def _first(self, text: str, buttons: Buttons) -> None:
        place = self.place
        if self._message and await self._paper.edit(place.channel, self._message, text, buttons):
            return
        self._message = await self._paper.send(place.channel, text, buttons, to=place.to)

    async def _more(self, text: str) -> None:
        await self._paper.send(self.place.channel, text, (), to=0)

    async def _reach(self, write: Callable[[], Awaitable[None]]) -> None:
        deadline, wait = time.monotonic() + KEEP_TRYING_S, 1.0
        while True:
            try:
                await write()
                return
            except Unsent as error:
                if not self._shown.ended:
                    return  # there will be a newer text
                if time.monotonic() + wait > deadline:
                    self._tell(f"the answer to {self._request} could not be delivered: {error}")
                    return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 30.0)

    async def _type(self) -> None:
        while not self._shown.ended:
            try:
                await self._paper.typing(self.place.channel)
            except Unsent:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), TYPING_S)


def opens(event: Event) -> bool:
    """Whether an event begins a message of its own when there is none yet for its request."""
    return isinstance(
        event, events.Accepted | events.Started | events.Interrupted | events.Failed | events.Finished
    )
