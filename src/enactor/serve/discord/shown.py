"""A request as its one message shows it: a pure function of the events so far."""

from dataclasses import dataclass, field

from enactor.serve.core import events
from enactor.serve.core.events import Event
from enactor.serve.discord.words import bar, code, escaped, listed, span
from enactor.trace import Step

Buttons = tuple[tuple[str, str], ...]
"""What can be pressed: (what, about which request or trace)."""

STEPS = 6
SIGNS = {"ok": "✓", "error": "✗", "blocked": "⊘", "needs_confirmation": "?"}
OUTCOMES = {"executed": "✅", "answered": "", "asked": "❔", "refused": "", "failed": "❌"}


@dataclass(slots=True)
class Shown:
    """The state of one message. `over`: nothing more comes; `ended`: the answer is there, though a loop may
    go on."""

    message: str = ""
    line: str = ""
    steps: list[str] = field(default_factory=list)
    progress: str = ""
    answer: str = ""
    trace_id: str = ""
    question: str = ""
    ended: bool = False
    over: bool = False
    waiting: bool = False

    def take(self, event: Event) -> None:
        """Go on by one event."""
        match event:
            case events.Accepted():
                self.message = event.message
                self._wait(event.position)
                if event.again:
                    self.line = f"↻ Taken up after a restart: {escaped(event.message[:200])}"
            case events.Queued():
                self._wait(event.position)
            case events.Started():
                self.message, self.waiting = event.message, False
                self.line = f"▶ {escaped(event.message[:200])}"
            case events.Stepped():
                self.steps.append(_step(event.step))
                self.progress = ""
            case events.Progress():
                self.progress = _progress(event)
            case events.Asks():
                self.question, self.over = event.question, False
            case events.Withdrawn():
                self.question, self.over = "", True
                if event.why != "answered":
                    self.answer = f"{self.answer}\n*Left undone: {escaped(event.why)}.*".strip()
            case events.Finished():
                self.answer, self.trace_id = _answer(event), event.trace_id
                self.progress = ""
                self.ended, self.over = True, not event.runs_on and not event.asks
            case events.Over():
                gained = listed(event.gained)
                self.answer += f"\n🏁 {code(event.doing)} has ended after {span(event.seconds)}."
                self.answer += f"\n{gained}" if gained else ""
                self.progress, self.over = "", True
            case events.Cancelled():
                kept = " What was done stays done." if event.trace is not None and event.trace.steps else ""
                self._end(f"⏹ {escaped(event.why[:1].upper() + event.why[1:])}.{kept}")
            case events.Failed() | events.Interrupted():
                self._end(f"⚠ {escaped(event.message)}")
            case events.Refused() | events.Shed():
                self._end(escaped(event.message))
            case _:
                pass

    def text(self) -> str:
        """What the message says now."""
        if self.ended:
            return "\n".join(filter(None, (self.answer, self.progress)))
        hidden = [f"… {len(self.steps) - STEPS} steps before"] if len(self.steps) > STEPS else []
        return "\n".join(filter(None, (self.line, *hidden, *self.steps[-STEPS:], self.progress)))

    def buttons(self, request: str) -> Buttons:
        """Yes and no while it asks, thumbs and a correction when it has ended, else a way to end it."""
        if self.question:
            return (("yes", request), ("no", request))
        if self.ended:
            about = self.trace_id
            return (("up", about), ("down", about), ("fix", about)) if about else ()
        return (("cancel", request),)

    def _wait(self, position: int) -> None:
        self.waiting = position > 0
        before = f"{position} before it" if position > 1 else "one before it" if position else "next"
        self.line = f"⏳ {escaped(self.message[:200])} ({before})" if self.waiting else ""

    def _end(self, answer: str) -> None:
        self.answer, self.ended, self.over = answer, True, True


def _step(step: Step) -> str:
    result = step.result
    what = result.lowered or step.call.tool
    if step.call.tool == "send_command" and result.lowered is None:
        what = str((step.call.parsed or {}).get("command") or step.call.arguments)
    return f"{SIGNS[result.status]} {code(what[:150])}"


def _progress(event: events.Progress) -> str:
    counted = bar(event.done, event.total) if event.done is not None and event.total else ""
    if not counted and event.done is not None:
        counted = f"{event.done:,} so far"
    lines = [f"… {code(event.doing)}" if event.doing else "…", counted, span(event.seconds)]
    gained = listed(event.gained)
    return " · ".join(filter(None, lines)) + (f"\n{gained}" if gained else "")


def _answer(event: events.Finished) -> str:
    trace, played = event.trace, event.played
    sign = OUTCOMES.get(trace.outcome, "⚠")
    lines = [f"{sign} {escaped(trace.reply)}".strip()]
    if trace.outcome in ("described", "claimed"):
        lines.append("*Nothing was sent to the game.*")
    if played.changed:
        lines.append(listed(played.changed))
    if played.later_s:
        lines.append(f"{span(played.later_s)} later: {listed(played.later) or 'nothing new'}")
    return "\n".join(lines)
