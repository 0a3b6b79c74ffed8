"""`benchmarks/families.py`: nothing of a group that is held out reaches the training rows or the offers."""

import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from enactor.curate.rows import Action, Row
from enactor.prompt import tool_call
from enactor.trace.values import Message

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import described
import families

FAMILIES: dict[str, Any] = vars(families)
GROUPS = FAMILIES["GROUPS"]
N = 60


@pytest.fixture(scope="module", autouse=True)
def light() -> Any:
    """Word vectors of hashed parts of words, which need no weights, and few requests to fit to."""
    kept = described.vector, families.REQUESTS

    def vector(word: str) -> Any:
        found = np.zeros(64)
        for part in described._parts(word):
            found[zlib.crc32(part.encode()) % 64] += 1
        return found / (np.linalg.norm(found) or 1.0)

    described.vector, families.REQUESTS = vector, 120
    families.fitted.cache_clear()
    yield
    described.vector, families.REQUESTS = kept
    families.fitted.cache_clear()


def taught_for(group: Any) -> list[Row]:
    """What the adapter learns that is tested on the group."""
    return FAMILIES["training_rows"](FAMILIES["TAUGHT"][group.adapter], N, 0)


@pytest.fixture(scope="module", params=GROUPS)
def rows(request: pytest.FixtureRequest) -> tuple[str, list[Row], list[Row]]:
    group = GROUPS[request.param]
    return request.param, taught_for(group), FAMILIES["test_rows"](group, 12, 0)


def _named(row: Row) -> set[str]:
    """Every verb that the row shows, and the real ones behind made-up names."""
    calls = FAMILIES["named"](row)
    cards = [name.split()[0] for name in row.offered]
    return {*calls, *cards, *row.meta.get("renamed", {})}


def test_training_knows_nothing_of_the_group(rows: tuple[str, list[Row], list[Row]]) -> None:
    name, training, _ = rows
    verbs = FAMILIES["verbs_of"](GROUPS[name].families)
    assert len(training) >= N - 6
    assert not verbs & set().union(*map(_named, training))
    assert len({len(row.offered) for row in training}) == 1
    assert sum("renamed" in row.meta for row in training) >= 5


def test_the_test_is_of_the_group_alone(rows: tuple[str, list[Row], list[Row]]) -> None:
    name, training, test = rows
    verbs = FAMILIES["verbs_of"](GROUPS[name].families)
    assert all(set(FAMILIES["right"](row)) <= verbs for row in test)
    assert all(len(row.offered) == len(set(row.offered)) == 12 for row in test)
    assert not {row.template for row in training} & {row.template for row in test}


def test_fishing_is_taught_by_combat_alone() -> None:
    training = taught_for(GROUPS["fishing"])
    combat = FAMILIES["verbs_of"]({"combat"})
    called = set().union(*map(FAMILIES["named"], training))
    assert called
    assert called <= combat


def test_a_verb_is_found_wherever_it_stands() -> None:
    call = tool_call("defer", {"condition": "idle", "command": "FISH_DROP trout"})
    past = (Message("assistant", "", (call,)), Message("tool", '{"command": "MINE_ORE iron"}'))
    say = (Action("send_command", {"command": "EAT tuna"}),)
    row = Row("x", "simple", "f", "g", "h1:0", {}, say=say, history=past)
    assert FAMILIES["named"](row) == {"FISH_DROP", "MINE_ORE", "EAT"}


def test_offers_come_from_declarations() -> None:
    index = FAMILIES["Described"]({"FISH", "KILL_LOOP", "BANK_OPEN"})
    assert index.offer("fish some shrimp")[0] == "FISH"
    assert index.offer("open the bank")[0] == "BANK_OPEN"
    assert index.offer("open the bank", 3)[-1] == "reply"
