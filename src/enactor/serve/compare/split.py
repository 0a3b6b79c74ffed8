"""Which player plays with which model, and pairs of what came of it."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from enactor.serve.compare.experiment import Experiment, Pair
from enactor.serve.compare.judge import good
from enactor.trace import Trace, trace_hash


def plays_candidate(experiment: Experiment, player: str) -> bool:
    """Whether the player (salted hash) is on the candidate's side: the same answer each time, in every
    process. Who has no name stays with the model in use."""
    if not player:
        return False
    digest = hashlib.sha256(f"{experiment.id} {player}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < experiment.share * 2**64


def model_for(experiment: Experiment | None, player: str, model: str) -> str:
    """The model's name for a player: the candidate where a split runs and says so, else `model`."""
    if experiment is None or experiment.mode != "split" or model != "default":
        return model
    return experiment.candidate if plays_candidate(experiment, player) else model


def pairs_of(experiment: Experiment, traces: Iterable[Trace]) -> Iterator[Pair]:
    """The first request of one side with the first of the other, and so on; what waits for a partner comes
    with a later look. Counts what really happened, by the ledger's outcome. A request that another model
    answered than its player's side says (a chat that was open before the start, a model of the player's
    choice) counts for neither."""
    waiting: dict[bool, list[Trace]] = {True: [], False: []}
    candidate = {experiment.candidate, Path(experiment.candidate).stem}  # the records name a file by its stem
    for trace in traces:
        if not trace.outputs or not trace.player:
            continue
        side = plays_candidate(experiment, trace.player)
        if trace.meta.get("engine") not in (candidate if side else {experiment.incumbent}):
            continue
        waiting[side].append(trace)
        if waiting[True] and waiting[False]:
            one, other = waiting[True].pop(0), waiting[False].pop(0)
            yield Pair(
                f"{trace_hash(one)} {trace_hash(other)}",
                good(one.outcome),
                good(other.outcome),
                (one.outcome, other.outcome),
                latency_ms=round(one.latency_ms, 1),
            )
