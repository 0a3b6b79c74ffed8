"""All that the page can do, without HTTP: one player, one account, the models to choose from.

In: the values of `forms`. Out: objects that JSON can hold, and events in `feed`. Methods may be called from
any thread; what cannot be done raises `forms.Refused` or an `EnactorError`, whose message is for the player.
"""

import sys
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any

from enactor.errors import EnactorError
from enactor.evaluate.scenarios import scenarios
from enactor.serve.core import (
    Accepted,
    Caller,
    Event,
    Finished,
    Over,
    Service,
    Shed,
    as_record,
)
from enactor.serve.core import (
    Refused as NotTaken,
)
from enactor.serve.plain import plain
from enactor.serve.scene import scene
from enactor.serve.staging import Stage, stage
from enactor.serve.web import forms
from enactor.serve.web.feed import Feed
from enactor.serve.web.forms import Refused
from enactor.serve.web.shown import cleaned, compared, shown
from enactor.sim import Simulator
from enactor.trace import Step, canonical_json
from enactor.world import GameState

DOOR = "web"
LOOK_S = 0.2
"""Seconds between two looks at the world while a page listens."""

RECENT = 1_000
LOG_S = 600.0
LOG_LINES = 200
SPEEDS: tuple[tuple[float, str], ...] = ((1, "as it is"), (10, "× 10"), (60, "× 60"), (0, "at once"))


