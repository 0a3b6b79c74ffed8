"""One case or scenario played once by one policy, and the record that is kept of it.

A record is one JSON object: what was asked of the model and what it answered, word for word, the calls with
what the game said, and the verdict. Everything that is reported is computed from records alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from enactor.agent import Controller, Toolbox
from enactor.evaluate.cases import Case
from enactor.evaluate.recorder import Asked, Recorder
from enactor.evaluate.run import Policy
from enactor.evaluate.scenarios import Scenario, Verdict, play_scenario
from enactor.evaluate.score import Score, play, score_best
from enactor.models.engine import PromptTooLong
from enactor.sim import Simulator
from enactor.trace import content_hash
from enactor.trace.values import Message, Origin, Step, ToolCall, Trace
from enactor.world import turn_gbnf

SCHEMA = 1
WARM = 0.7
"""Temperature of the trials that pass^k counts; trial 0 is greedy."""


@dataclass(frozen=True, slots=True)
class Play:
    """What is kept of a play. `trial` 0 is greedy, later ones are sampled with the trial's number as the seed
    of model and simulator.

    `passed` is the verdict; `progress` the share of the expected calls (of a scenario: of the goals) that was
    reached, None where no call was due. `logprob` is the natural log-probability of the model's first turn,
    None where the engine does not give it. `score` holds a case's figures, `open` and `broken` a scenario's
    goals. `asked` has every prompt with its answer, `steps` every call.
    """

    item: str
    trial: int
    task: str  # "case" or "scenario"
    message: str
    family: str
    kind: str
    group: str
    tags: tuple[str, ...]
    passed: bool
    progress: float | None
    logprob: float | None
    outcome: str
    model_outcome: str
    origins: tuple[Origin, ...]
    score: Mapping[str, Any] | None
    expected: tuple[str, ...]
    got: tuple[str, ...]
    open: tuple[str, ...]
    broken: tuple[str, ...]
    reply: str
    asked: tuple[Mapping[str, Any], ...]
    steps: tuple[Mapping[str, Any], ...]
    state: Mapping[str, Any]
    state_after: Mapping[str, Any]
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int

    def to_json(self) -> dict[str, Any]:
        """The object that stands on the play's line."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Play":
        """The inverse. Raises KeyError or TypeError for what is no play of this schema."""
        if data["schema"] != SCHEMA:
            raise KeyError(f"schema {data['schema']}")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        del values["schema"]
        return cls(**values)

    @property
    def cluster(self) -> str:
        """What is drawn together when plays are resampled: the group of paraphrases, else the item."""
        return self.group or self.item


def play_item(policy: Policy, item: Case | Scenario, trial: int = 0) -> Play:
    """Play one. Raises what the engine raises."""
    return _case(policy, item, trial) if isinstance(item, Case) else _scenario(policy, item, trial)


def _recorder(policy: Policy, trial: int) -> Recorder:
    grammar = turn_gbnf() if policy.grammar else None
    # Seeds a hundred apart: one play asks for a few completions, each with the next seed.
    return Recorder(policy.engine, grammar, WARM if trial else 0.0, 100 * trial)


def _case(policy: Policy, case: Case, trial: int) -> Play:
    references = [play(case, trial, answer=answer) for answer in case.answers]
    simulator = Simulator(seed=trial, start=case.state)
    recorder = _recorder(policy, trial)
    toolbox = Toolbox(simulator)
    trace = _handle(policy, recorder, toolbox, case.message, case.history)
    if trace.steps and trace.steps[-1].result.status == "ok":
        toolbox.settle(trace.steps[-1].call, trace.steps[-1].result)
    judged = score_best(case, trace, simulator, references)
    return _record(
        policy,
        trace,
        recorder,
        item=case.id,
        trial=trial,
        task="case",
        family=case.family,
        kind=case.kind,
        group=case.group,
        tags=case.tags,
        passed=judged.passed,
        progress=judged.progress,
        score=_figures(judged, forced=policy.grammar),
        expected=judged.expected,
        got=judged.got,
        state=dict(case.state),
    )


