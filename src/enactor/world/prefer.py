"""One form for commands that do the same."""

from enactor.world.commands import COMMANDS
from enactor.world.grammar import parse
from enactor.world.spec import CommandError


def preferred(line: str) -> str:
    """The line in its preferred canonical form: `TELEPORT_HOME` is `TELEPORT home`, `TALK_NPC Cook` is
    `INTERACT_NPC Cook Talk-to`. A line that does not parse comes back as it is."""
    try:
        command = parse(line)
    except CommandError:
        return line
    spec = COMMANDS[command.verb]
    if spec.prefer is None:
        return command.render()
    values = {operand.name: value for operand, value in zip(spec.operands, command.operands, strict=False)}
    return parse(spec.prefer.format(**values)).render()