class Console:
    """The door. `models` are the names that may be chosen, the present one among them. `start` begins to
    listen and look, `close` ends it; the service is the caller's."""

    def __init__(
        self,
        service: Service,
        *,
        account: str = "",
        player: str = "",
        models: Sequence[str] = (),
        label: bool = False,
        seed: int = 0,
        read_only: bool = False,
        dry_run: bool = False,
    ) -> None:
        self.service = service
        self.account = account or next(iter(service.accounts))
        self.caller = Caller(DOOR, player or DOOR, player)
        self.models = tuple(dict.fromkeys((service.desk.model.name, *models)))
        self.feed = Feed()
        self._label = label
        self._seed = seed
        self._fixed = {"read_only": read_only, "dry_run": dry_run}
        self._requests: OrderedDict[str, str] = OrderedDict()
        self._stage: Stage | None = None
        self._steps: list[Step] = []
        self._changing = threading.Lock()
        self._comparing = threading.Lock()
        self._incoming: SimpleQueue[Event | None] = SimpleQueue()
        self._ending = threading.Event()
        self._leave = service.subscribe(self._incoming.put)
        self._threads = [
            threading.Thread(target=work, name=f"web {work.__name__}", daemon=True)
            for work in (self._tell, self._watch)
        ]

    def start(self) -> None:
        """Begin to pass on what happens."""
        self.feed.publish({"event": "session", "session": self.session()})
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._leave()
        self._ending.set()
        self._incoming.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)

    # -- what is there ----------------------------------------------------------------------------------

    def session(self) -> dict[str, Any]:
        """What the page's controls show."""
        held = self.service.accounts[self.account]
        return {
            "player": plain(self.caller.name),
            "model": self.service.desk.model.name,
            "models": list(self.models),
            "backend": held.backend.name,
            "speed": held.pace,
            "speeds": [] if held.live else [list(row) for row in _speeds(held.pace)],
            "scenarios": not held.live,
            "label": self._label,
            "rating": self.service.store is not None,
            **self._fixed,
        }

    def log(self) -> dict[str, Any]:
        """The client's log of the last minutes."""
        game = self.service.accounts[self.account].game
        with game.one_at_a_time():
            lines = game.backend.logs(LOG_S)
        return {"lines": [plain(line)[:300] for line in lines[-LOG_LINES:]]}

    def scenarios(self) -> dict[str, Any]:
        """The tasks that can be started."""
        return {
            "scenarios": [
                {"id": one.id, "family": one.family, "level": one.level, "say": one.say}
                for one in scenarios().values()
            ]
        }

    # -- what can be done -------------------------------------------------------------------------------

    def say(self, form: forms.Say) -> dict[str, Any]:
        """Take a request; what comes of it is in the feed."""
        return _taken(self.service.submit(self.caller, self.account, form.message))

    def stop(self, form: forms.Nothing) -> dict[str, Any]:
        """End what runs and waits, now."""
        return _taken(self.service.stop(self.caller, self.account))

    def answer(self, form: forms.Answer) -> dict[str, Any]:
        """Yes or no to an open question."""
        event = self.service.answer(self.caller, form.request, form.yes)
        if event is None:
            raise Refused("that question is not open any more", 409)
        return _taken(event)

    def cancel(self, form: forms.OfRequest) -> dict[str, Any]:
        """End one request."""
        if not self.service.cancel(self.caller, form.request):
            raise Refused("that request has ended already", 409)
        return {"ok": True}

    def choose_model(self, form: forms.ChooseModel) -> dict[str, Any]:
        """Another model from the next request on. Only those of the list: a name could be a path."""
        self._known(form.model)
        with self._changing:
            if form.model != self.service.desk.model.name:
                self.service.use_model(self.caller, form.model)
        return self._changed()

    def choose_speed(self, form: forms.ChooseSpeed) -> dict[str, Any]:
        """How fast simulated time passes, from the next request on."""
        self._simulated().pace = form.speed
        return self._changed()

    def begin(self, form: forms.ChooseScenario) -> dict[str, Any]:
        """Put a new world in the place of the present one: what runs is stopped, what waits is dropped."""
        self._simulated()
        if self._fixed["read_only"]:
            raise Refused("this session only reads", 403)
        begun = stage(form.scenario, self._seed) if form.scenario else None
        world = begun.world if begun else Simulator(self._seed)
        with self._changing:
            self.service.begin(self.caller, self.account, world)
            self._stage, self._steps = begun, []
        self.feed.publish({"event": "reset"})
        self._look_at_goal()
        return {"ok": True, "say": begun.scenario.say if begun else ""}

    # -- what is said of it -----------------------------------------------------------------------------

    def rate(self, form: forms.Rate) -> dict[str, Any]:
        """Keep a rating."""
        self.service.feedback.rate(form.trace, form.rating)
        return self._judged(form.trace, form.rating, fixed=False)

    def check(self, form: forms.Check) -> dict[str, Any]:
        """The lines of a correction, judged."""
        from enactor.serve.label.view import show_line

        lines = self.service.feedback.check(form.trace, form.text)
        return {"lines": [show_line(line) for line in lines]}

    def complete(self, form: forms.Complete) -> dict[str, Any]:
        """What can stand at the end of a line."""
        from enactor.serve.label.calls import usage_of
        from enactor.serve.label.complete import complete
        from enactor.serve.label.rows import state_of

        options = complete(form.line, state_of(self.service.feedback.find(form.trace)))
        return {
            "start": options.start,
            "usage": usage_of(form.line),
            "options": [asdict(option) for option in options.options],
        }

    def correct(self, form: forms.Correct) -> dict[str, Any]:
        """Keep the right calls."""
        self.service.feedback.correct(form.trace, form.calls, by=self.caller.player, reply=form.reply)
        return self._judged(form.trace, None, fixed=True)

    def compare(self, form: forms.Compare) -> dict[str, Any]:
        """What both models would do now; nothing is sent. Blind sides have no names and no times. One
        comparison at a time: each is some seconds of two models."""
        for name in (form.a, form.b):
            self._known(name)
        if not self._comparing.acquire(blocking=False):
            raise Refused("another comparison is under way: wait for its end", 409)
        try:
            found = self.service.compare(self.caller, self.account, form.message, (form.a, form.b))
        finally:
            self._comparing.release()
        sides = zip(("first", "second"), found.models, (found.first, found.second), strict=True)
        return {
            "comparison": found.id,
            "sides": {
                side: {"model": None if form.blind else model, **compared(trace, blind=form.blind)}
                for side, model, trace in sides
            },
        }

    def vote(self, form: forms.Vote) -> dict[str, Any]:
        """Keep which was better; the models' names."""
        if self.service.store is None:
            raise Refused("nothing is recorded (the setting `log` is off), so no vote is kept", 409)
        found = self.service.vote(self.caller, form.comparison, form.choice)
        return {"ok": True, "models": dict(zip(("first", "second"), found.models, strict=True))}

    # -- inside -----------------------------------------------------------------------------------------

    def _known(self, model: str) -> None:
        if model not in self.models:
            raise Refused(f"that model is not offered here; known: {', '.join(self.models)}")

    def _simulated(self) -> Any:
        held = self.service.accounts[self.account]
        if held.live:
            raise Refused("only the simulator can do this", 409)
        return held

    def _changed(self) -> dict[str, Any]:
        session = self.session()
        self.feed.publish({"event": "session", "session": session})
        return session

    def _judged(self, trace: str, rating: int | None, *, fixed: bool) -> dict[str, Any]:
        request = self._requests.get(trace)
        if request is not None:
            self.feed.publish({"event": "rated", "request": request, "rating": rating, "fixed": fixed})
        return {"ok": True}

    def _tell(self) -> None:
        """Turn events into records, in their order."""
        while (event := self._incoming.get()) is not None:
            if event.session.account != self.account or event.session.door not in (DOOR, "later"):
                continue
            if isinstance(event, NotTaken | Shed):
                continue  # the page that asked has its answer
            try:
                self.feed.publish(self._record(event))
                if isinstance(event, Finished) and self._stage is not None:
                    self._steps += event.trace.steps
                if isinstance(event, Finished | Over):
                    self._look_at_goal()
            except Exception:  # one that cannot be shown must not silence those after it
                traceback.print_exc(file=sys.stderr)

    def _record(self, event: Event) -> dict[str, Any]:
        record: dict[str, Any] = cleaned(as_record(event))
        record.pop("session", None)
        if isinstance(event, Finished):
            record["detail"] = shown(event.trace)
            if event.trace_id:
                self._requests[event.trace_id] = event.request
                while len(self._requests) > RECENT:
                    self._requests.popitem(last=False)
        return record

    def _look_at_goal(self) -> None:
        """Tell how the scenario that is being played stands."""
        begun = self._stage
        if begun is None:
            self.feed.publish({"event": "task", "task": None})
            return
        lacking = begun.lacking(self.service.accounts[self.account].observe(), self._steps)
        one = begun.scenario
        self.feed.publish({"event": "task", "task": {"id": one.id, "say": one.say, "lacking": list(lacking)}})

    def _watch(self) -> None:
        """Publish the world when it has changed and somebody looks."""
        last = ""
        while not self._ending.wait(LOOK_S):
            if not self.feed.watched:
                continue
            try:
                seen = scene(self.service.accounts[self.account].observe())
            except EnactorError as error:
                seen = {**scene(GameState(client_running=False)), "problem": str(error)}
            except Exception:  # a state file of another version must not end the page
                traceback.print_exc(file=sys.stderr)
                time.sleep(5)
                continue
            now = canonical_json(seen)
            if now != last:
                last = now
                self.feed.publish({"event": "scene", "scene": seen})


def _taken(event: Event) -> dict[str, Any]:
    """The request's id, or what is in its way."""
    if isinstance(event, Shed):
        raise Refused(event.message, 429, event.retry_s)
    if isinstance(event, NotTaken):
        raise Refused(event.message)
    position = event.position if isinstance(event, Accepted) else 0
    return {"request": event.request, "position": position}


def _speeds(present: float) -> tuple[tuple[float, str], ...]:
    """Those to choose from, the present one among them."""
    if any(value == present for value, _ in SPEEDS):
        return SPEEDS
    return tuple(sorted((*SPEEDS[:-1], (present, f"× {present:g}")))) + SPEEDS[-1:]
