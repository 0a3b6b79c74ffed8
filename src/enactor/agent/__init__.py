"""The control loop. In: an engine, a `Toolbox` over a backend, a player's words. Out: a `Trace`.

`Controller.handle` carries out one request; `Session` keeps a conversation and what waits for a yes.
"""

from enactor.agent.controller import MAX_MESSAGE_CHARS, Controller, Session, nature, turn_messages
from enactor.agent.deferred import Deferred, DeferredTasks
from enactor.agent.direct import direct_lines, is_stop
from enactor.agent.gate import admit
from enactor.agent.handlers import HANDLERS
from enactor.agent.ladder import Decision, decide, shapes
from enactor.agent.reply import compose
from enactor.agent.tools import Toolbox

__all__ = [
    "HANDLERS",
    "MAX_MESSAGE_CHARS",
    "Controller",
    "Decision",
    "Deferred",
    "DeferredTasks",
    "Session",
    "Toolbox",
    "admit",
    "compose",
    "decide",
    "direct_lines",
    "is_stop",
    "nature",
    "shapes",
    "turn_messages",
]
