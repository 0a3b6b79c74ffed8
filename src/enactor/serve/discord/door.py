"""Between the service's threads and Discord's event loop: words go in, events come out on panels.

The door outlives the connection: a client that had to be replaced finds the panels as they were.
"""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakValueDictionary

from enactor.serve.core import Caller, Event, Service, stops
from enactor.serve.core.events import Refused, Shed
from enactor.serve.discord.panel import Panel, Paper, Place, opens

T = TypeVar("T")
ANSWERS = 2_000
"""Messages whose thumbs are remembered as reactions; buttons work for ever."""
ACCOUNTS = 2_000


class Door:
    """`paper` writes. Made and used in the event loop; `close` ends what is still being written."""

    def __init__(self, service: Service, paper: Paper, *, owner: str = "") -> None:
        self.service = service
        self.owner = owner
        self.first_model = service.desk.model.name
        self.answers: OrderedDict[int, str] = OrderedDict()
        self._paper = paper
        self._loop = asyncio.get_running_loop()
        self._panels: dict[str, Panel] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._chosen: OrderedDict[str, str] = OrderedDict()
        # STOP never waits behind a request that is being written to the disk, or a model that is opened.
        self._stops = ThreadPoolExecutor(4, "stop")
        self._work = ThreadPoolExecutor(8, "discord")
        self._leave = service.subscribe(self._hear)

    async def submit(self, caller: Caller, account: str, text: str, place: Place, request: str) -> Event:
        """Hand a message in; what came of it at once. What it comes to is told on its panel. A player's
        messages go in as they came; STOP passes them."""

        def work() -> Event:
            return self.service.submit(caller, account, text, place=str(place), request=request)

        if stops(text):
            return await self._loop.run_in_executor(self._stops, work)
        turn = self._turns.setdefault(caller.player, asyncio.Lock())
        async with turn:
            return await self._loop.run_in_executor(self._work, work)

    async def call(self, work: Callable[[], T]) -> T:
        """Something of the service that may take a while."""
        return await self._loop.run_in_executor(self._work, work)

    def account_of(self, player: str) -> str:
        """The account that a player's words are for when they name none: the last one that they named."""
        return self._chosen.get(player) or next(iter(self.service.accounts))

    def choose(self, player: str, account: str) -> None:
        """From now on this one."""
        self._chosen.pop(player, None)
        self._chosen[player] = account
        while len(self._chosen) > ACCOUNTS:
            self._chosen.popitem(last=False)

    async def close(self) -> None:
        """Write what is still to be written, for a moment, and end."""
        self._leave()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=3)
        for task in self._tasks:
            task.cancel()
        self._stops.shutdown(wait=False)
        self._work.shutdown(wait=False)

    def tell(self, line: str) -> None:
        """For whoever runs the bot."""
        print(f"enactor: {line}", file=sys.stderr, flush=True)

    def _hear(self, event: Event) -> None:
        """In a thread of the service."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        place = Place.read(event.place)
        if place is None or isinstance(event, Refused | Shed):
            return  # those are answered where they were asked
        panel = self._panels.get(event.request)
        if panel is None:
            if not opens(event):
                return
            panel = Panel(event.request, place, self._paper, self._answered, self.tell)
            self._panels[event.request] = panel
            task = asyncio.create_task(self._run(event.request, panel))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        panel.take(event)

    async def _run(self, request: str, panel: Panel) -> None:
        try:
            await panel.run()
        finally:
            self._panels.pop(request, None)

    def _answered(self, message: int, trace_id: str) -> None:
        self.answers[message] = trace_id
        while len(self.answers) > ANSWERS:
            self.answers.popitem(last=False)
