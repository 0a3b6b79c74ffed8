"""Faults in one process: the same kinds as over files, in game time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.sim import Simulator
from enactor.sim.faults import KINDS, Faults
from enactor.sim.flaky import FlakySimulator
from enactor.world import Backend

FROGS = {"location": [3197, 3169, 0], "health": [60, 60], "inventory": ["Lobster"] * 20}
VERBS = ("QUERY_NPCS", "KILL_LOOP Giant_frog none 50", "GOTO 3190 3170 0", "DROP_ITEM Lobster", "STOP")


def flaky(**faults: float) -> FlakySimulator:
    return FlakySimulator(Simulator(start=FROGS), Faults.model_validate(faults))


def test_a_lost_response_leaves_its_effect() -> None:
    backend: Backend = flaky(lost=1)
    assert backend.send("DROP_ITEM Lobster")["status"] == "timeout"
    assert backend.observe()["player"]["inventory"]["used"] == 19


def test_what_is_not_delivered_has_no_effect() -> None:
    backend = flaky(not_consumed=1)
    assert backend.send("DROP_ITEM Lobster")["delivered"] is False
    assert backend.observe()["player"]["inventory"]["used"] == 20


def test_a_lost_connection_comes_back() -> None:
    backend = flaky(disconnect=1, disconnect_s=20)
    assert backend.send("DROP_ITEM Lobster")["status"] == "timeout"
    assert backend.send("DROP_ITEM Lobster")["delivered"] is False
    backend.draw.faults = Faults()
    backend.settle(1)
    backend.simulator.advance(20)
    assert backend.send("DROP_ITEM Lobster")["status"] == "success"
    assert backend.observe()["player"]["inventory"]["used"] == 19


def test_a_state_may_be_old() -> None:
    backend = flaky(stale=1, stale_s=5)
    assert backend.send("DROP_ITEM Lobster")["status"] == "success"
    assert backend.observe()["player"]["inventory"]["used"] == 20
    backend.simulator.advance(6)
    assert backend.observe()["player"]["inventory"]["used"] == 19


def test_a_loop_ends_early() -> None:
    backend = flaky(loop_ends_early=1, loop_s=30)
    assert backend.send("KILL_LOOP Giant_frog none 500")["status"] == "success"
    assert backend.settle(10)["status"] == "running"
    assert backend.settle(600)["error"] == "sleep interrupted"
    assert backend.simulator.seconds < 40
    assert backend.observe()["active_loop"] is None


@settings(max_examples=30, deadline=None)
@given(
    lines=st.lists(st.sampled_from(VERBS), max_size=30),
    shares=st.fixed_dictionaries({kind: st.sampled_from([0.0, 0.1]) for kind in KINDS}),
    seed=st.integers(0, 99),
)
def test_the_same_seed_and_commands_give_the_same(
    lines: list[str], shares: dict[str, float], seed: int
) -> None:
    played = []
    for _ in range(2):
        backend = FlakySimulator(Simulator(3, FROGS), Faults.model_validate({**shares, "seed": seed}))
        played.append([(dict(backend.send(line)), dict(backend.settle(5))) for line in lines])
        played.append([backend.draw.journal, backend.observe()])  # type: ignore[list-item]
    assert played[:2] == played[2:]
