"""`enactor commands`: the declared commands, as help."""

import sys

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class Commands(Config):
    """What the game can be told: all commands by family, those of a family, or one in full."""

    verb: str | None = Field(
        None, description="A verb, a family, or part of either.", json_schema_extra={"positional": True}
    )


def run(config: Commands, settings: Settings) -> int:
    """Exit code 1 when nothing has that name."""
    from enactor.world import COMMANDS, nearest_verbs

    wanted = (config.verb or "").strip()
    if wanted.upper() in COMMANDS:
        _describe(wanted.upper())
        return 0
    found = {
        verb: spec
        for verb, spec in COMMANDS.items()
        if wanted.casefold() in verb.casefold() or wanted.casefold() == spec.family
    }
    if not found:
        near = ", ".join(nearest_verbs(wanted.upper())) or "none is close"
        print(f"enactor: no command {wanted!r}; nearest: {near}", file=sys.stderr)
        return 1
    family = None
    for verb, spec in sorted(found.items(), key=lambda pair: pair[1].family):
        if spec.family != family:
            family = spec.family
            print(f"\n{family}")
        print(f"  {verb:26} {spec.summary}")
    return 0


def _describe(verb: str) -> None:
    from enactor.world import COMMANDS, usage
    from enactor.world.reference import need_text

    spec = COMMANDS[verb]
    print(f"{usage(spec)}\n  {spec.summary}")
    print(f"  family {spec.family}, effect {spec.effect}, duration {spec.duration}")
    if spec.prefer:
        print(f"  same as {spec.prefer}, which is preferred")
    needs = [text.replace("`", "") for need in spec.needs if (text := need_text(need))]
    if needs:
        print(f"  needs {'; '.join(needs)}")
    for line in spec.examples:
        print(f"  for instance: {line}")
    for note in spec.notes:
        print(f"  {note}")


COMMAND = Command(Commands, run)
