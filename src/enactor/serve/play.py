"""One player's requests to a service in this process, one at a time: what the terminal shows."""

import secrets
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from enactor.agent import Deferred, DeferredTasks
from enactor.errors import EnactorError
from enactor.serve.changes import changes
from enactor.serve.core import Account, Caller, Event, Finished, Refused, Service, Shed, Stepped
from enactor.serve.core import Cancelled as Ended
from enactor.serve.core.events import END
from enactor.serve.mcp.game import Hand
from enactor.serve.played import Played
from enactor.sim import Simulator
from enactor.trace import Step, Trace
from enactor.world import Backend, GameState

DOOR = "terminal"
OnStep = Callable[[Step], None]
LOOK_S = 6.0  # of game time between two looks at what is kept for later: ten ticks


class Player:
    """`service` is started and the caller's; its first account is played. `name` stands, salted, in the log.
    `on_later` is told of each task for later that was carried out, in a thread of the service."""

    def __init__(
        self, service: Service, name: str = "", on_later: Callable[[Trace], None] = lambda trace: None
    ) -> None:
        self.service = service
        self.account: Account = next(iter(service.accounts.values()))
        self.caller = Caller(DOOR, name, name)
        self.traces: list[Trace] = []
        self.on_later = on_later
        self._mine = ""
        self._events: SimpleQueue[Event] = SimpleQueue()
        service.subscribe(self._hear)

    @property
    def tasks(self) -> DeferredTasks:
        """What is to be done later, by the player's own words or by `defer`."""
        return self.account.tasks

    @property
    def engine_name(self) -> str:
        """The model that answers."""
        return self.service.desk.model.engine.name

    def observe(self) -> GameState:
        """The present state."""
        return self.account.observe()

    def use(self, model: str) -> None:
        """Another model answers. Raises `EnactorError` for one that cannot be had."""
        self.service.use_model(self.caller, model)

    def begin(self, world: Backend) -> None:
        """Another world in the place of the present one; the conversation begins anew."""
        self.service.begin(self.caller, self.account.name, world)

    def say(self, message: str, on_step: OnStep | None = None) -> Played:
        """One request. Ctrl-C cancels it and gives a trace that says so; a second Ctrl-C leaves. Raises
        `EnactorError` when the engine or the store fails."""
        request = self._mine = secrets.token_hex(8)
        told = self.service.submit(self.caller, self.account.name, message, request=request)
        if isinstance(told, Refused | Shed):
            return self._kept(Played(Trace(message, told.message, "refused", "refused", source=DOOR), ()))
        try:
            last = self._until_end(on_step)
        except KeyboardInterrupt:
            self.service.cancel(self.caller, request)
            last = self._until_end(on_step)
            if getattr(last, "trace", None) is None and not isinstance(last, Finished):
                never = Trace(
                    message, "Cancelled.", "refused", "refused", source=DOOR, meta={"cancelled": True}
                )
                return Played(never, ())  # it had not begun
        if isinstance(last, Finished):
            return self._kept(last.played)
        if isinstance(last, Ended) and last.trace is not None:
            return self._kept(Played(last.trace, ()))
        raise EnactorError(str(getattr(last, "message", "") or getattr(last, "why", "")))

    def attend(self) -> None:
        """Carry out the tasks whose time has come, to their end, as typed commands: past the model, not past
        the gate."""
        self.service.attend(self.account.name)
        while self.service.queue(self.caller, self.account.name):
            time.sleep(0.005)

    def defer(self, text: str) -> Deferred:
        """Keep `CONDITION do COMMAND` for later. Raises `CommandError` for what cannot be kept."""
        return self.service.defer(self.caller, self.account.name, text)

    def wait(self, seconds: float) -> list[str]:
        """Let game time pass while a command runs, or something is kept for later, up to the moment when that
        is due; what changed."""
        before, left = self.observe(), seconds
        game = self.account.game
        while left > 0:
            waiting = bool(tuple(self.tasks))
            span = min(left, LOOK_S) if waiting else left
            left -= span
            if Hand(game, None).settle(span).get("status") != "running":
                if not (waiting and isinstance(game.backend, Simulator)):
                    break
                with game.one_at_a_time():
                    game.backend.advance(span)  # the simulator's time stands still while nothing runs
            now, at = self.observe(), self.account.now()
            if any(task.due(now, at) for task in self.tasks):
                break
        return changes(before, self.observe())

    def _hear(self, event: Event) -> None:
        """In a thread of the service."""
        if event.request == self._mine:
            if isinstance(event, (Stepped, *END)):
                self._events.put(event)
        elif isinstance(event, Finished) and event.session.account == self.account.name:
            self.traces.append(event.trace)
            self.on_later(event.trace)

    def _until_end(self, on_step: OnStep | None) -> Event:
        while True:
            try:
                event = self._events.get(timeout=0.1)  # lets Ctrl-C through on Windows
            except Empty:
                continue
            if isinstance(event, Stepped):
                if on_step is not None:
                    on_step(event.step)
                continue
            self._mine = ""
            return event

    def _kept(self, played: Played) -> Played:
        self.traces.append(played.trace)
        return played
