"""`enactor traces`: what stands in the training log."""

import json
import os
import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.errors import EnactorError
from enactor.settings import Settings
from enactor.trace.store import ReadReport, TraceStore
from enactor.trace.tally import KEYS, MOST_DAYS, Dated, Key, Selection, bars, by_month, tally
from enactor.trace.values import Outcome, TaskType, Trace

WIDTH = 80


class Traces(Config):
    """The recorded requests: count them by day and outcome, list them (the latest last), show one by its id,
    draw how they spread, or forget a player's."""

    action: Literal["count", "list", "show", "draw", "forget"] = Field(
        "count", description="What to do.", json_schema_extra={"positional": True}
    )
    what: str | None = Field(
        None,
        description="The id or its beginning, to show; the player, to forget.",
        json_schema_extra={"positional": True},
    )
    by: tuple[Key, ...] = Field(
        (), description="Count or draw by this alone: day, source, task or outcome. May be repeated."
    )
    source: tuple[str, ...] = Field((), description="Only from here. May be repeated.")
    task: tuple[TaskType, ...] = Field(
        (), description="Only tasks of this type (loop_command, status_query, …). May be repeated."
    )
    outcome: tuple[Outcome, ...] = Field((), description="Only with this outcome. May be repeated.")
    since: date | None = Field(None, description="Only from this day on.")
    until: date | None = Field(None, description="Only up to this day.")
    contains: str = Field("", description="Only where the message or the reply has these words.")
    last: int = Field(20, ge=1, description="How many to list.")
    as_json: bool = Field(False, alias="json", description="JSON instead of text.")


def run(config: Traces, settings: Settings) -> int:
    """Exit code 0; 1 when there is no such id or player. A log that does not exist is empty."""
    if config.action in ("show", "forget") and not config.what:
        wanted = "the id, as `list` shows it" if config.action == "show" else "the player"
        raise EnactorError(f"`enactor traces {config.action}` needs {wanted}")
    if config.action not in ("show", "forget") and config.what:
        raise EnactorError(f"`enactor traces {config.action}` takes no {config.what!r}: filter by flags")
    folder = settings.training_log
    if not folder.is_dir():
        print(f"nothing recorded yet: {folder} does not exist", file=sys.stderr)
        return 0
    store, report = TraceStore(folder, readonly=not os.access(folder, os.W_OK)), ReadReport()
    selection = Selection(
        config.source, config.task, config.outcome, config.since, config.until, config.contains
    )
    if config.action == "forget":
        return _forget(store, config.what or "")
    chosen = selection.of(store, report)
    code = 0
    if config.action == "list":
        _list(chosen, config)
    elif config.action == "show":
        code = _show(store, chosen, config)
    elif config.action == "draw":
        _draw(tally(chosen), config.by)
    else:
        _count(chosen, config)
    _tell_what_is_missing(store, report)
    return code


def _count(chosen: Iterable[Dated], config: Traces) -> None:
    days: dict[str, Counter[str]] = {}

    def seen() -> Iterable[Dated]:
        for day, trace in chosen:
            days.setdefault(day, Counter())[trace.outcome] += 1
            yield day, trace

    counts = tally(seen())
    total = counts["outcome"].total()
    if config.as_json:
        keys = config.by or tuple(KEYS)
        print(json.dumps({"total": total, **{key: dict(_ordered(key, counts[key])) for key in keys}}))
    elif config.by:
        for key in config.by:
            for name, n in _ordered(key, counts[key]).items():
                print(f"{_plain(name):24}  {n:6}  {n / (total or 1):6.1%}")
            print(f"{'all':24}  {total:6}")
    else:
        for day, outcomes in days.items():
            print(f"{day}  {outcomes.total():6}  {_joined(outcomes)}")
        print(f"{'all':10}  {total:6}  {_joined(counts['outcome'])}")
        print(f"{'source':10}  {'':6}  {_joined(counts['source'])}")
        print(f"{'task':10}  {'':6}  {_joined(counts['task'])}")


def _list(chosen: Iterable[Dated], config: Traces) -> None:
    from rich.cells import set_cell_size

    from enactor.trace import task_type, trace_hash

    for _, trace in deque(chosen, maxlen=config.last):
        identity, task = trace_hash(trace), task_type(trace.steps)
        if config.as_json:
            row = {
                "id": identity,
                "timestamp": trace.timestamp,
                "source": trace.source,
                "task_type": task,
                "outcome": trace.outcome,
                "message": trace.message,
                "reply": trace.reply,
            }
            print(json.dumps(row, ensure_ascii=False))
            continue
        words = set_cell_size(_plain(" ".join(trace.message.split())), WIDTH - 42).rstrip()
        print(f"{_plain(trace.timestamp[:19]):19}  {identity[3:11]}  {trace.outcome:9}  {words}".rstrip())


