"""Curves to trackio, a tracker whose data stay on this machine (`trackio show` draws them)."""

from collections.abc import Callable, Mapping
from typing import Any

from enactor.errors import EnactorError

PROJECT = "enactor"


def trackio_run(name: str, config: Mapping[str, Any]) -> tuple[Callable[[Mapping[str, Any]], None], Any]:
    """A function that sends a line of the curves to the run `name` of the project `enactor`, and one that
    ends the run. A resumed run goes on under its name. Raises `EnactorError` where trackio is missing."""
    try:
        import trackio
    except ImportError as error:
        raise EnactorError(
            "`track: true` needs trackio: `pip install 'enactor[track]'`, or leave it out; curves.jsonl has "
            "the same figures"
        ) from error
    trackio.init(
        project=PROJECT,
        name=name,
        config=dict(config),
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
    )

    def send(line: Mapping[str, Any]) -> None:
        trackio.log({k: v for k, v in line.items() if k != "step"}, step=line["step"])

    return send, trackio.finish
