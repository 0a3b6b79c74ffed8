"""The card of a deployed model: what the registry keeps of where it comes from and how it did."""

from collections.abc import Mapping
from typing import Any

from enactor.deploy.files import Deployed, Precision
from enactor.models import Card, Gate
from enactor.world import world_hash


def card_of(
    made: Deployed,
    precision: Precision,
    *,
    gates: Mapping[str, Gate],
    metrics: Mapping[str, Any] | None = None,
    note: str = "",
) -> Card:
    """The card of one of the files; hash and size are filled in when the registry takes it."""
    training = made.training
    return Card(
        name=made.name,
        precision=precision,
        dialect=str(training.get("dialect", "hermes")),
        world=str(training.get("world") or world_hash()),
        data=str((training.get("rows") or {}).get("hash", "")),
        training=training,
        metrics=dict(metrics or {}),
        gates=dict(gates),
        note=note,
    )
