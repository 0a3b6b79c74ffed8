"""With real weights: greedy decoding gives the same plays twice, and the engine tells its probability."""

from dataclasses import replace

import pytest

from enactor.evaluate.drive import drive, head, todo
from enactor.evaluate.folder import RunFolder
from enactor.evaluate.metrics import figures
from enactor.evaluate.run import Policy
from enactor.evaluate.suite import load_suite
from enactor.models import load_engine

pytestmark = [pytest.mark.model, pytest.mark.slow]


def test_greedy_plays_are_the_same_twice(tmp_path):
    suite = load_suite("robust").first(4)
    found = []
    with load_engine("shipped") as engine:
        for name in ("a", "b"):
            policy = Policy("shipped", engine)
            folder = RunFolder(tmp_path / name, head(suite, {"shipped": {}}, {}))
            drive(policy, todo(folder, "shipped", suite, 0), folder)
            found.append(folder.plays("shipped"))
    first, second = ({play.item: play for play in plays} for plays in found)
    assert first.keys() == second.keys()
    for item, play in first.items():
        texts = [one["text"] for one in play.asked]
        assert texts == [one["text"] for one in second[item].asked]
        assert play.steps == second[item].steps or not play.steps
        assert replace(play, latency_ms=0, asked=(), score={}, steps=()) == replace(
            second[item], latency_ms=0, asked=(), score={}, steps=(), logprob=play.logprob
        )
        assert play.logprob == pytest.approx(second[item].logprob, abs=0.05)
        assert play.logprob < 0
    assert figures(found[0])["calibration"].n == 4
