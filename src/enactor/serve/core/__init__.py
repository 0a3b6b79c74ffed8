"""The service core behind every door: Discord, the web console, the terminal.

In: words of a `Caller` for an account. Out: events (`events`), in order, to whoever subscribed; every request
in the training log. `Service` has the contract; `Account`, `Model`, `Limits` are what it is made of.
"""

from enactor.serve.core.account import Account
from enactor.serve.core.admission import NO_PERMISSION, Permit, everyone_acts, stops
from enactor.serve.core.compare import Comparison
from enactor.serve.core.desk import Model
from enactor.serve.core.events import (
    Accepted,
    Access,
    Asks,
    Caller,
    Cancelled,
    Event,
    Failed,
    Finished,
    Interrupted,
    Over,
    Progress,
    Queued,
    Refused,
    Session,
    Shed,
    Started,
    Stepped,
    Withdrawn,
    as_record,
)
from enactor.serve.core.lane import Status, Waiting
from enactor.serve.core.limits import Limits
from enactor.serve.core.models import Models
from enactor.serve.core.opening import open_service, service_folder
from enactor.serve.core.process import serve_promptly
from enactor.serve.core.service import Service

__all__ = [
    "NO_PERMISSION",
    "Accepted",
    "Access",
    "Account",
    "Asks",
    "Caller",
    "Cancelled",
    "Comparison",
    "Event",
    "Failed",
    "Finished",
    "Interrupted",
    "Limits",
    "Model",
    "Models",
    "Over",
    "Permit",
    "Progress",
    "Queued",
    "Refused",
    "Service",
    "Session",
    "Shed",
    "Started",
    "Status",
    "Stepped",
    "Waiting",
    "Withdrawn",
    "as_record",
    "everyone_acts",
    "open_service",
    "serve_promptly",
    "service_folder",
    "stops",
]
