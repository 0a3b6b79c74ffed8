"""`enactor label`: see `enactor.serve.label`."""

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.errors import EnactorError
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.trace import TraceStore


class Label(Config):
    """Judge recorded requests on a local page; `rows` writes what was corrected as rows of a data set,
    `agreement` tells how far the annotators agree."""

    action: Literal["serve", "rows", "agreement"] = Field(
        "serve", description="What to do.", json_schema_extra={"positional": True}
    )
    annotator: str = Field("", max_length=40, description="Your name in the labels; else the page asks.")
    host: str = Field("127.0.0.1", description="Address to listen on; others than loopback need a token.")
    port: int = Field(8737, ge=0, le=65535, description="Port; 0 takes a free one.")
    token: str = Field("", description="Ask for this token; `new` makes one and shows it.")
    no_open: bool = Field(False, description="Do not open the browser.")
    out: Path = Field(Path("runs/labelled.jsonl"), description="File of `rows`.")


def run(config: Label, settings: Settings) -> int:
    """Exit code 0, after Ctrl-C too."""
    actions = {"serve": _serve, "rows": _rows, "agreement": _agreement}
    return actions[config.action](config, settings)


def _serve(config: Label, settings: Settings) -> int:
    from enactor.serve.label import Desk, listen, make_app, serve

    token = secrets.token_urlsafe(18) if config.token == "new" else config.token
    app = make_app(Desk(settings.training_log), annotator=config.annotator, token=token)
    bound = listen(config.host, config.port, token)
    host = f"[{config.host}]" if ":" in config.host else config.host
    # The token stands behind the #, which a browser keeps to itself.
    address = f"http://{host}:{bound.getsockname()[1]}/" + (f"#token={token}" if token else "")
    print(f"Labelling {settings.training_log} at {address}  (Ctrl-C ends)", flush=True)
    if not config.no_open and (os.name != "posix" or sys.platform == "darwin" or os.environ.get("DISPLAY")):
        import webbrowser

        webbrowser.open(address)
    try:
        serve(app, bound)
    except KeyboardInterrupt:
        pass
    finally:
        bound.close()
    return 0


def _rows(config: Label, settings: Settings) -> int:
    from enactor.curate import write_rows
    from enactor.serve.label import labelled_rows

    found = labelled_rows(_store(settings))
    identity = write_rows(config.out, found.rows)
    print(f"{len(found.rows)} rows, {identity}, written to {config.out}")
    for reason, n in found.refused.most_common():
        print(f"left out, {reason}: {n}")
    return 0


def _agreement(config: Label, settings: Settings) -> int:
    from enactor.serve.label import Journal, agreements

    labels = Journal(_store(settings).folder).labels()
    for name in labels.annotators():
        print(f"{name}: {sum(name in of for of in labels.of.values())} traces")
    for pair in agreements(labels):
        kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.3f}"
        print(
            f"{pair.first} and {pair.second}, {pair.question}: kappa {kappa}, "
            f"{pair.same} of {pair.n} the same"
        )
    return 0


def _store(settings: Settings) -> "TraceStore":
    from enactor.trace import TraceStore

    if not settings.training_log.is_dir():
        raise EnactorError(
            f"no traces at {settings.training_log}: name the folder of a training log with --training-log"
        )
    return TraceStore(settings.training_log)


COMMAND = Command(Label, run, ("training_log",))
