"""`enactor ab`: see `enactor.serve.compare`."""

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.serve.compare import Comparisons, Experiment


class Ab(Config):
    """Compare a candidate with the model in use on live requests: begin (start), see how it stands (status),
    end it (stop), or decode what was recorded without a program that plays (run). It ends by itself."""

    action: Literal["start", "status", "stop", "run"] = Field(
        "status", description="What to do.", json_schema_extra={"positional": True}
    )
    candidate: str | None = Field(
        None, description="The model to compare, for start.", json_schema_extra={"positional": True}
    )
    mode: Literal["shadow", "split"] = Field(
        "shadow",
        description="shadow: it decodes the same requests and dispatches nothing. split: it plays for a "
        "share of the players.",
    )
    share: float = Field(0.5, gt=0, lt=1, description="With split: the share of players.")
    goal: Literal["better", "not-worse"] = Field(
        "not-worse", description="What ends it in the candidate's favour."
    )
    margin: float = Field(0.05, gt=0, lt=0.5, description="How much worse is still not worse, as a share.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Chance of each wrong decision, at most.")
    most: int = Field(2000, ge=10, description="Requests after which it ends undecided.")
    promote: bool = Field(False, description="Put the candidate to use when it wins.")
    reason: str = Field("", description="Why, for stop.")
    follow: bool = Field(False, description="With run: go on until it is decided.")
    as_json: bool = Field(False, alias="json", description="The status as JSON.")


def run(config: Ab, settings: Settings) -> int:
    """Exit code 0; problems are raised."""
    from enactor.serve.compare import Comparisons

    comparisons = Comparisons()
    if config.action == "start":
        _start(config, settings, comparisons)
    elif config.action == "run":
        _run(config, settings, comparisons)
    elif config.action == "stop":
        comparisons.end(_running(comparisons), "stopped", config.reason or "by hand")
    _status(config, settings, comparisons)
    return 0


def _start(config: Ab, settings: Settings, comparisons: "Comparisons") -> None:
    from enactor.deploy.sequential import Plan
    from enactor.errors import EnactorError
    from enactor.models import is_remote, model_file
    from enactor.models.load import recorded_name

    if config.candidate is None:
        raise EnactorError("start needs a candidate: a model's name as for --model")
    if not is_remote(config.candidate):
        model_file(config.candidate)  # a mistake shows now, not with the first request
    comparisons.start(
        config.candidate,
        recorded_name(settings.model),
        mode=config.mode,
        plan=Plan(
            config.alpha, config.margin, "better" if config.goal == "better" else "not worse", config.most
        ),
        share=config.share,
        promote=config.promote,
    )


def _running(comparisons: "Comparisons") -> "Experiment":
    from enactor.errors import EnactorError

    found = comparisons.running()
    if found is None:
        raise EnactorError("no comparison runs: begin one with `enactor ab start MODEL`")
    return found


def _run(config: Ab, settings: Settings, comparisons: "Comparisons") -> None:
    from enactor.models.engine import Engine
    from enactor.serve.compare import advance, opened
    from enactor.serve.compare.run import LOOK_S

    experiment = _running(comparisons)
    loaded: dict[str, tuple[Engine, str]] = {}

    def candidate() -> tuple[Engine, str]:
        return opened(settings, experiment.candidate, loaded)

    try:
        while True:
            now = advance(comparisons, experiment, settings.training_log, candidate)
            if not (config.follow and now.running):
                return
            time.sleep(LOOK_S)
    finally:
        for engine, _ in loaded.values():
            engine.close()


def _status(config: Ab, settings: Settings, comparisons: "Comparisons") -> None:
    from enactor.models.load import recorded_name
    from enactor.serve.compare import status

    experiment = comparisons.current()
    if experiment is None:
        print("no comparison was begun yet: `enactor ab start MODEL`", file=sys.stderr)
        return
    found = status(comparisons, experiment)
    print(json.dumps(found) if config.as_json else "\n".join(_lines(found)))
    now = recorded_name(settings.model)
    if experiment.running and now != experiment.incumbent:
        print(
            f"in use is {now} now, and what it answers does not count: go back, or `enactor ab stop`",
            file=sys.stderr,
        )


def _lines(found: dict[str, Any]) -> list[str]:
    head = (
        f"{found['mode']} of {found['candidate']} against {found['incumbent']}, since {found['started'][:16]}"
    )
    lines = [head, found["told"]]
    if found["mode"] == "shadow" and found["n"]:
        lines.append(f"the calls were equal in {found['same_calls']} of {found['n']}")
    if found["verdict"]:
        lines.append(f"ended {found['ended'][:16]}: {found['verdict']}")
    elif found["expected"] is None:
        lines.append(f"as it goes there will be no decision before the last of {found['most']} requests")
    else:
        lines.append(f"as it goes it takes some {found['expected']} requests in all")
    return lines


COMMAND = Command(
    Ab,
    run,
    ("model", "training_log", "context", "endpoint", "key_file", "engine_timeout", "cache"),
)
