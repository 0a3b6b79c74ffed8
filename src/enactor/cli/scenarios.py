"""`enactor scenarios`: the tasks of the evaluation, listed, shown, and checked by playing them."""

import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from enactor.cli.command import Command, Config, Group
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.evaluate.scenarios import Scenario


class List(Config):
    """List the scenarios with their words, all or some."""

    family: str | None = Field(None, description="Only this family", json_schema_extra={"positional": True})
    tag: str | None = Field(None, description="Only those with this tag, such as missing or client_down")
    level: str | None = Field(None, description="Only easy, medium or hard ones")


class Show(Config):
    """Show one scenario: its state, goal and solution, and how the solution runs."""

    id: str = Field(description="Name of the scenario", json_schema_extra={"positional": True})
    seed: int = Field(0, ge=0, description="Seed of the game")


class Check(Config):
    """Play every scenario by its solution, which must pass, and by doing nothing, which must not."""

    family: str | None = Field(None, description="Only this family", json_schema_extra={"positional": True})
    seed: int = Field(0, ge=0, description="Seed of the game")


class Play(Config):
    """Let a model play scenarios, given the player's words only, and say how many it passes."""

    family: str | None = Field(None, description="Only this family", json_schema_extra={"positional": True})
    level: str | None = Field(None, description="Only easy, medium or hard ones")
    limit: int | None = Field(None, ge=1, description="Only the first so many")
    seed: int = Field(0, ge=0, description="Seed of the game")
    out: Path | None = Field(None, description="JSON lines file for one verdict each, with its calls")


def show_list(config: List, settings: Settings) -> int:
    """A line for each; exit code 1 when none fits."""
    from enactor.evaluate.scenarios import scenarios

    found = [
        s
        for s in scenarios().values()
        if config.family in (None, s.family)
        and config.level in (None, s.level)
        and (config.tag is None or config.tag in s.tags)
    ]
    width = max((len(s.id) for s in found), default=0)
    for one in found:
        tags = f"  [{', '.join(one.tags)}]" if one.tags else ""
        print(f"{one.family:12} {one.level:6} {one.id:{width}}  {one.say}{tags}")
    print(f"{len(found)} scenarios")
    return 0 if found else 1


def show_one(config: Show, settings: Settings) -> int:
    """The scenario as YAML and the steps of its solution; exit code 1 when it does not pass."""
    import yaml

    from enactor.errors import EnactorError
    from enactor.evaluate.policies import perfect
    from enactor.evaluate.scenarios import play_scenario, scenarios

    if config.id not in scenarios():
        from difflib import get_close_matches

        near = ", ".join(get_close_matches(config.id, scenarios(), n=3)) or "see `enactor scenarios list`"
        raise EnactorError(f"no scenario {config.id!r}: {near}")
    scenario = scenarios()[config.id]
    print(yaml.safe_dump(scenario.model_dump(mode="json", exclude_defaults=True), sort_keys=False).rstrip())
    verdict = play_scenario(scenario, perfect, config.seed)
    print("\nsteps")
    for step in verdict.steps:
        told = step.result.content.get("error") or (step.result.content.get("result") or {})
        message = told.get("message", "") if isinstance(told, Mapping) else told
        line = step.result.lowered or (step.call.parsed or {}).get("command") or step.call.tool
        print(f"  {line:45} {step.result.status:18} {message}")
    print(f"\n{'passed' if verdict.passed else 'not passed'} after {verdict.ticks} ticks of {scenario.ticks}")
    for text in verdict.open:
        print(f"  does not hold: {text}")
    for text in verdict.broken:
        print(f"  forbidden, and held: {text}")
    return 0 if verdict.passed else 1


def check(config: Check, settings: Settings) -> int:
    """The table by family; exit code 1 when a solution fails or doing nothing passes."""
    from rich.console import Console
    from rich.table import Table

    from enactor.evaluate.policies import idle, perfect
    from enactor.evaluate.scenarios import needed_steps, play_scenario, scenarios

    chosen = [s for s in scenarios().values() if config.family in (None, s.family)]
    if not chosen:
        print(f"enactor: no family {config.family!r}", file=sys.stderr)
        return 1
    rows: dict[str, list[tuple[bool, bool, bool]]] = {}
    faults = []
    for one in chosen:
        played, idled = play_scenario(one, perfect, config.seed), play_scenario(one, idle, config.seed)
        long = needed_steps(one, config.seed) >= 3
        rows.setdefault(one.family, []).append((played.passed, idled.passed, long))
        if not played.passed:
            faults.append(f"{one.id}: open {played.open}, forbidden {played.broken}, {played.ticks} ticks")
        if idled.passed:
            faults.append(f"{one.id}: passes when nothing is done")
    table = Table(title=f"{len(chosen)} scenarios, seed {config.seed}")
    for name in ("family", "n", "perfect", "do nothing", "3 or more needed steps"):
        table.add_column(name, justify="left" if name == "family" else "right")
    everything = [play for plays in rows.values() for play in plays]
    for family, plays in (*sorted(rows.items()), ("all", everything)):
        n = len(plays)
        passed, idled_too, long_ones = (sum(flags) for flags in zip(*plays, strict=True))
        table.add_row(family, str(n), f"{passed / n:.0%}", f"{idled_too / n:.0%}", str(long_ones))
    Console().print(table)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def play(config: Play, settings: Settings) -> int:
    """A line for each scenario as it ends, then the rates by family and by level."""
    from enactor.evaluate.policies import controlled
    from enactor.evaluate.scenarios import play_scenario, scenarios
    from enactor.evaluate.stats import rate
    from enactor.serve.opening import open_engine, system_turn

    chosen = [
        s
        for s in scenarios().values()
        if config.family in (None, s.family) and config.level in (None, s.level)
    ][: config.limit]
    if not chosen:
        print("enactor: no such scenarios; see `enactor scenarios list`", file=sys.stderr)
        return 1
    played: list[tuple[Scenario, bool]] = []
    if config.out:
        config.out.parent.mkdir(parents=True, exist_ok=True)
    record = config.out.open("w", encoding="utf-8") if config.out else nullcontext()
    with record as out, open_engine(settings) as engine:
        player = controlled(engine, system_turn(settings.model))
        for one in chosen:
            verdict = play_scenario(one, player, config.seed)
            played.append((one, verdict.passed))
            if out:
                print(json.dumps(asdict(verdict), ensure_ascii=False), file=out, flush=True)
            print(f"{'pass' if verdict.passed else 'FAIL'}  {one.id:28} {one.say}", flush=True)
    for group in ("family", "level"):
        print(f"\n{group:12} {'n':>4}  passed")
        names = dict.fromkeys(getattr(one, group) for one, _ in played)
        for name in names:
            found = rate(flag for one, flag in played if getattr(one, group) == name)
            print(f"{name:12} {found.n:4}  {found}")
    found = rate(flag for _, flag in played)
    print(f"\n{'all':12} {found.n:4}  {found}")
    return 0


COMMAND = Group(
    {
        "list": ("list them with their words", lambda: Command(List, show_list)),
        "show": ("show one and how its solution runs", lambda: Command(Show, show_one)),
        "check": ("play every solution, and doing nothing", lambda: Command(Check, check)),
        "play": (
            "let a model play",
            lambda: Command(Play, play, ("model", "threads", "context", "cache")),
        ),
    }
)