def _scenario(policy: Policy, scenario: Scenario, trial: int) -> Play:
    recorder = _recorder(policy, trial)
    traces: list[Trace] = []

    def player(say: str, toolbox: Toolbox, solution: Iterator[ToolCall]) -> Sequence[Step]:
        traces.append(_handle(policy, recorder, toolbox, say))
        return traces[-1].steps

    verdict: Verdict = play_scenario(scenario, player, trial)
    return _record(
        policy,
        traces[0],
        recorder,
        item=scenario.id,
        trial=trial,
        task="scenario",
        family=scenario.family,
        kind=scenario.level,
        group="",
        tags=scenario.tags,
        passed=verdict.passed,
        progress=1 - len(verdict.open) / len(scenario.goal),
        score=None,
        expected=scenario.goal,
        got=tuple(_line(step) for step in verdict.steps),
        open=verdict.open,
        broken=verdict.broken,
        state=dict(scenario.start),
    )


def _handle(
    policy: Policy, recorder: Recorder, toolbox: Toolbox, message: str, history: Sequence[Message] = ()
) -> Trace:
    """One request. What does not fit into the engine's context has failed, and the run goes on."""
    controller = Controller(
        recorder, toolbox, system=policy.system, ladder=policy.ladder, recover=policy.recover
    )
    try:
        trace = controller.handle(message, history)
    except PromptTooLong as error:
        return Trace(message, str(error), "failed", "failed")
    return replace(trace, latency_ms=trace.latency_ms + recorder.spared_ms)


def _record(
    policy: Policy,
    trace: Trace,
    recorder: Recorder,
    *,
    open: tuple[str, ...] = (),
    broken: tuple[str, ...] = (),
    **figures: Any,
) -> Play:
    return Play(
        message=trace.message,
        logprob=_logprob(recorder, trace),
        outcome=trace.outcome,
        model_outcome=trace.model_outcome,
        origins=tuple(_origin(step.call.origin, policy.grammar) for step in trace.steps),
        open=open,
        broken=broken,
        reply=trace.reply,
        asked=tuple(
            {
                "prompt": one.request.prompt,
                "grammar": grammar_hash(one.request.grammar),
                "text": one.completion.text,
                "logprob": one.completion.logprob,
                "tokens": [[text, round(logprob, 4)] for text, logprob in one.completion.tokens],
                "prompt_tokens": one.completion.prompt_tokens,
                "completion_tokens": one.completion.completion_tokens,
                "ms": round(one.completion.seconds * 1000, 1),
            }
            for one in recorder.asked
        ),
        steps=tuple(
            {
                "call": _line(step),
                "tool": step.call.tool,
                "arguments": step.call.arguments,
                "origin": _origin(step.call.origin, policy.grammar),
                "status": step.result.status,
                "said": dict(step.result.content),
            }
            for step in trace.steps
        ),
        state_after=dict(trace.state_after or {}),
        latency_ms=round(trace.latency_ms, 1),
        prompt_tokens=trace.prompt_tokens,
        completion_tokens=trace.completion_tokens,
        **figures,
    )


def _origin(origin: Origin, forced: bool) -> Origin:
    """Under a grammar from the start even what the strict parser took is forced."""
    return "forced" if forced and origin == "raw" else origin


def _figures(judged: Score, *, forced: bool) -> dict[str, Any]:
    found = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(judged).items()}
    found["origins"] = [_origin(origin, forced) for origin in judged.origins]
    return found


def grammar_hash(grammar: str | None) -> str | None:
    """What stands in the record for a grammar; None for none."""
    return None if grammar is None else content_hash(grammar)


_PENDING = "</tool_response><|im_end|>\n<|im_start|>assistant\n"
"""How the prompt of a second try ends, which shows the model what the game said."""


def _logprob(recorder: Recorder, trace: Trace) -> float | None:
    """That of the completions which the first decision was made of: one, or one for each clause of a message
    that was read clause by clause. Where a call had to be forced it is that of the forced turn."""
    first = trace.steps[: trace.meta.get("decided")]
    forced = any(step.call.origin == "forced" for step in first)
    left = list(recorder.asked)
    made: dict[str, Asked] = {}
    for text in trace.outputs:
        one = next((one for one in left if one.completion.text == text), None)
        if one is None or one.request.prompt.endswith(_PENDING):
            break
        left.remove(one)
        if forced or one.request.prompt not in made:
            made[one.request.prompt] = one
    found = [one.completion.logprob for one in made.values()]
    known = [logprob for logprob in found if logprob is not None]
    return sum(known) if known and len(known) == len(found) else None


def _line(step: Step) -> str:
    """A step as one line: the lowered command, or what was asked for where it could not be read."""
    if step.call.tool == "send_command":
        return step.result.lowered or str((step.call.parsed or {}).get("command", step.call.arguments))
    return f"@{step.call.tool} {step.call.arguments}"
