"""Commands lowered in the state of their request, each once: the rules, the cures and the canonical form all
ask for the same."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from enactor.world import Command, CommandError, GameState, lower, parse

_KEPT = 512  # lowered commands; requests are held back for some 64 turns

_lowered: OrderedDict[tuple[int, str], tuple[Mapping[str, Any], Command | CommandError]] = OrderedDict()


def lowered(line: str, state: Mapping[str, Any]) -> Command:
    """The line as it lowers in a case state, which nobody changes meanwhile. Raises CommandError."""
    key = (id(state), line)
    known = _lowered.get(key)
    if known is None:
        try:
            known = (state, lower(parse(line), GameState.from_case(state)))
        except CommandError as error:
            known = (state, error)
        _lowered[key] = known  # keeps the state, so that its id is nobody else's
        if len(_lowered) > _KEPT:
            _lowered.popitem(last=False)
    found = known[1]
    if isinstance(found, CommandError):
        raise found.with_traceback(None)
    return found