def _show(store: TraceStore, chosen: Iterable[Dated], config: Traces) -> int:
    from enactor.trace import to_row, trace_hash

    wanted = config.what or ""
    wanted = wanted if wanted.startswith("h1:") else f"h1:{wanted}"
    found = {key: trace for _, trace in chosen if (key := trace_hash(trace)).startswith(wanted)}
    if len(found) != 1:
        hint = "see `enactor traces list`" if not found else f"say more of it: {', '.join(sorted(found)[:5])}"
        print(f"enactor: {len(found)} requests have an id that begins with {wanted}: {hint}", file=sys.stderr)
        return 1
    ((identity, trace),) = found.items()
    said = store.feedback().get(identity)
    if config.as_json:
        row = to_row(trace)
        row["quality"]["human_rating"] = said.rating if said else None
        print(json.dumps(row, ensure_ascii=False))
        return 0
    for name, value in _told(identity, trace):
        print(f"{name:9} {_plain(value)}".rstrip())
    if said:
        print(f"{'rating':9} {said.rating or 'none'}  {_plain(said.note)}".rstrip())
    return 0


def _told(identity: str, trace: Trace) -> Iterable[tuple[str, str]]:
    """The lines of one request, named."""
    from enactor.agent.controller import nature
    from enactor.trace import judge, task_type
    from enactor.world import COMMANDS

    yield "id", identity
    yield "time", f"{trace.timestamp}  source {trace.source}  player {trace.player or 'unnamed'}"
    yield "message", trace.message
    if trace.history:
        yield "history", f"{sum(m.role == 'user' for m in trace.history)} messages before"
    yield "state", json.dumps(trace.state_before, ensure_ascii=False)
    for step in trace.steps:
        call, result = step.call, step.result
        yield "call", f"{call.tool} {call.arguments}  ({call.origin})"
        lowered = f" as {result.lowered}" if result.lowered else ""
        yield "", f"{result.status}{lowered}: {json.dumps(result.content, ensure_ascii=False)}"
    for output in trace.outputs:
        yield "output", output
    yield "reply", trace.reply
    yield "outcome", f"{trace.outcome}, by the model alone {trace.model_outcome}; {task_type(trace.steps)}"
    verdict = judge(trace.message, trace.outputs, trace.steps, trace.reply, nature=nature, verbs=COMMANDS)
    for why in verdict.evidence:
        yield "because", why
    if verdict.outcome != trace.outcome:
        yield "", f"by the rules of today {verdict.outcome}"
    tokens = f"{trace.prompt_tokens} tokens in, {trace.completion_tokens} out"
    yield "took", f"{trace.latency_ms:.0f} ms, {tokens}"
    if trace.meta:
        yield "meta", json.dumps(dict(trace.meta), ensure_ascii=False)


def _draw(counts: Mapping[Key, Counter[str]], keys: tuple[Key, ...]) -> None:
    blocks = _can_print("█▏…")
    for key in keys or tuple(KEYS):
        shown, title = _ordered(key, counts[key]), f"by {key}"
        if key == "day" and len(shown) > MOST_DAYS:
            shown, title = by_month(shown), "by month"
        print(title)
        for line in bars({_plain(name): n for name, n in shown.items()}, width=WIDTH, blocks=blocks):
            print(line)
        print()
    print(f"{counts['outcome'].total()} requests")


def _forget(store: TraceStore, player: str) -> int:
    removed = store.forget(player)
    if not removed:
        print(f"enactor: nothing is recorded under {player!r}; names count exactly", file=sys.stderr)
        return 1
    print(f"{removed} recorded requests of {_plain(player)} were removed, with the feedback on them")
    return 0


def _tell_what_is_missing(store: TraceStore, report: ReadReport) -> None:
    """On stderr: what cannot be read, was set aside or removed."""
    for line in store.opened.lines():
        print(line, file=sys.stderr)
    for reason, n in report.refused.items():
        print(f"{n} lines cannot be read: {reason}", file=sys.stderr)
    torn: list[Path] = sorted(store.folder.glob("*.torn"))
    if torn:
        print(f"{len(torn)} torn lines are set aside, the last in {torn[-1]}", file=sys.stderr)
    for gone in store.removals():
        day = str(gone.get("timestamp"))[:10]
        print(f"{gone.get('rows')} were removed on {day}: {gone.get('reason')}", file=sys.stderr)


def _ordered(key: Key, counts: Counter[str]) -> Counter[str]:
    """Days in their order, the rest by number."""
    pairs: list[tuple[str, Any]] = sorted(counts.items()) if key == "day" else counts.most_common()
    return Counter(dict(pairs))


def _joined(counts: Counter[str]) -> str:
    return ", ".join(f"{_plain(name)} {n}" for name, n in counts.most_common())


def _plain(text: str) -> str:
    from enactor.serve.plain import plain

    return plain(text)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


COMMAND = Command(Traces, run, ("training_log",))
