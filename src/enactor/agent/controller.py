"""The control loop: observe, decide, gate, act, verify, respond."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from enactor.agent.clauses import assumed, clauses, lowered_line, opened_once, sure_of
from enactor.agent.course import REMEDIES, Course
from enactor.agent.direct import direct_lines
from enactor.agent.handlers import with_known_fields
from enactor.agent.ladder import Decision, decide
from enactor.agent.named import names_as_said
from enactor.agent.recovery import remedy
from enactor.agent.reply import compose, telling
from enactor.agent.said import leave_out_unsaid, numbers_as_said
from enactor.agent.speech_acts import answer, forbids, protests, refers
from enactor.agent.tools import Toolbox
from enactor.agent.weigh import name_of
from enactor.models.engine import Engine, EngineError, PromptTooLong
from enactor.prompt import (
    DIALECTS,
    MAX_HISTORY,
    SYSTEM,
    Dialect,
    recent,
    render_prompt,
    step_messages,
    tool_call,
)
from enactor.trace import Nature, judge
from enactor.trace.values import Message, Step, ToolCall, ToolResult, Trace
from enactor.world import COMMANDS, TOOLS, GameState, offers

MAX_MESSAGE_CHARS = 2000
MAX_CALLS = 8
LIMIT_S = 1800.0
SURELY = -0.2
"""Log-probability from which a decision on a whole message is not looked at again, clause by clause."""

OnStep = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Controller:
    """Turns a player's words into calls and a reply. Holds no conversation; `Session` does.

    `system` is the system turn (the tuned models' short one, or one with the tool description for a base).
    With the short one the prompt offers the commands that the message likely means. `ladder` allows the rungs
    after the strict parser, and mends numbers that nobody said; `forced` that a message is decoded again
    where the first reading does not hold.
    `mend` makes a failed step good where it is known how, once in a request; `recover` allows that, and else
    gives the model one more turn when the game refused a call. `max_calls` and `limit_s` bound a request (see
    `Course`).
    """

    engine: Engine
    toolbox: Toolbox
    dialect: Dialect = field(default_factory=lambda: DIALECTS["hermes"])
    system: str = SYSTEM
    ladder: bool = True
    forced: bool = True
    recover: bool = True
    mend: bool = True
    source: str = "enactor"
    max_calls: int = MAX_CALLS
    limit_s: float = LIMIT_S

    def handle(
        self,
        message: str,
        history: Sequence[Message] = (),
        *,
        confirmed: bool = False,
        on_step: OnStep | None = None,
    ) -> Trace:
        """Carry out one request. Raises `EnactorError` when the engine fails; what the model or the game got
        wrong is in the trace. `confirmed` means the player has said yes to what the gate asked. Earlier turns
        that do not fit into the engine's context are left out, the oldest first."""
        shown = MAX_HISTORY
        while True:
            try:
                return self._handle(message, history, confirmed, on_step)
            except PromptTooLong:  # nothing was done yet: later turns of the model are no such error
                shown -= 1
                if shown < 0 or not history:
                    raise
                history = recent(history, shown)

    def _handle(
        self, message: str, history: Sequence[Message], confirmed: bool, on_step: OnStep | None
    ) -> Trace:
        started = time.perf_counter()
        timestamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.toolbox.backend.attend()
        before = self.toolbox.observe()
        steps: tuple[Step, ...] = ()
        decision = Decision("", (), (), ())
        decided = 0  # how many of the steps came from the model's first turn
        problem = _unfit(message)
        lines = () if problem else direct_lines(message)
        if problem:
            reply = problem
        elif lines:
            calls = [
                ToolCall("send_command", c.arguments, c.parsed, origin="direct") for c in map(_command, lines)
            ]
            steps = self._act(calls, confirmed, on_step, self._course(recover=False))
            decided = len(steps)
            reply = compose(steps)
        else:
            decision, steps, decided = self._think(message, before, history, confirmed, on_step)
            said = decision.question or decision.text or "I did not understand that."
            reply = compose(telling(steps)) if steps else said
        outputs = tuple(done.text for done in decision.made_of)
        # What was withdrawn to ask is no description of a call.
        judged = () if decision.question else outputs
        verdict = judge(message, judged, steps, reply, nature=nature, verbs=COMMANDS)
        return Trace(
            message=message,
            reply=reply,
            outcome=verdict.outcome,
            model_outcome=verdict.model_outcome,
            steps=steps,
            outputs=outputs,
            history=tuple(history),
            state_before=before.to_case(),
            state_after=self.toolbox.observe().to_case(),
            timestamp=timestamp,
            source=self.source,
            latency_ms=(time.perf_counter() - started) * 1000,
            prompt_tokens=sum(c.prompt_tokens for c in decision.completions),
            completion_tokens=sum(c.completion_tokens for c in decision.completions),
            meta={
                "engine": self.engine.name,
                "dialect": self.dialect.name,
                "decided": decided,
                **({"recovered": made} if (made := sum(map(_recovered, steps))) else {}),
            },
        )

    def _think(
        self,
        message: str,
        state: GameState,
        history: Sequence[Message],
        confirmed: bool,
        on_step: OnStep | None,
    ) -> tuple[Decision, tuple[Step, ...], int]:
        """What was decided, the steps that came of it, and how many of those were the model's first word."""
        decision = self._decide(message, state, history)
        if self.ladder and self.forced and self.system == SYSTEM:
            decision = self._clause_by_clause(message, state, history, decision)
        course = self._course(recover=self.recover and self.mend)
        calls = decision.calls
        if self.ladder:
            calls = numbers_as_said(opened_once(calls, is_open=bool(state.bank_open)), message, history)
            calls = tuple(with_known_fields(leave_out_unsaid(call, message, history)) for call in calls)
            named = [names_as_said(call, message, history, state) for call in calls]
            calls = tuple(call for call, _ in named)
            if named and named[0][1]:
                return replace(decision, question=named[0][1]), (), 0
        steps = self._act(calls, confirmed, on_step, course)
        decided = len(steps)
        refused = next((step for step in steps if _refused_by_game(step)), None)
        if self.recover and refused is not None and not any(map(_recovered, steps)):
            try:
                second = self._decide(message, state, history, step_messages(steps))
            except EngineError:  # what was carried out is reported and recorded, without a second thought
                return decision, steps, decided
            decision = decision.then(second)
            if second.calls and not _same(second.calls[0], refused.call):
                course.remedies = 0
                steps += self._act(second.calls, confirmed, on_step, course)
        return decision, steps, decided

    def _decide(
        self,
        message: str,
        state: GameState,
        history: Sequence[Message],
        pending: Sequence[Message] = (),
    ) -> Decision:
        """One turn of the model; the offers have a say where the message does not lean on an earlier one."""
        offered = offers().offer(message) if self.system == SYSTEM else ()
        prompt = render_prompt(
            message,
            state,
            history,
            offered=offered,
            system=self.system,
            dialect=self.dialect,
            pending=pending,
        )
        alone = offered and not pending and not (history and refers(message))
        return decide(
            self.engine,
            prompt,
            self.dialect,
            ladder=self.ladder,
            forced=self.forced,
            shares=offers().by_name(message) if alone else None,
            act=None if pending else _has_to_act(message, history),
        )

    def _clause_by_clause(
        self, message: str, state: GameState, history: Sequence[Message], whole: Decision
    ) -> Decision:
        """The message read one task after another, where it holds several and that reading is the likelier
        one, or the whole has several calls and yet fewer than the message has tasks, or none of a command
        that a clause surely asks for and the other reading has; else the whole."""
        if whole.logprob is None:
            return whole
        parts = clauses(message)
        if len(parts) < 2:
            return whole
        asked = frozenset[str]().union(*map(sure_of, parts)) if len(whole.calls) > 1 else frozenset()
        missing = asked.difference(map(name_of, whole.calls))
        left_out = 1 < len(whole.calls) < len(parts) or bool(missing)
        if whole.logprob >= SURELY and not left_out:
            return whole
        read = Decision("", (), (), ())
        before = list(history)
        for part in parts:
            one = self._decide(part, state, before)
            read = read.then(one, calls=True)
            likelier = read.logprob is not None and read.logprob > whole.logprob
            if not one.calls or not (likelier or left_out):
                return whole.then(read, kept=False)
            before += (Message("user", part), *assumed(one.calls, state))
        if not likelier and not missing.issubset(map(name_of, read.calls)):
            return whole.then(read, kept=False)
        return replace(read.then(whole, kept=False), calls=opened_once(read.calls))

    def _course(self, *, recover: bool) -> Course:
        remedies = REMEDIES if recover and not self.toolbox.read_only else 0
        return Course(self.max_calls, self.limit_s, remedies)

    def _act(
        self, calls: Sequence[ToolCall], confirmed: bool, on_step: OnStep | None, course: Course
    ) -> tuple[Step, ...]:
        """Dispatch in order, each awaited before the next. After the first that does not succeed, and cannot
        be made good, the rest is kept in the record as not tried. A call that repeats the one before it
        counts once, and so does one that the next says again in full."""
        steps: list[Step] = []
        single = [c for i, c in enumerate(calls) if i == 0 or not _same(c, calls[i - 1])]
        state = self.toolbox.observe()
        lines = [lowered_line(c, state) for c in single]
        distinct = [
            c
            for c, line, after in zip(single, lines, [*lines, None][1:], strict=True)
            if not _says_less(line, after)
        ]
        for index, call in enumerate(distinct):
            if steps and steps[-1].result.status != "ok":
                steps += [Step(skipped, self.toolbox.skip(skipped)) for skipped in distinct[index:]]
                break
            last = index + 1 == len(distinct)
            steps.append(self._step(call, confirmed, on_step, course, last=last))
            if steps[-1].result.status != "ok" and course.remedies:
                steps += self._mend(steps[-1], confirmed, on_step, course, last=last)
        return tuple(steps)

    def _mend(
        self, failed: Step, confirmed: bool, on_step: OnStep | None, course: Course, *, last: bool
    ) -> list[Step]:
        """Make a failed step good where it is known how: its remedy, and the next one where the step then
        fails for another reason or a conversation has gone on by a line. After a remedy that does not
        succeed nothing more is mended."""
        steps: list[Step] = []
        wrong: set[str] = set()
        while course.remedies and (calls := remedy(failed, self.toolbox.backend)):
            course.remedies -= 1
            for index, call in enumerate(calls):
                end = last and index + 1 == len(calls)
                steps.append(self._step(call, confirmed, on_step, course, last=end))
                if steps[-1].result.status != "ok":
                    break
            else:
                return steps
            wrong.add(_complaint(failed))
            again = steps[-1].result.lowered == failed.result.lowered
            spoke = any(step.result.lowered == "CLICK_CONTINUE" for step in steps[-2:])
            failed = steps[-1]
            if not again or (_complaint(failed) in wrong and not spoke):
                course.remedies = 0
        return steps

    def _step(
        self, call: ToolCall, confirmed: bool, on_step: OnStep | None, course: Course, *, last: bool
    ) -> Step:
        """One call, awaited; a loop at the end of the request is left running."""
        before = self.toolbox.observe()
        if problem := course.refuses(call, before):
            return Step(call, ToolResult("blocked", {"dispatched": False, "error": problem}))
        result = self.toolbox.call(call, confirmed=confirmed)
        if not last or not _loops(result.lowered):
            result = self.toolbox.settle(call, result)
        course.note(call, result, before, self.toolbox.observe())
        step = Step(call, result)
        if on_step:
            on_step(step)
        return step


def _has_to_act(message: str, history: Sequence[Message]) -> bool | None:
    """Whether the answer has to be a call, or words; None where the player left it open."""
    if protests(message, history):
        return True
    return False if forbids(message) else None


@dataclass(slots=True)
class Session:
    """One player's conversation: the history that the model sees, and a question that waits for a yes."""

    controller: Controller
    history: list[Message] = field(default_factory=list)
    pending: str | None = None

    def say(self, message: str, on_step: OnStep | None = None) -> Trace:
        """One request. A yes to a waiting question carries out the request that raised it."""
        waiting, self.pending = self.pending, None
        if waiting is not None and answer(message) == "yes":
            trace = self.controller.handle(waiting, self.history, confirmed=True, on_step=on_step)
        elif waiting is not None and answer(message) == "no":
            trace = Trace(message, "Left it.", "answered", "answered")
        else:
            trace = self.controller.handle(message, self.history, on_step=on_step)
            if any(step.result.status == "needs_confirmation" for step in trace.steps):
                self.pending = message
        self.history += turn_messages(trace)
        return trace


def nature(step: Step) -> Nature:
    """Whether a call reads, acts or loops, by the declarations."""
    if step.call.tool != "send_command":
        tool = TOOLS.get(step.call.tool)
        return "read" if tool is not None and tool.effect == "read" else "act"
    line = step.result.lowered or str((step.call.parsed or {}).get("command", ""))
    spec = COMMANDS.get(line.split()[0].upper()) if line.split() else None
    if spec is None:
        return "act"
    return "loop" if spec.duration == "loop" else "read" if spec.effect == "read" else "act"


def turn_messages(trace: Trace) -> tuple[Message, ...]:
    """A finished request as history: the words, then the calls with their results, or the text reply. Empty
    for one that could not be taken."""
    if _unfit(trace.message):
        return ()
    user = Message("user", trace.message)
    if trace.steps:
        return (user, *step_messages(trace.steps))
    return (user, Message("assistant", trace.reply))


def _unfit(message: str) -> str | None:
    """Why a message cannot be taken, if it cannot."""
    if not message.strip():
        return "The message is empty. Say what to do, for instance: kill 20 chickens."
    if len(message) > MAX_MESSAGE_CHARS:
        return (
            f"I cannot take a message of {len(message):,} characters: the limit is {MAX_MESSAGE_CHARS:,}. "
            "Say it shorter."
        )
    return None


def _same(one: ToolCall, other: ToolCall) -> bool:
    return (one.tool, one.parsed) == (other.tool, other.parsed)


def _says_less(line: str | None, after: str | None) -> bool:
    """`KILL_LOOP Giant_frog none` before `KILL_LOOP Giant_frog none 300`."""
    return line is not None and after is not None and " " in line and after.startswith(f"{line} ")


def _command(line: str) -> ToolCall:
    return tool_call("send_command", {"command": line})


def _loops(lowered: str | None) -> bool:
    return lowered is not None and COMMANDS[lowered.split()[0]].duration == "loop"


def _refused_by_game(step: Step) -> bool:
    """The command was sent and the game said no; a name or a form that the grammar refused is for the player
    to clear up."""
    return step.result.status == "error" and bool(step.result.content.get("dispatched"))


def _complaint(step: Step) -> str:
    """What a failed step says is wrong."""
    return str(step.result.content.get("error") or "")


def _recovered(step: Step) -> bool:
    return step.call.origin == "recovered"
