"""`enactor doctor`: see `enactor.serve.doctor`."""

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Doctor(Config):
    """Check the installation and say what is missing and how to get it."""

    as_json: bool = Field(False, alias="json", description="Print the findings as JSON.")


def run(config: Doctor, settings: Settings) -> int:
    """Exit code 1 when something needed for playing is missing."""
    from enactor.serve.doctor import as_json, examine, healthy, report

    findings = examine(settings)
    print(as_json(findings) if config.as_json else report(findings))
    return 0 if healthy(findings) else 1


COMMAND = Command(Doctor, run, ("model", "endpoint", "key_file", "backend", "log", "training_log", "cache"))
