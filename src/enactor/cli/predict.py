"""`enactor predict`: see `enactor.serve.predict`."""

import json
import sys
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Predict(Config):
    """Run the controller over requests from outside, each in a fresh simulator in the case's state."""

    cases: Path = Field(alias="in", description="File of cases, a JSON object a line.")
    out: Path = Field(description="File for the predictions, one line for each case; it is replaced.")
    as_json: bool = Field(False, alias="json", description="Print the summary as JSON on stdout.")
    traces: Path | None = Field(None, description="Folder of a trace store that is to keep every request.")


def run(config: Predict, settings: Settings) -> int:
    """Exit code 0 when predictions were written, whatever they are."""
    from enactor.errors import EnactorError
    from enactor.serve.cancellable import CancellableEngine
    from enactor.serve.opening import open_engine, system_turn
    from enactor.serve.predict import Predictor, predict_file
    from enactor.trace import TraceStore

    if not config.cases.is_file():
        raise EnactorError(f"no cases at {config.cases}: name a file with a JSON object a line")
    if settings.backend != "sim":
        raise EnactorError("predictions are made in the simulator: use `--backend sim`")
    store = TraceStore(config.traces) if config.traces else None
    for line in store.opened.lines() if store else ():
        print(line, file=sys.stderr)
    with open_engine(settings, slots=settings.slots) as engine:
        predictor = Predictor(
            CancellableEngine(engine),
            system_turn(settings.model),
            settings.seed,
            settings.loop_window,
            settings.read_only,
            settings.dry_run,
            store,
        )
        progress = _progress if sys.stderr.isatty() else None
        summary = predict_file(predictor, config.cases, config.out, slots=settings.slots, progress=progress)
    summary["model"] = settings.model
    if config.as_json:
        print(json.dumps(summary))
    else:
        for key, value in summary.items():
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            print(f"{key.replace('_', ' '):18} {shown}", file=sys.stderr)
    return 0


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\r{done}/{total}", end=end, file=sys.stderr, flush=True)


COMMAND = Command(
    Predict,
    run,
    (
        "model",
        "endpoint",
        "key_file",
        "engine_timeout",
        "fallback",
        "slots",
        "threads",
        "context",
        "seed",
        "loop_window",
        "read_only",
        "dry_run",
        "cache",
        "backend",
    ),
)
